"""An office to test in: a real service on the sandbox in a home of its own, its desk, its application, its people.

Market time goes on only when a test says so, so that what is shown can be compared with the books.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from argon2 import PasswordHasher
from httpx2 import Response
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from cryptopilot.adapters.storage.people import People
from cryptopilot.api.app import create_app
from cryptopilot.api.commands import Allowance, Allowances
from cryptopilot.api.server import make_server, take_port
from cryptopilot.domain.people import Role, User
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.access.opening import open_access
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.front_desk import FrontDesk, open_front_desk
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

HOUR = 3_600_000
PASSWORD = "copper lantern over the estuary"  # noqa: S105  # Of nobody.
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PLENTY = 1_000_000


def plenty() -> Allowances:
    """As many commands as a test likes."""
    return Allowances(Allowance(PLENTY, PLENTY), Allowance(PLENTY, PLENTY))


class Office:
    """One opened service with its application; `ada` is its admin."""

    def __init__(self, home: Path, *, allowances: Allowances | None = None, **environment: object) -> None:
        market = {"PIPELINE_SPEED": "max", "PIPELINE_SEED": 11, "CRYPTOPILOT_HOME": home}
        self.service = PipelineService(load_settings(**{**market, **environment}))
        self.service.open()
        self.later_ms = 0
        """How far the wall clock of sign-ins is put forward."""
        self.desk = self._desk()
        self.app = create_app(self.desk, allowances=allowances or plenty())
        self.client = TestClient(
            self.app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000), raise_server_exceptions=False
        )
        self.token = ""

    def _desk(self) -> FrontDesk:
        desk = open_front_desk(self.service, CHEAP)
        access = open_access(self.service.home, self.service.engine, None, passwords=CHEAP, now=self._wall)
        return replace(desk, access=access)

    def _wall(self) -> int:
        return wall_ms() + self.later_ms

    def code(self) -> str:
        found = self.service.home.setup_code()
        assert found is not None
        return found

    def sign_in(self) -> None:
        """Make ada, or let her in again."""
        if self.desk.access.sign_in.needs_setup:
            asked = {"code": self.code(), "username": "ada", "password": PASSWORD}
            answer = self.client.post("/api/auth/setup", json=asked)
        else:
            answer = self.client.post("/api/auth/login", json={"username": "ada", "password": PASSWORD})
        assert answer.status_code in (200, 201), answer.text
        self.token = answer.json()["access_token"]

    def token_of(self, username: str, role: Role) -> str:
        """The access token of a new user with another role."""
        people = People(self.service.engine)
        with people.change() as change:
            change.add_user(User(secrets.token_hex(8), username, role, CHEAP.hash(PASSWORD), wall_ms()))
        return self.desk.access.sign_in.sign_in(username, PASSWORD, "127.0.0.1").access_token

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Response:
        headers: dict[str, str] = dict(more.pop("headers", {}))
        headers.setdefault("Authorization", f"Bearer {self.token if token is None else token}")
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of a successful answer."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def post(self, path: str, asked: object = None, **more: Any) -> Any:
        if asked is not None:
            more["json"] = asked
        answer = self.ask("POST", path, **more)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def pass_time(self, hours: float) -> None:
        """Let market time go on by so much, in this thread."""
        runner = self.service._runner
        assert runner is not None
        runner.until(self.service.assembly.pipeline.handled + round(hours * HOUR))
        runner.run()
        assert self.service.error is None

    def close_instants(self, number: int = 1) -> None:
        """Let so many instants come; no market time passes after the last one."""
        for _ in range(number):
            instant = self.service._schedule.take_instant()
            self.service._clock.wait_until(instant, Event())
            self.service.assembly.pipeline.decide(instant)

    def books(self) -> object:
        """Everything that a refused request must not have changed."""
        trader = self.service.assembly.trader
        account = trader.account
        events = sum(1 for _ in self.service.assembly.journal.events(account.wallet_id))
        sessions = len(self.desk.access.sign_in.users())
        return (
            events, account.cash, dict(account.orders), dict(account.positions), account.halted, self.service.settings,
            self.service.is_running, self.desk.access.settings.all(), sessions,
        )  # fmt: skip

    def actions(self) -> list[str]:
        """What is in the audit trail, oldest first."""
        return [e.action for e in reversed(self.desk.access.audit.entries(1000))]


@contextmanager
def opened(home: Path, **more: Any) -> Iterator[Office]:
    """An office with ada signed in, until the end of the block."""
    office = Office(home, **more)
    try:
        with office.client:
            office.sign_in()
            yield office
    finally:
        office.service.close()


@contextmanager
def served(office: Office) -> Iterator[str]:
    """The office on a free loopback port, by its address, until the end of the block."""
    with take_port(office.service.settings.model_copy(update={"port": 0}), has_users=True) as taken:
        server = make_server(office.app, office.service.settings)
        thread = Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def exactly(shape: Any, document: object) -> None:
    """Require that *document* has every field of *shape*, each of its kind, and no other, all the way down.

    Raises:
        ValidationError: it does not.
    """
    TypeAdapter(shape).validate_python(document, strict=True, extra="forbid")


def problem_of(answer: Response, status: int, code: str | None = None) -> Mapping[str, Any]:
    """The problem document of an answer that failed as it should."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(document)
    assert document["status"] == status
    assert code in (None, document["code"])
    return document

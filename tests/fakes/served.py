"""A whole server on a free loopback port, over a service whose instants a test decides one by one."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any

import uvicorn
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from cryptopilot.api.app import create_app
from cryptopilot.api.server import make_server, take_port
from cryptopilot.api.stream import Hub
from cryptopilot.domain.errors import JournalUnavailableError
from cryptopilot.domain.people import Granted
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.access.tokens import KeyRing, Tokens
from cryptopilot.runtime.front_desk import FrontDesk, open_front_desk
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from tests.fakes.access import PASSWORD, cheap_passwords

USERNAME, ADDRESS = "Ada", "127.0.0.1"


@dataclass
class Served:
    """A running server and what stands behind it."""

    service: PipelineService
    desk: FrontDesk
    server: uvicorn.Server
    port: int
    granted: Granted

    @property
    def hub(self) -> Hub:
        """The stream's; it listens for sessions that end."""
        return next(
            listener.__self__
            for listener in self.desk.access.sign_in.on_revoked
            if isinstance(listener, MethodType) and isinstance(listener.__self__, Hub)
        )

    def connected_ports(self) -> set[int]:
        """The ports of all who are connected, whether or not anybody talks with them."""
        peers = [getattr(connection, "client", None) for connection in list(self.server.server_state.connections)]
        return {peer[1] for peer in peers if peer is not None}

    @property
    def token(self) -> str:
        return self.granted.access_token

    def another_session(self) -> Granted:
        """The same user, signed in once more."""
        return self.desk.access.sign_in.sign_in(USERNAME, PASSWORD, ADDRESS)

    def token_for(self, seconds: float) -> str:
        """A token of the user's session that ends so soon."""
        tokens = Tokens(KeyRing(self.service.home.signing_keys(None)))
        return tokens.issue(self.granted.identity._replace(expires_at=wall_ms() + int(seconds * 1000)))

    def decide(self, instants: int) -> None:
        """Let the next instants happen as the runner does, one after the other, in the caller's thread."""
        pipeline = self.service.assembly.pipeline
        for _ in range(instants):
            instant = pipeline.handled + self.service.assembly.market.candles.timeframe_ms
            try:
                pipeline.decide(instant)
            except JournalUnavailableError as error:
                pipeline.protect(instant, str(error))

    def get(self, path: str) -> Any:
        """What the REST API answers."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310  # Loopback.
            return json.load(answer)


@contextmanager
def served(home: Path, **settings: Any) -> Iterator[Served]:
    """A server on the sandbox market, its pipeline started, its clock standing still, one user signed in."""
    service = PipelineService(load_settings(CRYPTOPILOT_HOME=str(home), PORT=0, PIPELINE_SEED=11, **settings))
    service.open()
    try:
        desk = open_front_desk(service, cheap_passwords())
        sign_in = desk.access.sign_in
        code = service.home.setup_code()
        granted = (
            sign_in.set_up(code, USERNAME, PASSWORD, ADDRESS)
            if code is not None
            else sign_in.sign_in(USERNAME, PASSWORD, ADDRESS)
        )
        service.start_pipeline()
        taken = take_port(service.settings, has_users=True)
        server = make_server(create_app(desk), service.settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, name="http")
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            yield Served(service, desk, server, taken.getsockname()[1], granted)
        finally:
            server.should_exit = True
            thread.join(20)
            taken.close()
            desk.feed.close()
    finally:
        service.close()


@contextmanager
def database_away(service: PipelineService) -> Iterator[None]:
    """Meanwhile the database answers nothing, to nobody."""
    engines = [engine for engine in (service._engine, service._doors) if engine is not None]

    def refuse(*_: object) -> None:
        raise OperationalError("", None, OSError("the database is away"))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", refuse)


def until(happens: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what another thread does.

    Raises:
        TimeoutError: it has not.
    """
    patience = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > patience:
            raise TimeoutError("what was waited for has not happened")
        time.sleep(0.005)

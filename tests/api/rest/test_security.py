"""SECURITY.md over HTTP: each test is named by its row."""

import base64
import json
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cryptopilot.adapters.storage import schema
from cryptopilot.api.app import create_app
from cryptopilot.api.auth import COOKIE
from cryptopilot.api.commands import Allowance, Allowances
from cryptopilot.api.server import take_port
from cryptopilot.domain.errors import InvalidValueError, JournalUnavailableError
from cryptopilot.domain.people import AuditCorruptError, Role
from cryptopilot.runtime.access.tokens import AUDIENCE, ISSUER
from cryptopilot.runtime.settings import load_settings
from tests.api.rest.office import PASSWORD, Office, opened, plenty, problem_of
from tests.conftest import ROOT
from tests.fakes.served import served

PIPELINE = "/api/trading-pipeline"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # What the row is about.
REMOTE = {
    "HOST": EVERYWHERE, "CRYPTOPILOT_ALLOW_REMOTE": "true", "CRYPTOPILOT_HOSTS": "pilot.example",
    "CRYPTOPILOT_TRUSTED_PROXY": "127.0.0.1",
}  # fmt: skip


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Office]:
    """An office of a test's own."""
    with opened(tmp_path / "own") as found:
        yield found


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("CRYPTOPILOT_ALLOW_REMOTE", "CRYPTOPILOT_ALLOW_REMOTE"),
        ("CRYPTOPILOT_HOSTS", "CRYPTOPILOT_HOSTS"),
        ("CRYPTOPILOT_TRUSTED_PROXY", "CRYPTOPILOT_TLS_CERTIFICATE"),
        ("users", "a first user"),
    ],
)
def test_r1_an_address_open_to_others_is_refused_by_what_is_missing(left_out: str, named: str) -> None:
    settings = load_settings(**{k: v for k, v in REMOTE.items() if k != left_out}, PORT=0)
    with pytest.raises(InvalidValueError, match=named) as told:
        take_port(settings, has_users=left_out != "users")
    assert told.value.field == "HOST"
    assert len(told.value.allowed.split(";")) == 2  # Only what is missing is asked for.


@pytest.mark.parametrize(
    "environment",
    [
        REMOTE,
        {"HOST": "127.0.0.1"},
        {"HOST": "localhost"},
        {"HOST": EVERYWHERE, "CRYPTOPILOT_CONTAINER": "true"},
        {**REMOTE, "CRYPTOPILOT_TRUSTED_PROXY": None, "CRYPTOPILOT_TLS_CERTIFICATE": "c", "CRYPTOPILOT_TLS_KEY": "k"},
    ],
)
def test_r1_an_address_that_is_declared_is_taken(environment: dict[str, str]) -> None:
    with take_port(load_settings(**environment, PORT=0), has_users=environment["HOST"] == EVERYWHERE) as taken:
        assert taken.getsockname()[1] > 0


def test_r1_a_certificate_without_its_key_is_no_tls() -> None:
    halved = {**REMOTE, "CRYPTOPILOT_TRUSTED_PROXY": None, "CRYPTOPILOT_TLS_CERTIFICATE": "c"}
    with pytest.raises(InvalidValueError, match="CRYPTOPILOT_TLS_KEY"):
        take_port(load_settings(**halved, PORT=0), has_users=True)


def test_r1_a_port_that_is_taken_is_an_error_by_name() -> None:
    with take_port(load_settings(PORT=0), has_users=False) as taken:
        with pytest.raises(InvalidValueError, match="PORT") as told:
            take_port(load_settings(PORT=taken.getsockname()[1]), has_users=False)
        assert told.value.field == "PORT"


def test_r2_a_second_set_up_is_gone_for_ever_also_after_a_restart(tmp_path: Path) -> None:
    asked = {"code": "ABCD-EFGH", "username": "eve", "password": "another lantern in the estuary"}
    with opened(tmp_path / "home") as office:
        problem_of(office.client.post("/api/auth/setup", json=asked), 410, "setup_closed")
    with opened(tmp_path / "home") as office:
        problem_of(office.client.post("/api/auth/setup", json=asked), 410, "setup_closed")
        assert [u.username for u in office.desk.access.sign_in.users()] == ["ada"]
        assert office.service.home.setup_code() is None


def test_r2_of_many_set_ups_at_once_one_makes_the_first_user(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    code = office.code()

    def set_up(number: int) -> int:
        asked = {"code": code, "username": f"user{number}", "password": PASSWORD}
        return office.client.post("/api/auth/setup", json=asked).status_code

    with office.client, ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(set_up, range(4)))
    users = office.desk.access.sign_in.users()
    office.service.close()
    assert (answers, len(users)) == ([201, 410, 410, 410], 1)


def test_r2_a_wrong_code_makes_nobody_and_is_slowed_down(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    asked = {"code": "WRONG-CODE", "username": "eve", "password": PASSWORD}
    with office.client:
        codes = [office.client.post("/api/auth/setup", json=asked) for _ in range(8)]
        users = office.desk.access.sign_in.users()
    office.service.close()
    assert "WRONG-CODE" not in problem_of(codes[0], 403, "wrong_code")["detail"]
    problem_of(codes[-1], 429, "too_many")
    assert int(codes[-1].headers["retry-after"]) > 0
    assert users == []


@pytest.mark.parametrize("password", ["short", "password1234", "ada-ada-ada-ada", "cryptopilot2024", "x" * 129])
def test_r3_a_weak_password_is_refused_and_not_repeated(tmp_path: Path, password: str) -> None:
    office = Office(tmp_path / "home")
    with office.client:
        asked = {"code": office.code(), "username": "ada", "password": password}
        answer = office.client.post("/api/auth/setup", json=asked)
    office.service.close()
    told = problem_of(answer, 422)
    assert (told["field"], told["value"]) == ("password", "***")
    assert password not in answer.text.replace("at least 12", "")


def signed(office: Office, *, key: str | None = None, algorithm: str = "HS256", kid: str = "", **changes: Any) -> str:
    """A token like ada's, but for what is changed; None leaves a claim out."""
    newest = office.service.home.signing_keys(None)[-1]
    claims = {**jwt.decode(office.token, options={"verify_signature": False}), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or newest.key, algorithm, {"kid": kid or newest.kid})


def unsigned(office: Office) -> str:
    header, claims, _ = office.token.split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    assert header != none
    return f"{none}.{claims}."


def tampered(office: Office) -> str:
    header, claims, signature = office.token.split(".")
    raised = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"role": "admin", "name": "eve"}
    return ".".join((header, base64.urlsafe_b64encode(json.dumps(raised).encode()).decode().rstrip("="), signature))


STRANGE_TOKENS: dict[str, Callable[[Office], str]] = {
    "none": lambda _: "",
    "no algorithm": unsigned,
    "another algorithm": lambda o: signed(o, algorithm="HS512"),
    "another key": lambda o: signed(o, key="k" * 64),
    "an unknown key's name": lambda o: signed(o, kid="unknown"),
    "expired": lambda o: signed(o, iat=1, nbf=1, exp=901),
    "not yet valid": lambda o: signed(o, nbf=2**33, iat=2**33, exp=2**33 + 900),
    "a long life": lambda o: signed(o, exp=2**33),
    "another issuer": lambda o: signed(o, iss="eve"),
    "another audience": lambda o: signed(o, aud="eve"),
    "many audiences": lambda o: signed(o, aud=["cryptopilot"]),
    "no session": lambda o: signed(o, sid=None),
    "no id": lambda o: signed(o, jti=None),
    "an unknown role": lambda o: signed(o, role="god"),
    "tampered": tampered,
    "a half": lambda o: o.token[: len(o.token) // 2],
    "two": lambda o: f"{o.token}, {o.token}",
    "10 kB": lambda _: "a" * 10_000,
    "10 kB of dots": lambda _: "." * 10_000,
    "letters of another alphabet": lambda _: "ключ",
}


@pytest.mark.parametrize(
    "secret",
    ["short", "a" * 64, "your-256-bit-secret-your-256-bit-secret", "CHANGE_ME_CHANGE_ME_please_9x7q2w4z8k"],
)
def test_r4_a_server_with_a_secret_that_others_could_guess_answers_nobody(tmp_path: Path, secret: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = {"PORT": str(port), "CRYPTOPILOT_HOME": str(tmp_path / "home"), "JWT_SECRET_KEY": secret}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "JWT_SECRET_KEY" in done.stderr
    assert "set-up code" not in done.stderr
    assert secret not in done.stdout + done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_r4_a_server_with_a_random_secret_serves_tokens_of_it(tmp_path: Path) -> None:
    secret = secrets.token_urlsafe(48)
    with served(tmp_path / "home", JWT_SECRET_KEY=secret) as server:
        assert server.get("/api/auth/me")["user"]["username"] == "Ada"
        assert jwt.decode(server.token, secret, ["HS256"], audience=AUDIENCE)["iss"] == ISSUER


@pytest.mark.parametrize("kind", STRANGE_TOKENS)
@pytest.mark.parametrize("path", ["/api/risk", "/api/orders", "/api/auth/me"])
def test_r5_a_token_that_does_not_count_is_refused_hot_and_cold(office: Office, kind: str, path: str) -> None:
    token = STRANGE_TOKENS[kind](office)
    answer = office.client.get(path, headers=[(b"Authorization", f"Bearer {token}".encode())])
    told = problem_of(answer, 401, "unauthorised")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert len(token) < 20 or token not in told["detail"]


@pytest.mark.parametrize("value", ["", "Bearer", "Basic YWRhOmFkYQ==", "bearer", "Token x", "Bearer\tx"])
def test_r5_an_authorization_that_is_no_bearer_token_is_refused(office: Office, value: str) -> None:
    for path in ("/api/risk", "/api/orders"):
        problem_of(office.client.get(path, headers={"Authorization": value}), 401)
    problem_of(office.client.post(f"{PIPELINE}/stop", headers={"Authorization": value}), 401)


def test_r5_an_access_token_ends_after_fifteen_minutes(fresh: Office) -> None:
    for path in ("/api/risk", "/api/orders"):
        assert fresh.ask("GET", path).status_code == 200
    fresh.later_ms = 901_000
    for path in ("/api/risk", "/api/orders"):
        assert "expired" in problem_of(fresh.ask("GET", path), 401)["detail"]
    problem_of(fresh.ask("POST", f"{PIPELINE}/start"), 401)
    assert not fresh.service.is_running


def test_r5_a_replayed_refresh_token_ends_the_session(fresh: Office) -> None:
    spent = fresh.client.cookies[COOKIE]
    granted = fresh.client.post("/api/auth/refresh")
    token = granted.json()["access_token"]
    assert granted.status_code == 200
    assert fresh.client.cookies[COOKIE] != spent
    fresh.later_ms = 60_000
    thief = TestClient(fresh.app, base_url="http://127.0.0.1", cookies={COOKIE: spent})
    problem_of(thief.post("/api/auth/refresh"), 401, "credentials_refused")
    for path in ("/api/risk", "/api/orders"):
        assert "revoked" in problem_of(fresh.ask("GET", path, token=token), 401)["detail"]
    problem_of(fresh.client.post("/api/auth/refresh"), 401, "credentials_refused")
    assert "refresh_reused" in fresh.actions()


def test_r5_a_log_out_ends_the_session_at_once(fresh: Office) -> None:
    fresh.post("/api/auth/logout")
    for path in ("/api/risk", "/api/orders"):
        problem_of(fresh.ask("GET", path), 401)
    assert COOKIE not in fresh.client.cookies
    problem_of(fresh.client.post("/api/auth/refresh"), 401)


@pytest.mark.parametrize("value", ["", "x", "a" * 43, "a" * 10_000, '"; DROP TABLE users'])
def test_r5_a_refresh_token_that_is_none_is_refused(office: Office, value: str) -> None:
    stranger = TestClient(office.app, base_url="http://127.0.0.1")
    answer = stranger.post("/api/auth/refresh", headers={"Cookie": f"{COOKIE}={value}"})
    problem_of(answer, 401, "credentials_refused")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_r6_the_refresh_token_is_a_cookie_that_scripts_and_other_sites_cannot_use(office: Office, scheme: str) -> None:
    browser = TestClient(office.app, base_url=f"{scheme}://127.0.0.1")
    answer = browser.post("/api/auth/login", json={"username": "ada", "password": PASSWORD})
    flags = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/api/auth"} <= flags
    assert ("secure" in flags) is (scheme == "https")
    assert browser.cookies[COOKIE] not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_r6_a_page_learns_that_a_refresh_is_worth_trying_and_nothing_of_its_token(fresh: Office) -> None:
    spent, told = fresh.client.cookies[COOKIE], fresh.client.get("/api/auth/setup")
    assert told.json() == {"setup_needed": False, "may_refresh": True}
    assert "set-cookie" not in told.headers
    fresh.post("/api/auth/logout")
    assert fresh.client.get("/api/auth/setup").json()["may_refresh"] is False
    thief = TestClient(fresh.app, base_url="http://127.0.0.1", cookies={COOKIE: spent})
    forger = TestClient(fresh.app, base_url="http://127.0.0.1", cookies={COOKIE: "x"})
    answers = [one.get("/api/auth/setup").json() for one in (thief, forger)]
    assert answers[0] == answers[1]  # Whether a token counts is for a refresh alone to say.


def test_r6_no_token_password_or_code_is_ever_logged(fresh: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fresh.client.post("/api/auth/login", json={"username": "ada", "password": PASSWORD})
    refresh = fresh.client.cookies[COOKIE]
    fresh.client.post("/api/auth/login", json={"username": PASSWORD, "password": "wrong wrong wrong"})
    fresh.post(f"{PIPELINE}/start")
    fresh.pass_time(2)
    fresh.get("/api/orders")
    fresh.ask("GET", "/api/risk", token=fresh.token + "x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(fresh.service), "statistics", lambda _: 1 / 0)
        problem_of(fresh.ask("GET", f"{PIPELINE}/statistics"), 500)
    logged = caplog.text + "".join(str(vars(r)) for r in caplog.records)
    assert "ZeroDivisionError" in logged
    for secret in (fresh.token, refresh, PASSWORD, "wrong wrong wrong", fresh.token.rpartition(".")[2]):
        assert secret not in logged
    audit = json.dumps(fresh.get("/api/audit")["entries"])
    for secret in (fresh.token, refresh, PASSWORD):
        assert secret not in audit


def test_r6_no_route_takes_a_token_in_its_address(office: Office) -> None:
    for name in ("token", "access_token", "authorization", "jwt"):
        for path in ("/api/risk", "/api/orders", "/api/auth/me"):
            problem_of(office.client.get(f"{path}?{name}={office.token}"), 401)
    parameters = [
        p["name"] for path in office.get("/api/openapi.json")["paths"].values() for operation in path.values()
        for p in operation.get("parameters", []) if p["in"] in ("query", "path")
    ]  # fmt: skip
    assert parameters
    assert not [name for name in parameters if "token" in name.lower()]


HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "evil.example:5000",
    "127.0.0.2",
    "[::2]",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/health/live", "/api/risk", "/api/orders", "/metrics"])
def test_r9_another_hosts_name_is_misdirected(office: Office, host: str, path: str) -> None:
    told = problem_of(office.ask("GET", path, headers={"Host": host}), 421, "wrong_host")
    assert "localhost" in told["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:5000", "[::1]:5000", "[::1]"])
def test_r9_loopbacks_own_names_are_known(office: Office, host: str) -> None:
    assert office.ask("GET", "/api/risk", headers={"Host": host}).status_code == 200


def test_r9_a_declared_name_is_known_and_no_other(office: Office) -> None:
    app = create_app(office.desk, frozenset({"pilot.example"}))
    client = TestClient(app, base_url="http://pilot.example")
    assert client.get("/health/live").status_code == 200
    problem_of(client.get("/health/live", headers={"Host": "evil.example"}), 421)


ORIGINS = ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:81", "http://localhost", "", "file://"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_r9_another_sites_page_is_refused(office: Office, origin: str) -> None:
    before = office.books()
    for method, path in (("GET", "/api/risk"), ("POST", f"{PIPELINE}/clear-cache"), ("POST", "/api/auth/refresh")):
        problem_of(office.ask(method, path, headers={"Origin": origin}), 403, "wrong_origin")
    assert office.books() == before
    assert office.ask("GET", "/api/risk", headers={"Origin": "http://127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_r9_a_stranger_gets_no_stream(office: Office, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as told, office.client.websocket_connect("/api/stream", headers=headers):
        pass
    assert told.value.code == 4403


def test_r9_no_other_site_is_told_that_it_may(office: Office) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = office.client.request("OPTIONS", "/api/risk/halt", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_r23_a_viewer_looks_and_changes_nothing(fresh: Office) -> None:
    viewer = fresh.token_of("grace", Role.VIEWER)
    before = fresh.books()
    assert fresh.ask("GET", "/api/orders", token=viewer).status_code == 200
    document = fresh.get("/api/openapi.json")
    tried = 0
    for path, operations in document["paths"].items():
        for method in {"post", "put", "delete"} & set(operations):
            if path.startswith("/api/auth/"):
                continue
            body = {"why": "because"} if path.startswith("/api/risk/") and method == "post" else {}
            asked = re.sub(r"{\w+}", "x", path)
            answer = fresh.ask(method.upper(), asked, token=viewer, json=body)
            told = problem_of(answer, 403, "role_refused")
            assert (told["field"], told["value"]) == ("role", "viewer")
            tried += 1
    assert tried >= 15
    assert fresh.books() == before


def test_r26_each_command_leaves_its_line_and_the_chain_holds(fresh: Office) -> None:
    commands: list[tuple[str, str, str, object]] = [
        ("POST", f"{PIPELINE}/start", "pipeline.start", None),
        ("POST", f"{PIPELINE}/stop", "pipeline.stop", None),
        ("POST", f"{PIPELINE}/force-collect", "force.collector", None),
        ("POST", f"{PIPELINE}/force-predict", "force.predictor", None),
        ("POST", f"{PIPELINE}/force-signals", "force.strategy", None),
        ("POST", f"{PIPELINE}/force-execute", "force.trader", None),
        ("POST", f"{PIPELINE}/clear-cache", "cache.clear", None),
        ("PUT", f"{PIPELINE}/config", "config.change", {"cooldown": 60}),
        ("PUT", "/api/risk/limits", "limits.change", {"max_drawdown": 0.2}),
        ("POST", "/api/risk/halt", "risk.halt", {"why": "a look"}),
        ("POST", "/api/risk/resume", "risk.resume", {"why": "looked"}),
        ("POST", "/api/positions/close-all", "position.close_all", None),
        ("POST", "/api/auth/logout", "sign_out", None),
    ]
    for method, path, action, asked in commands:
        more: dict[str, Any] = {} if asked is None else {"json": asked}
        assert fresh.ask(method, path, **more).status_code == 200, path
        entry = fresh.desk.access.audit.entries(1)[0]
        assert (entry.who, entry.action) == ("ada", action)
    assert fresh.actions() == ["set_up", *(action for _, _, action, _ in commands)]
    assert fresh.desk.access.audit.verify() == len(commands) + 1


def test_r26_a_line_that_was_changed_is_found(fresh: Office) -> None:
    fresh.post("/api/risk/halt", {"why": "a look"})
    fresh.post("/api/risk/resume", {"why": "looked"})
    with fresh.service.engine.begin() as connection:
        connection.execute(update(schema.audit).where(schema.audit.c.seq == 2).values(who="eve"))
    with pytest.raises(AuditCorruptError, match="2"):
        fresh.desk.access.audit.verify()


def test_r27_the_same_key_does_the_thing_once_and_repeats_the_answer(fresh: Office) -> None:
    headers = {"Idempotency-Key": "3f0c1a52-0001"}
    first = fresh.ask("POST", "/api/risk/halt", json={"why": "a look"}, headers=headers)
    events = fresh.books()
    again = fresh.ask("POST", "/api/risk/halt", json={"why": "a look"}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == headers["Idempotency-Key"]
    assert fresh.books() == events
    assert fresh.actions().count("risk.halt") == 1


def test_r27_the_same_key_counts_after_a_restart(tmp_path: Path) -> None:
    headers = {"Idempotency-Key": "3f0c1a52-0002"}
    with opened(tmp_path / "home") as office:
        first = office.ask("POST", "/api/risk/halt", json={"why": "a look"}, headers=headers)
    with opened(tmp_path / "home") as office:
        again = office.ask("POST", "/api/risk/halt", json={"why": "a look"}, headers=headers)
        assert (again.status_code, again.content) == (200, first.content)
        assert office.actions().count("risk.halt") == 1


@pytest.mark.parametrize(
    ("path", "asked"), [("/api/risk/halt", {"why": "else"}), ("/api/risk/resume", {"why": "a look"})]
)
def test_r27_the_same_key_for_another_call_is_refused(fresh: Office, path: str, asked: object) -> None:
    headers = {"Idempotency-Key": "3f0c1a52-0003"}
    fresh.ask("POST", "/api/risk/halt", json={"why": "a look"}, headers=headers)
    problem_of(fresh.ask("POST", path, json=asked, headers=headers), 422, "key_reused")
    assert fresh.get("/api/risk")["risk"]["state"] == "halted"


def test_r27_the_same_key_of_another_user_is_another_key(fresh: Office) -> None:
    headers = {"Idempotency-Key": "3f0c1a52-0004"}
    token = fresh.token_of("grace", Role.OPERATOR)
    fresh.ask("POST", f"{PIPELINE}/start", headers=headers)
    problem_of(fresh.ask("POST", f"{PIPELINE}/start", headers=headers, token=token), 409, "conflict")


def test_r27_the_same_key_at_the_same_time_does_the_thing_once(fresh: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    clear, done = fresh.service.clear_cache, []

    def slowly() -> dict[str, int]:
        time.sleep(0.2)
        done.append(1)
        return clear()

    monkeypatch.setattr(fresh.service, "clear_cache", slowly)
    headers = {"Idempotency-Key": "3f0c1a52-0005"}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: fresh.ask("POST", f"{PIPELINE}/clear-cache", headers=headers), range(6)))
    assert len(done) == 1
    assert {a.status_code for a in answers} <= {200, 409}
    for refused in (a for a in answers if a.status_code == 409):
        problem_of(refused, 409, "in_hand")
    assert fresh.actions().count("cache.clear") == 1


def test_r27_a_key_is_made_when_there_is_none_and_a_refusal_is_not_kept(fresh: Office) -> None:
    made = {fresh.ask("POST", f"{PIPELINE}/clear-cache").headers["idempotency-key"] for _ in range(3)}
    assert len(made) == 3
    headers = {"Idempotency-Key": "3f0c1a52-0006"}
    problem_of(fresh.ask("POST", f"{PIPELINE}/stop", headers=headers), 409)
    fresh.post(f"{PIPELINE}/start")
    assert fresh.ask("POST", f"{PIPELINE}/stop", headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["short", "x" * 129, "with a blank in it", "schlüssel-schlüssel".encode("latin-1")])
def test_r27_a_key_that_is_none_is_refused(office: Office, key: str | bytes) -> None:
    answer = office.ask("POST", f"{PIPELINE}/clear-cache", headers={"Idempotency-Key": key})
    told = problem_of(answer, 422)
    assert told["field"] == "Idempotency-Key"
    assert told["allowed"]


def test_r27_an_answer_that_cannot_be_kept_is_given_all_the_same(
    fresh: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise JournalUnavailableError("the database is away")

    monkeypatch.setattr(type(fresh.desk.access.answers), "keep", away)
    fresh.post(f"{PIPELINE}/start")
    assert fresh.service.is_running


def test_r27_more_commands_than_a_person_could_mean_have_to_wait(fresh: Office) -> None:
    now = [0.0]

    def allowances() -> Allowances:
        return Allowances(Allowance(4, 1.0, lambda: now[0]), Allowance(2, 0.5, lambda: now[0]))

    client = TestClient(create_app(fresh.desk, allowances=allowances()), base_url="http://127.0.0.1")
    headers = {"Authorization": f"Bearer {fresh.token}"}

    def ask(path: str) -> Any:
        return client.post(f"{PIPELINE}/{path}", headers=headers)

    assert [ask("force-collect").status_code for _ in range(2)] == [200, 200]
    told = ask("force-collect")
    assert problem_of(told, 429, "too_many")
    assert int(told.headers["retry-after"]) == 2
    assert ask("clear-cache").status_code == 200  # The third call of four spent one, forced or not.
    problem_of(ask("clear-cache"), 429)
    now[0] = 2000.0
    assert [ask(path).status_code for path in ("force-collect", "clear-cache", "clear-cache")] == [200, 200, 429]


GUARDS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "hot": ("GET", "/api/risk", {}),
    "cold": ("GET", "/api/orders", {}),
    "done": ("POST", f"{PIPELINE}/clear-cache", {}),
    "the page": ("GET", "/", {}),
    "health": ("GET", "/health/ready", {}),
    "head": ("HEAD", "/health/live", {}),
    "metrics": ("GET", "/metrics", {}),
    "401": ("GET", "/api/risk", {"token": "x"}),
    "403": ("GET", "/api/risk", {"headers": {"Origin": "http://evil.example"}}),
    "404": ("GET", "/api/nothing", {}),
    "405": ("DELETE", "/api/risk", {}),
    "409": ("POST", f"{PIPELINE}/start", {}),
    "413": ("POST", "/api/risk/halt", {"json": {"why": "x" * 70_000}}),
    "415": ("POST", "/api/risk/halt", {"content": "why=x", "headers": {"Content-Type": "text/plain"}}),
    "421": ("GET", "/api/risk", {"headers": {"Host": "evil.example"}}),
    "422": ("GET", "/api/orders?limit=0", {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_r28_every_kind_of_answer_is_guarded(office: Office, kind: str) -> None:
    method, path, more = KINDS[kind]
    answer = office.ask(method, path, **more)
    assert str(answer.status_code) == kind or answer.status_code == 200
    for name, value in GUARDS.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "strict-transport-security" not in answer.headers
    if path.startswith("/api/"):
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/risk", "/api/orders", "/"])
def test_r28_over_tls_it_is_always_tls(office: Office, path: str) -> None:
    client = TestClient(office.app, base_url="https://127.0.0.1")
    answer = client.get(path, headers={"Authorization": f"Bearer {office.token}"})
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]


def test_r28_the_built_page_is_guarded_and_hides_no_method(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>CryptoPilot</title>")
    (tmp_path / "app.js").write_text("1")
    monkeypatch.setattr("cryptopilot.api.page.BUILT", tmp_path)
    client = TestClient(create_app(office.desk, allowances=plenty()), base_url="http://127.0.0.1")
    for path, kind in (("/", "text/html"), ("/app.js", "text/javascript")):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["x-frame-options"] == "DENY"
    told = client.get("/api/risk/halt")
    problem_of(told, 405, "method_not_allowed")
    assert told.headers["allow"] == "POST"
    problem_of(client.get("/api/nothing"), 404)
    problem_of(client.post("/app.js"), 404)
    problem_of(client.get("/../../pyproject.toml"), 404)
    problem_of(client.get("/%2e%2e/%2e%2e/pyproject.toml"), 404)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/nothing"):
        pass

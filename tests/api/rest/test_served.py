"""The server as people start it: its sockets, its logs, and what it does with requests that no client would send."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx2
import psutil
import pytest

from cryptopilot.api import server
from cryptopilot.api.auth import COOKIE
from cryptopilot.api.server import LONGEST_HEAD
from tests.api.rest.office import PASSWORD, Office, opened, served
from tests.conftest import ROOT


class Running(NamedTuple):
    """`python app.py`: its process, its address, its one-time code, and where it logs to."""

    process: psutil.Process
    address: str
    code: str
    log: Path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A first start, with nothing said but a home, a port that is free, and a quick market."""
    log = tmp_path / "log"
    environment = {
        **os.environ, "CRYPTOPILOT_HOME": str(tmp_path / "home"), "PORT": "0", "PIPELINE_LOG_FORMAT": "json",
        "PIPELINE_SPEED": "3600",
    }  # fmt: skip
    with log.open("wb") as stderr:
        started = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=stderr, stderr=stderr)
    try:
        yield Running(psutil.Process(started.pid), *announced(started, log), log)
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0


def announced(started: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """The address and the code, as soon as they are printed."""
    for _ in range(600):
        said = log.read_text()
        address, code = re.search(r"http://127\.0\.0\.1:\d+", said), re.search(r"set-up code: (\S+)", said)
        if address and code:
            return address[0], code[1]
        assert started.poll() is None, said
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_r1_r6_a_first_start_listens_on_loopback_only_and_logs_no_secret(running: Running) -> None:
    listening = [c.laddr.ip for c in running.process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    with httpx2.Client(base_url=running.address) as client:
        asked = {"code": running.code, "username": "ada", "password": PASSWORD}
        granted = client.post("/api/auth/setup", json=asked)
        assert granted.status_code == 201
        token, refresh = granted.json()["access_token"], client.cookies[COOKIE]
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("/api/trading-pipeline/status", "/api/orders", "/api/nothing", "/api/orders?limit=0"):
            client.get(path, headers=headers)
        client.post("/api/auth/login", json={"username": "ada", "password": "wrong wrong wrong"})
        client.post("/api/risk/halt", json={"why": "a look"}, headers=headers)
        assert client.post("/api/auth/refresh").status_code == 200
        assert client.get("/api/risk", headers=headers).json()["risk"]["halted_by"] == "ada"
    logged = running.log.read_text()
    assert "entries_halted" in logged
    for secret in (token, refresh, PASSWORD, "wrong wrong wrong", "Bearer"):
        assert secret not in logged


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str, int]]:
    with opened(tmp_path_factory.mktemp("home")) as office, served(office) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        yield office, host, int(port)


def answered(host: str, port: int, *parts: bytes) -> bytes:
    """What raw bytes are answered with, until the server closes or has said all."""
    with socket.create_connection((host, port), timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has heard enough.
        heard = b""
        try:
            while part := connection.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
        return heard


def request(live: tuple[Office, str, int], line: str, *headers: str) -> bytes:
    office, host, port = live
    known = [line, f"Host: {host}:{port}", f"Authorization: Bearer {office.token}", "Connection: close", *headers]
    return "\r\n".join([*known, "", ""]).encode("latin-1")


def test_r34_a_head_without_an_end_is_not_kept(live: tuple[Office, str, int]) -> None:
    office, host, port = live
    for endless in (b"GET / HTTP/1.1\r\nX: ", b"GET /"):
        heard = answered(host, port, endless, *[b"x" * 65536] * 500)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 431 "), heard[:100]  # Else it is still waiting for the end.
    assert office.get("/api/risk")["success"] is True


def test_r34_a_head_that_is_too_long_is_told_so(live: tuple[Office, str, int]) -> None:
    _, host, port = live
    head, _, body = answered(host, port, b"GET / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "head_too_large"


def test_a_long_head_that_is_allowed_is_heard(live: tuple[Office, str, int]) -> None:
    heard = answered(*live[1:], request(live, "GET /api/risk HTTP/1.1", "X: " + "x" * 30_000))
    assert heard.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "raw",
    [b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"],
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(live: tuple[Office, str, int], raw: bytes) -> None:
    assert answered(*live[1:], raw).startswith(b"HTTP/1.1 400 ")
    assert answered(*live[1:], request(live, "GET /api/risk HTTP/1.1")).startswith(b"HTTP/1.1 200 ")


def test_r34_a_chunked_body_that_is_too_long_ends_as_413(live: tuple[Office, str, int]) -> None:
    office, host, port = live
    before = office.books()
    head = request(live, "POST /api/risk/halt HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    first = b'11\r\n{"why": "a look"}\r\n'
    heard = answered(host, port, head, first, *[b"2000\r\n" + b" " * 0x2000 + b"\r\n"] * 12, b"0\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in heard
    assert office.books() == before


def test_a_client_that_leaves_before_its_body_is_whole_has_asked_for_nothing(live: tuple[Office, str, int]) -> None:
    office, host, port = live
    before = office.books()
    head = request(live, "POST /api/risk/halt HTTP/1.1", "Content-Type: application/json", "Content-Length: 100")
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head + b'{"why": "a look"}')
    with socket.create_connection((host, port)) as connection:
        connection.sendall(head + b'{"why": "a look"}')
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        assert connection.recv(1000) == b""
    assert answered(host, port, request(live, "GET /api/risk HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    assert office.books() == before


def test_r34_who_only_holds_the_line_is_cut_off(live: tuple[Office, str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.05)
    for said in (b"", b"GET /api/risk HT", b"GET /api/risk HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "):
        assert answered(*live[1:], said) == b""


def test_r34_one_address_cannot_take_every_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 8)
    with opened(tmp_path / "home") as office, served(office) as address, ExitStack() as held:
        host, _, port = address.removeprefix("http://").partition(":")
        greedy = partial(socket.create_connection, (host, int(port)), timeout=10, source_address=("127.0.0.2", 0))
        lines = [held.enter_context(greedy()) for _ in range(4)]
        with greedy() as fifth:
            head, _, body = fifth.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
            assert json.loads(body)["code"] == "too_many_connections"
            assert fifth.recv(1) == b""
        asked = request((office, host, int(port)), "GET /api/risk HTTP/1.1")
        assert answered(host, int(port), asked).startswith(b"HTTP/1.1 200 ")
        lines[0].sendall(asked)  # Those that it has are served.
        assert lines[0].recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_answer_says_nothing_of_what_serves_it(live: tuple[Office, str, int]) -> None:
    head = answered(*live[1:], request(live, "GET /api/risk HTTP/1.1")).partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nserver:" not in head
    assert b"uvicorn" not in head


@pytest.mark.parametrize("line", ["GET /api/risk HTTP/1.1", "GET http://evil.example/api/risk HTTP/1.1"])
def test_r9_two_hosts_are_not_both_trusted(live: tuple[Office, str, int], line: str) -> None:
    heard = answered(*live[1:], request(live, line, "Host: evil.example"))
    assert heard.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))

"""The topic of jobs: everybody hears of their own, and of nothing else."""

import json
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.adapters.storage.people import People
from cryptopilot.domain.people import Role, User
from cryptopilot.engine.clock import wall_ms
from tests.fakes import workers
from tests.fakes.access import PASSWORD, cheap_passwords
from tests.fakes.listener import Listener
from tests.fakes.served import Served, served


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    """A server with candles in its store, and workers that work on nothing."""
    workers.install(monkeypatch, tmp_path)
    with served(tmp_path / "own") as server:
        workers.stock(server.service.home.path)
        server.desk.jobs._most = 1
        yield server


def grace(server: Served) -> str:
    """The token of another user."""
    with People(server.service.engine).change() as change:
        hashed = cheap_passwords().hash(PASSWORD)
        change.add_user(User(secrets.token_hex(8), "Grace", Role.OPERATOR, hashed, wall_ms()))
    return server.desk.access.sign_in.sign_in("Grace", PASSWORD, "127.0.0.1").access_token


def call(server: Served, method: str, path: str, token: str, asked: object = None) -> Any:
    body = None if asked is None else json.dumps(asked).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  # Loopback.
        return json.load(answer)["backtest"]


def ask(server: Served, token: str, trials: int) -> str:
    return str(call(server, "POST", "/api/backtests", token, workers.a_question(trials=trials))["id"])


def heard(listener: Listener) -> list[dict[str, Any]]:
    """What was said of jobs, beyond the snapshots."""
    said = [m for m in listener.heard if m.get("topic") == "jobs" and m["kind"] == "update"]
    return [entry for message in said for entry in message["data"]]


def wait_until(listener: Listener, job_id: str, state: str) -> None:
    while listener.stands.get("jobs", {}).get(job_id, {}).get("state") != state:
        listener.wait_for_topic("jobs")


def test_a_backtest_is_told_from_asking_to_its_end_and_stands_as_the_api_says(running: Served) -> None:
    with Listener(running.port, running.token) as listener:
        listener.subscribe("jobs")
        job_id = ask(running, running.token, workers.FINISHES)
        wait_until(listener, job_id, "done")
        shares = [entry["progress"] for entry in heard(listener)]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert listener.stands["jobs"][job_id] == call(running, "GET", f"/api/backtests/{job_id}", running.token)
        call(running, "DELETE", f"/api/backtests/{job_id}", running.token)
        wait_until(listener, job_id, "removed")
    with Listener(running.port, running.token) as listener:
        listener.subscribe("jobs")
        assert listener.wait_for_topic("jobs")["data"] == []


def test_r24_nobody_hears_of_anothers_backtests_and_no_number_tells_of_them(running: Served) -> None:
    hers = grace(running)
    with Listener(running.port, running.token) as ours, Listener(running.port, hers) as theirs:
        ours.subscribe("jobs")
        theirs.subscribe("jobs")
        ended = ask(running, running.token, workers.FINISHES)
        wait_until(ours, ended, "done")
        own = ask(running, hers, workers.FINISHES)
        wait_until(theirs, own, "done")
        ours.catch_up()
        assert {entry["id"] for entry in heard(ours)} == {ended}
        assert {entry["id"] for entry in heard(theirs)} == {own}
        assert set(theirs.stands["jobs"]) == {own}  # Numbers that leave no gap: `Listener` checks each.


def test_who_comes_back_hears_what_was_missed_of_their_own(running: Served) -> None:
    with Listener(running.port, running.token) as away:
        away.subscribe("jobs")
        away.catch_up()
    job_id = ask(running, running.token, workers.FINISHES)
    with Listener(running.port, running.token) as there:
        there.subscribe("jobs")
        wait_until(there, job_id, "done")
    with Listener(running.port, running.token, before=away) as back:
        assert back.subscribe("jobs", resume=True)["resumed"] == ["jobs"]
        back.catch_up()
        assert back.stands["jobs"][job_id]["state"] == "done"


def test_r24_who_becomes_another_user_on_one_connection_hears_nothing_more_of_the_first_one(running: Served) -> None:
    with Listener(running.port, running.token) as listener:
        listener.subscribe("jobs")
        listener.send(type="auth", token=grace(running))
        listener.wait_for("welcome")
        ask(running, running.token, workers.WAITS)
        assert listener.subscribe("jobs")["topics"] == ["jobs"]
        assert listener.wait_for_topic("jobs")["data"] == []
        listener.catch_up()
        assert heard(listener) == []

"""A database that does not answer, sources that fail, a server that starts again: it is told, and nothing is lost."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.api import stream
from cryptopilot.domain.errors import CryptoPilotError, TransientError
from cryptopilot.domain.news import Headline
from cryptopilot.runtime.control import Who
from cryptopilot.runtime.desk_log import configure_logging
from cryptopilot.runtime.feed import STORED, TOPICS
from cryptopilot.runtime.views.log_lines import LogLines
from tests.api.stream.test_what_is_heard import assert_it_stands_where_the_books_stand
from tests.fakes.access import PASSWORD
from tests.fakes.listener import Listener
from tests.fakes.served import ADDRESS, Served, database_away, served

TRADING = {"PIPELINE_MIN_CONFIDENCE": 0, "PIPELINE_COOLDOWN": 0}
ADA = Who("Ada", ADDRESS)


@pytest.fixture
def fresh(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server of the test's own."""
    monkeypatch.setattr(stream, "PACE_S", 0.0)
    with served(own_home, **TRADING) as running:
        yield running


def codes(listener: Listener) -> list[str]:
    """The codes of the alerts so far."""
    return [alert["code"] for alert in listener.stands["alerts"].values()]


def test_a_database_that_is_away_is_told_and_nothing_is_lost_by_it(fresh: Served) -> None:
    with Listener(fresh.port, fresh.token) as listener:
        listener.subscribe()
        fresh.decide(30)
        listener.catch_up()
        with database_away(fresh.service):
            fresh.decide(5)
            fresh.desk.board.mark()  # As every second.
            listener.catch_up()
            assert "journal_away" in codes(listener)
            assert listener.stands["status"]["journal"] == "away"
            assert fresh.get("/api/trading-pipeline/status")["status"]["journal"] == "away"
        fresh.decide(30)
        listener.catch_up()
        assert codes(listener)[-1] in ("journal_back", "recovered")
        assert_it_stands_where_the_books_stand(listener, fresh)


def test_what_was_committed_before_the_database_went_away_is_told_when_it_is_back(fresh: Served) -> None:
    with Listener(fresh.port, fresh.token) as listener, ExitStack() as stack:
        listener.subscribe()
        fresh.decide(10)
        listener.catch_up()
        with fresh.desk.feed._lock:  # No turn meanwhile.
            fresh.decide(60)
            stack.enter_context(database_away(fresh.service))
        listener.catch_up()
        told = len(listener.stands["orders"])
        stack.close()
        fresh.desk.board.mark()  # As every second.
        listener.catch_up()
        assert len(listener.stands["orders"]) > told
        assert {m["kind"] for m in listener.heard[len(TOPICS) + 2 :] if m.get("topic") in STORED} == {"update"}
        assert_it_stands_where_the_books_stand(listener, fresh)


def test_who_comes_while_the_database_is_away_hears_what_can_be_told_and_the_rest_later(fresh: Served) -> None:
    fresh.decide(30)
    with database_away(fresh.service), Listener(fresh.port, fresh.token) as listener:
        listener.subscribe()
        listener.catch_up()
        assert set(listener.stands) == set(TOPICS) - set(STORED)
    with Listener(fresh.port, fresh.token) as listener:
        with database_away(fresh.service):
            listener.subscribe()
            listener.catch_up()
        fresh.desk.board.mark()  # As every second.
        listener.catch_up()
        assert set(listener.stands) == set(TOPICS)
        assert_it_stands_where_the_books_stand(listener, fresh)


def test_an_error_of_ours_ends_no_stream(fresh: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener(fresh.port, fresh.token) as listener:
        listener.subscribe()
        listener.catch_up()
        with monkeypatch.context() as broken:
            broken.setattr(stream, "BEAT_S", 0.01)
            broken.setattr(type(fresh.service), "moment", lambda _: 1 / 0)
            fresh.decide(2)
            listener.wait_for("pong")
        fresh.decide(1)
        while listener.stands["status"]["market_time"] != fresh.service.status()["market_time"]:
            listener.wait_for("message")
        listener.catch_up()
        assert_it_stands_where_the_books_stand(listener, fresh)


def test_after_a_restart_of_the_server_listeners_get_the_whole_of_another_stream(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PACE_S", 0.0)
    with served(own_home, **TRADING) as before, Listener(before.port, before.token) as first:
        first.subscribe()
        before.decide(40)
        first.catch_up()
        acted = [s["id"] for s in first.stands["signals"].values() if s["side"] != "HOLD"][-10:]
        assert len(acted) == 10
    with served(own_home, **TRADING) as after:
        after.decide(5)
        with Listener(after.port, after.token, before=first) as again:
            assert again.stream_id != first.stream_id
            again.send(type="subscribe", topics=TOPICS, stream_id=first.stream_id, after=dict.fromkeys(TOPICS, 1))
            assert again.wait_for("subscribed")["resumed"] == []
            again.catch_up()
            assert {m["kind"] for m in again.heard if m["type"] == "message"} == {"snapshot"}
            proposed = [s for s in again.stands["signals"].values() if s["side"] != "HOLD"]
            assert {s["id"] for s in proposed} >= set(acted), "what was proposed before the restart is gone"
            assert all(";" in s["reasoning"] for s in proposed), "why, from the prediction, is gone"
            assert_it_stands_where_the_books_stand(again, after)


def test_a_server_that_goes_away_says_so(own_home: Path) -> None:
    with served(own_home) as server:
        listener = Listener(server.port, server.token)
        listener.subscribe("status")
    assert listener.closed_with() == 1012
    listener.close()


def test_halting_and_resuming_is_alerted(fresh: Served) -> None:
    with Listener(fresh.port, fresh.token) as listener:
        listener.subscribe("alerts", "status")
        fresh.desk.control.halt(ADA, "a closer look")
        listener.catch_up()
        fresh.desk.control.resume(ADA, "looked")
        listener.catch_up()
        assert codes(listener) == ["halted", "active"]
        told = next(iter(listener.stands["alerts"].values()))
        assert (told["level"], told["text"]) == ("warning", "Entries are halted by Ada: a closer look")


def test_what_happened_while_nobody_listened_is_among_the_alerts(fresh: Served) -> None:
    fresh.desk.control.halt(ADA, "nobody is there")
    fresh.desk.feed.rest()
    fresh.desk.control.resume(ADA, "still nobody")
    with Listener(fresh.port, fresh.token) as late:
        late.subscribe("alerts")
        late.catch_up()
        assert codes(late) == ["halted", "active"]


def test_a_source_that_fails_is_alerted_once(fresh: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        name = "sandbox-news"

        def seen(self, after: int, until: int) -> Sequence[Headline]:
            raise TransientError("the source does not answer")

    with Listener(fresh.port, fresh.token) as listener:
        listener.subscribe("alerts")
        for source in fresh.service.assembly.market.news:
            monkeypatch.setattr(source, "seen", Dead().seen)
        for _ in range(3):
            fresh.decide(1)
            listener.catch_up()
        assert codes(listener) == ["source_failed"]


def test_the_log_is_told_line_by_line_without_any_secret(fresh: Served, tmp_path: Path) -> None:
    configure_logging("json", "DEBUG", tmp_path / "log")
    with Listener(fresh.port, fresh.token) as listener:
        listener.subscribe("log")
        other = fresh.another_session()
        with pytest.raises(CryptoPilotError):
            fresh.desk.access.sign_in.sign_in("Ada", PASSWORD + "!", ADDRESS)
        with Listener(fresh.port, other.access_token) as second:
            second.subscribe()
        fresh.decide(60)
        fresh.desk.access.sign_in.sign_out(other.identity.session_id, "Ada")
        listener.catch_up()
        lines = list(listener.stands["log"].values())
        assert {"order_intended", "order_filled"} <= {line["event"] for line in lines}
        said = json.dumps(lines) + (tmp_path / "log").read_text()
        for secret in (fresh.token, other.access_token, other.refresh_token, PASSWORD):
            assert secret not in said
            assert secret.rpartition(".")[2] not in said


@pytest.mark.parametrize("told", ["a %d line", {"event": "x" * 1000, "n": 7}, "plain"])
def test_a_line_that_cannot_be_said_stops_nobody(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines, woken = LogLines(), list[bool]()
    lines.wake = lambda: woken.append(True)
    arguments = ("not a number",) if isinstance(told, str) and "%" in told else None
    lines.emit(logging.LogRecord("trading_pipeline", logging.INFO, "", 1, told, arguments, None))
    taken = lines.take()
    assert woken
    assert [line["event"] for line in taken] == [] if arguments else [str(line["event"])[:500] for line in taken]

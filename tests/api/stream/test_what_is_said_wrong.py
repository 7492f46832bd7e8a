"""A message that is wrong gets a problem that says what is allowed; the stream goes on, and nobody else notices."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptopilot.api import stream
from tests.fakes.listener import Listener
from tests.fakes.served import Served

SECRET = "correct-horse-battery"  # noqa: S105  # Of nobody.


@pytest.fixture
def listener(server: Served) -> Iterator[Listener]:
    with Listener(server.port, server.token) as connected:
        yield connected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", None),
        ("{", None),
        ("nonsense", None),
        ("NaN", None),
        ("[" * 5000 + "]" * 5000, None),
        ("7", None),
        ("null", None),
        ("[]", None),
        ("{}", None),
        (f'{{"type":"{SECRET}"}}', "type"),
        ('{"type":null}', "type"),
        ('{"type":"subscribe"}', "subscribe.topics"),
        ('{"type":"subscribe","topics":"status"}', "subscribe.topics"),
        (f'{{"type":"subscribe","topics":["{SECRET}"]}}', "subscribe.topics.0"),
        ('{"type":"subscribe","topics":["status"],"after":[]}', "subscribe.after"),
        ('{"type":"subscribe","topics":["status"],"after":{"status":"x"}}', "subscribe.after.status"),
        ('{"type":"subscribe","topics":["status"],"after":{"status":1e300}}', "subscribe.after.status"),
        ('{"type":"subscribe","topics":["status"],"stream_id":7}', "subscribe.stream_id"),
        ('{"type":"unsubscribe","topics":[null]}', "unsubscribe.topics.0"),
        ('{"type":"auth"}', "auth.token"),
        ("\ud83d".encode("utf-16", "surrogatepass").decode("latin-1"), None),
        ("x" * (stream.LONGEST_MESSAGE + 1), None),
        (b"\x00\x01", None),
        (b'{"type":"ping"}', None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_message_that_is_wrong_gets_a_problem_and_the_stream_goes_on(
    listener: Listener, text: str | bytes, field: str | None
) -> None:
    listener.socket.send(text)
    problem = listener.wait_for("problem")
    assert problem["code"] == "malformed"
    assert problem["detail"]
    if field is not None:
        assert problem["field"] == field
    assert SECRET not in json.dumps(problem)
    assert len(problem["detail"]) <= 500
    listener.subscribe("status")
    assert listener.wait_for_topic("status")["kind"] == "snapshot"


SOMETHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
KINDS = st.sampled_from(["subscribe", "unsubscribe", "ping"]) | SOMETHING
MESSAGES = st.fixed_dictionaries(
    {"type": KINDS}, optional={"topics": SOMETHING, "after": SOMETHING, "stream_id": SOMETHING, "token": SOMETHING}
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=MESSAGES | SOMETHING)
def test_whatever_is_said_is_answered(listener: Listener, message: Any) -> None:
    listener.socket.send(json.dumps(message))
    while listener.hear()["type"] not in ("problem", "subscribed", "pong"):
        pass


def test_a_message_beyond_every_bound_ends_the_connection(listener: Listener) -> None:
    listener.socket.send("x" * 70_000)
    assert listener.closed_with() == 1009


def test_a_message_in_pieces_is_one_message(listener: Listener) -> None:
    listener.socket.send(iter(['{"type":', '"ping"}']))
    listener.wait_for("pong")


def test_text_that_is_none_ends_the_connection(listener: Listener) -> None:
    listener.socket.send(b"\xff\xfe", text=True)
    assert listener.closed_with() == 1007


def test_who_speaks_too_fast_is_heard_slowly_and_in_order(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PACE_S", 0.02)
    messages = stream.BURST + 25
    with Listener(server.port, server.token) as flood, Listener(server.port, server.token) as other:
        began = time.monotonic()
        for _ in range(messages):
            flood.send(type="ping")
        other.send(type="ping")
        other.wait_for("pong")
        for _ in range(messages):
            flood.wait_for("pong")
        assert time.monotonic() - began >= 24 * 0.02  # At least: what the pace asks for, whatever the machine.

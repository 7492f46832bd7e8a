"""Who may listen, and for how long: a token first, from our own page, until it or its session ends (R9, R10)."""

import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from cryptopilot.api import stream
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from tests.fakes.access import PASSWORD
from tests.fakes.listener import Listener
from tests.fakes.served import ADDRESS, Served, until

UNAUTHORISED, REVOKED, TOO_MANY = 4401, 4403, 4429


@pytest.fixture
def listener(server: Served) -> Iterator[Listener]:
    """Connected, not yet signed in."""
    with Listener(server.port, None) as connected:
        yield connected


@pytest.mark.parametrize(
    "first",
    [
        '{"type":"subscribe","topics":["status"]}', '{"type":"ping"}', '{"type":"auth"}', '{"type":"auth","token":7}',
        '{"type":"auth","token":"eyJhbGciOiJub25lIn0.e30."}', "hello", "", "[]", b"\x00",
    ],
)  # fmt: skip
def test_whoever_does_not_sign_in_first_is_sent_away(listener: Listener, first: str | bytes) -> None:
    listener.socket.send(first)
    assert listener.closed_with() == UNAUTHORISED
    assert listener.heard == []


def test_whoever_says_nothing_is_sent_away_in_time(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PATIENCE_S", 0.05)
    with Listener(server.port, None) as silent:
        assert silent.closed_with() == UNAUTHORISED


def test_a_token_that_has_expired_opens_nothing(server: Served, listener: Listener) -> None:
    listener.send(type="auth", token=server.token_for(-1))
    assert listener.closed_with() == UNAUTHORISED


def test_whoever_is_signed_in_is_told_until_when_and_what_there_is(server: Served, listener: Listener) -> None:
    listener.send(type="auth", token=server.token)
    welcome = listener.wait_for("welcome")
    assert welcome["username"] == "Ada"
    assert welcome["stream_id"] == server.desk.feed.stream_id


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),  # Another port is another site.
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
    ],
)
def test_another_sites_page_is_not_even_connected(server: Served, headers: dict[str, str], status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        sent = {"Host": f"127.0.0.1:{server.port}", **headers}
        lines = ["GET /api/stream HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        raw.sendall("\r\n".join([*lines, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]).encode())
        assert raw.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_our_own_page_is_connected(server: Served) -> None:
    with Listener(server.port, server.token, headers={"Origin": f"http://127.0.0.1:{server.port}"}) as page:
        page.subscribe("status")


def test_a_sign_out_closes_the_stream_of_its_session_and_of_no_other(server: Served) -> None:
    leaving = server.another_session()
    with Listener(server.port, leaving.access_token) as gone, Listener(server.port, server.token) as staying:
        gone.subscribe("status")
        server.desk.access.sign_in.sign_out(leaving.identity.session_id, "Ada")
        assert gone.closed_with() == REVOKED
        staying.subscribe("status")
    with Listener(server.port, None) as again:
        again.send(type="auth", token=leaving.access_token)
        assert again.closed_with() == UNAUTHORISED


def test_another_password_closes_every_other_session_s_stream(server: Served) -> None:
    thief = server.another_session()
    with Listener(server.port, thief.access_token) as closed, Listener(server.port, server.token) as owner:
        closed.subscribe("status")
        user = server.granted.identity
        server.desk.access.sign_in.change_password(user.user_id, PASSWORD, PASSWORD, ADDRESS, user.session_id)
        assert closed.closed_with() == REVOKED
        owner.subscribe("status")


def test_a_stream_ends_with_its_token(server: Served) -> None:
    with Listener(server.port, server.token_for(1.5)) as listener:
        listener.subscribe("status")
        assert listener.closed_with() == UNAUTHORISED


def test_a_new_token_on_the_open_stream_lets_it_go_on(server: Served) -> None:
    with Listener(server.port, server.token_for(1.5)) as listener:
        listener.subscribe("equity")
        listener.send(type="auth", token=server.token)
        ends = listener.wait_for("welcome")["expires_at"]
        until(lambda: iso(wall_ms() - 2_000) > listener.heard[0]["expires_at"])
        server.decide(1)
        listener.catch_up()
        assert [m["kind"] for m in listener.heard if m.get("topic") == "equity"] == ["snapshot", "update"]
        assert ends > listener.heard[0]["expires_at"]


def test_a_refused_token_on_the_open_stream_ends_it(server: Served) -> None:
    with Listener(server.port, server.token) as listener:
        listener.send(type="auth", token=server.token_for(-1))
        assert listener.closed_with() == UNAUTHORISED


def test_only_so_many_may_listen_and_the_next_one_when_somebody_has_left(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_CLIENTS", 3)
    first, *others = (Listener(server.port, server.token) for _ in range(3))
    with Listener(server.port, None) as one_too_many:
        assert one_too_many.closed_with() == TOO_MANY
    first.close()

    def is_let_in() -> bool:
        with Listener(server.port, None) as late:
            late.send(type="ping")
            return late.closed_with() == UNAUTHORISED

    until(is_let_in)
    for other in others:
        other.subscribe("status")
        other.close()


def test_r34_strangers_of_one_address_keep_out_neither_those_who_have_signed_in_nor_other_addresses(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_STRANGERS", 2)
    with (
        Listener(server.port, server.token) as known,
        Listener(server.port, None) as stranger,
        Listener(server.port, None) as another,
    ):
        with Listener(server.port, None) as one_too_many:
            assert one_too_many.closed_with() == TOO_MANY
        with Listener(server.port, server.token, source="127.0.0.2") as elsewhere:
            elsewhere.subscribe("status")
        known.subscribe("status")
        stranger.send(type="auth", token=server.token)
        stranger.wait_for("welcome")  # Who has signed in is none any more.
        with Listener(server.port, server.token) as next_one:
            next_one.subscribe("status")
        another.send(type="ping")
        assert another.closed_with() == UNAUTHORISED


def test_a_request_for_the_stream_that_is_no_websocket_finds_nothing(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 404 ")


def test_a_stream_elsewhere_does_not_exist(server: Served) -> None:
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.port}/api/streams", proxy=None):
        pass

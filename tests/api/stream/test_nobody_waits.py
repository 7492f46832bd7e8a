"""Neither the pipeline nor others wait for one who does not read, leaves, or asks at the same time (fault 58)."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cryptopilot.api import server as api_server
from cryptopilot.api import stream
from cryptopilot.api.stream import Client
from cryptopilot.domain.errors import ConflictError
from cryptopilot.runtime.control import Who
from cryptopilot.runtime.feed import TOPICS
from tests.api.stream.test_what_is_heard import assert_it_stands_where_the_books_stand
from tests.fakes.listener import Listener, not_reading
from tests.fakes.served import ADDRESS, Served, served, until


@pytest.fixture
def deaf(server: Served) -> Iterator[socket.socket]:
    """Somebody who has signed in, asked for everything, and reads nothing any more."""
    with not_reading(server.port, server.token) as raw:
        yield raw


def port_of(client: Client) -> int:
    """The port that a client has connected from."""
    assert client.socket.client is not None
    return client.socket.client.port


def everybody_hears(server: Served, *listeners: Listener, turns: int) -> None:
    """Instants go on, and each of *listeners* keeps up."""
    for _ in range(turns):
        server.decide(1)
        for listener in listeners:
            listener.catch_up()


def test_one_who_never_reads_is_dropped_and_holds_little_until_then(server: Served, deaf: socket.socket) -> None:
    hub = server.hub
    with Listener(server.port, server.token) as other:
        other.subscribe()
        until(lambda: sum(len(c.topics) > 0 for c in hub.clients) == 2)
        slow = next(c for c in hub.clients if port_of(c) == deaf.getsockname()[1])
        dropped = hub.dropped
        while slow in hub.clients:
            assert slow.waiting_bytes <= stream.WAITING_BYTES
            assert slow.waiting.qsize() <= stream.WAITING
            everybody_hears(server, other, turns=5)
        assert hub.dropped == dropped + 1
        assert_it_stands_where_the_books_stand(other, server)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such limit")
def test_its_connection_is_cut_off_even_where_it_takes_no_farewell(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_server, "UNREAD_MS", 500)
    monkeypatch.setattr(stream, "PACE_S", 0.0)
    with (
        served(own_home) as server,
        not_reading(server.port, server.token) as deaf,
        Listener(server.port, server.token) as other,
    ):
        port = deaf.getsockname()[1]
        until(lambda: any(c.topics for c in server.hub.clients if port_of(c) == port))
        other.subscribe("status")
        while port in server.connected_ports():
            everybody_hears(server, other, turns=5)
        until(lambda: port not in {port_of(c) for c in server.hub.clients})


def test_where_many_listen_and_one_does_not_read_all_others_hear_everything(
    server: Served, deaf: socket.socket
) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(server.port, server.token)) for _ in range(40)]
        for listener in listeners:
            listener.subscribe()
        everybody_hears(server, *listeners, turns=10)
        for listener in listeners:
            assert_it_stands_where_the_books_stand(listener, server, ("orders", "equity", "account"))


def test_those_who_leave_without_a_word_are_forgotten(server: Served) -> None:
    for _ in range(5):
        raw = not_reading(server.port, server.token)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # Closing resets the connection.
        raw.close()
    until(lambda: not server.hub.clients)


def test_whoever_comes_while_others_commit_hears_everything_once(server: Served) -> None:
    """Two threads commit, instants and acts by hand, while listeners come, go and ask again."""
    stop, failed = threading.Event(), list[BaseException]()

    def act_by_hand() -> None:
        control, draw = server.desk.control, random.Random(5)
        while not stop.is_set():
            with suppress(ConflictError):  # It was so already.
                draw.choice([control.halt, control.resume])(Who("Ada", ADDRESS), "a closer look")
            stop.wait(0.003)

    def come_and_go(seed: int) -> None:
        draw, listener = random.Random(seed), None
        try:
            while not stop.is_set():
                listener = Listener(server.port, server.token, before=listener)
                listener.subscribe(*draw.sample(TOPICS, draw.randrange(1, 14)), resume=draw.random() < 0.7)
                for _ in range(draw.randrange(6)):
                    listener.subscribe(*draw.sample(TOPICS, draw.randrange(1, 14)))
                listener.close()
            with Listener(server.port, server.token, before=listener) as last:
                last.subscribe(*last.seen, resume=True)
                last.catch_up()
                ends.append(last)
        except BaseException as error:
            failed.append(error)

    ends: list[Listener] = []
    threads = [threading.Thread(target=act_by_hand)]
    threads += [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    server.decide(100)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failed
    for listener in ends:
        assert_it_stands_where_the_books_stand(listener, server, [t for t in listener.seen if t != "status"])

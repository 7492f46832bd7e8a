"""A small client of the stream: what a page does, in a few lines, and strict about every message."""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, Self

from pydantic import ConfigDict, TypeAdapter
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame
from websockets.sync.client import connect
from websockets.uri import parse_uri

from cryptopilot.runtime.feed import STATES, TOPICS
from cryptopilot.runtime.shapes.stream import FromServer

STRICT: TypeAdapter[Any] = TypeAdapter(FromServer, config=ConfigDict(extra="forbid", strict=True))
KEYS = {
    "orders": "id",
    "trades": "trade_id",
    "news": "id",
    "signals": "id",
    "alerts": "id",
    "log": "id",
    "equity": "at",
    "jobs": "id",
}


class Listener:
    """One connection; `stands` is what a page would show, by topic, events by their key.

    Args:
        port: of a server on loopback; token: None sends nothing.
        before: an earlier listener, whose place this one takes.
        source: the address, of this machine, that it comes from.
    """

    def __init__(
        self, port: int, token: str | None, before: "Listener | None" = None, headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        address = f"ws://127.0.0.1:{port}/api/stream"
        self._open = ExitStack()
        self.socket = self._open.enter_context(
            connect(
                address,
                compression=None,
                max_size=None,
                max_queue=None,
                proxy=None,
                additional_headers=headers,
                source_address=(source, 0),
            )
        )
        self.stands: dict[str, Any] = before.stands if before else {}
        self.seen: dict[str, int] = before.seen if before else {}
        self.heard: list[dict[str, Any]] = []
        self.stream_id = ""
        if token is not None:
            self.send(type="auth", token=token)
            self.stream_id = self.wait_for("welcome")["stream_id"]
            if before is not None and before.stream_id != self.stream_id:
                self.seen.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def subscribe(self, *topics: str, resume: bool = False) -> dict[str, Any]:
        """Hear *topics*, all unless some are named, from now on or from where this listener was; the answer to it."""
        topics = topics or TOPICS
        self.send(type="subscribe", topics=topics, **(self.place(topics) if resume else {}))
        return self.wait_for("subscribed")

    def place(self, topics: tuple[str, ...]) -> dict[str, Any]:
        """Where this listener is."""
        return {"stream_id": self.stream_id, "after": {t: self.seen[t] for t in topics if t in self.seen}}

    def catch_up(self) -> None:
        """Hear everything that has happened until now: an empty subscription is answered after all of it."""
        self.send(type="subscribe", topics=[])
        self.wait_for("subscribed")

    def wait_for(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; what comes before it is taken in."""
        while True:
            message = self.hear()
            if message["type"] == kind:
                return message

    def wait_for_topic(self, topic: str) -> dict[str, Any]:
        while True:
            message = self.wait_for("message")
            if message["topic"] == topic:
                return message

    def hear(self) -> dict[str, Any]:
        """The next message, checked against the published shapes, and taken in."""
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        STRICT.validate_python(message)
        self.heard.append(message)
        if message["type"] == "message":
            self._take(message)
        return message

    def closed_with(self) -> int:
        """The code that the server closes with, whatever it says before."""
        with suppress(ConnectionClosed):
            while True:
                self.hear()
        code = self.socket.close_code
        assert code is not None
        return code

    def _take(self, message: dict[str, Any]) -> None:
        topic, seq, data = message["topic"], message["seq"], message["data"]
        if message["kind"] == "update":
            assert topic in self.seen, f"an update of {topic} before its snapshot"
            assert seq == self.seen[topic] + 1, f"{topic}: {seq} after {self.seen[topic]}"
        self.seen[topic] = seq
        if topic in STATES:
            self.stands[topic] = data
            return
        known = {} if message["kind"] == "snapshot" else self.stands[topic]
        self.stands[topic] = {**known, **{_key(topic, entry): entry for entry in data}}


def not_reading(port: int, token: str) -> socket.socket:
    """Somebody who signs in, asks for everything, and reads nothing any more; with the smallest of buffers."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.settimeout(20)
    protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/api/stream"))
    protocol.send_request(protocol.connect())
    raw.sendall(b"".join(protocol.data_to_send()))
    while not any(not isinstance(event, Frame) for event in protocol.events_received()):
        protocol.receive_data(raw.recv(1))
    for message in ({"type": "auth", "token": token}, {"type": "subscribe", "topics": TOPICS}):
        protocol.send_text(json.dumps(message).encode())
    raw.sendall(b"".join(protocol.data_to_send()))
    return raw


def _key(topic: str, entry: dict[str, Any]) -> Any:
    return (entry["order_id"], entry["at"]) if topic == "fills" else entry[KEYS[topic]]

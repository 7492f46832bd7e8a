"""Listeners of the stream, in a process of their own: ``python -m bench.listeners PORT COUNT SECONDS``.

All hear every topic. They take frames apart no further than to find a point of the equity curve, which names its
instant; the first one says when it had each in its hands (monotonic s). The token comes by BENCH_TOKEN.
"""

import asyncio
import json
import os
import re
import sys
import time
from typing import cast

import uvloop

from cryptopilot.runtime.feed import TOPICS

POINT = re.compile(rb'"topic":"equity","kind":"update","seq":\d+,"at":"[^"]*","data":\[([^]]*)\]')
_SHAKE = (
    "GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Listening(asyncio.Protocol):
    """One connection, and when it heard of which instants."""

    def __init__(self, port: int, token: str) -> None:
        self._first = _SHAKE.format(port=port).encode()
        self._messages = [{"type": "auth", "token": token}, {"type": "subscribe", "topics": TOPICS}]
        self._kept = b""
        self.heard: dict[str, float] = {}
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.bytes:
            self._transport.write(b"".join(_frame(json.dumps(message).encode()) for message in self._messages))
        self.bytes += len(data)
        self._kept = (self._kept + data)[-4096:] if len(data) < 4096 else data
        for found in POINT.finditer(self._kept):
            for at in re.findall(rb'"at":"([^"]*)"', found[1]):
                self.heard.setdefault(at.decode(), now)


def _frame(text: bytes) -> bytes:
    """A text of up to 64 kB as a client's frame, masked with zeros."""
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text


async def listen(port: int, token: str, count: int, seconds: float) -> dict[str, object]:
    loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
    made = [await loop.create_connection(lambda: Listening(port, token), "127.0.0.1", port) for _ in range(count)]
    await asyncio.sleep(until - time.perf_counter())
    alive = sum(not transport.is_closing() for transport, _ in made)
    return {"heard": made[0][1].heard, "bytes": sum(p.bytes for _, p in made), "alive": alive}


if __name__ == "__main__":
    os.nice(10)  # Clients are other machines' business: what they take of this one is not what the server costs.
    port, count, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(listen(int(port), os.environ["BENCH_TOKEN"], int(count), float(seconds)))))

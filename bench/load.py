"""A load of GET requests over connections that stay open, in a process of its own: ``python -m bench.load PORT PATH``.

Each connection asks again as soon as it has been answered. It reads answers by their length and looks into nothing, so
that it takes as little as it can of the machine that it shares with the server. The token comes by BENCH_TOKEN.
"""

import asyncio
import json
import os
import sys
import time
from typing import cast

import uvloop

from bench.measure import percentile


class Asking(asyncio.Protocol):
    """One connection: asks, times the answer, asks again."""

    def __init__(self, request: bytes, took: list[float], until: float) -> None:
        self._request, self._took, self._until = request, took, until
        self._missing, self._head, self._began = 0, b"", 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._head.startswith(b"HTTP/1.1 200 "):
                self.over.set_exception(RuntimeError(self._head[:500].decode()))
                return
            at = self._head.index(b"content-length: ") + 16
            length = int(self._head[at : self._head.index(b"\r\n", at)])
            self._missing, self._head = end + 4 + length - len(self._head), b""
        if not self._missing:
            self._took.append(time.perf_counter() - self._began)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("the server has closed the connection"))

    def _ask(self) -> None:
        self._began = time.perf_counter()
        if self._began < self._until:
            self._transport.write(self._request)
        elif not self.over.done():
            self.over.set_result(None)
            self._transport.close()


async def load(port: int, path: str, token: str, connections: int, seconds: float) -> dict[str, float]:
    """Requests a second, and milliseconds from asking to the last byte of the answer."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    took: list[float] = []
    until = time.perf_counter() + seconds
    made = [
        await asyncio.get_running_loop().create_connection(
            lambda: Asking(head.encode(), took, until), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.over for _, protocol in made))
    p50, p99 = (percentile(took, share) * 1e3 for share in (0.5, 0.99))
    return {"per_second": len(took) / seconds, "p50_ms": p50, "p99_ms": p99}


if __name__ == "__main__":
    os.nice(10)  # Clients are other machines' business: what they take of this one is not what the server costs.
    port, path, connections, seconds = sys.argv[1:]
    found = uvloop.run(load(int(port), path, os.environ["BENCH_TOKEN"], int(connections), float(seconds)))
    print(json.dumps(found))

"""Answers that are ready before anybody asks, against frameworks that make them when asked.

A hundred typed rows behind a token, 32 connections that stay open, every server in a process of its own (uvicorn,
uvloop, httptools), the load in another. The servers take turns, a few seconds each, several times over; the answers
are compared value by value first.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.hot_apps import PATHS
from bench.measure import ROOT, Figure, own, report
from bench.start import free_port

CONNECTIONS, ROUNDS, SECONDS = 32, 5, 3.0
PEERS = {"response_model": "FastAPI response_model", "msgspec": "FastAPI, msgspec bytes"}


@contextlib.contextmanager
def serving(name: str) -> Iterator[tuple[int, str]]:
    """A server's port and token, while it runs."""
    port = free_port()
    command = [sys.executable, "-m", "bench.hot_apps", name, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield port, process.stdout.readline().strip()
        finally:
            process.terminate()


def answer(port: int, path: str, token: str) -> Any:
    """What a server answers, once it does."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    for _ in range(200):
        with contextlib.suppress(urllib.error.URLError):
            return json.load(urllib.request.urlopen(request, timeout=5))  # noqa: S310  # Loopback.
        time.sleep(0.05)
    raise RuntimeError("the server does not answer")


def hammered(port: int, path: str, token: str, seconds: float) -> dict[str, Any]:
    """The server under load: requests a second, milliseconds of the median and of the slowest hundredth."""
    os.environ["BENCH_TOKEN"] = token
    return own("bench.load", str(port), path, str(CONNECTIONS), str(seconds))


def main() -> None:
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name)) for name in PATHS}
        answers = {name: answer(port, PATHS[name], token) for name, (port, token) in servers.items()}
        if len(answers["ours"]) != 100 or any(theirs != answers["ours"] for theirs in answers.values()):
            raise RuntimeError("the servers do not answer the same")
        for name, (port, token) in servers.items():
            hammered(port, PATHS[name], token, 1.0)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in PATHS}
        for _ in range(ROUNDS):
            for name, (port, token) in servers.items():
                found[name].append(hammered(port, PATHS[name], token, SECONDS))
    rate = {name: median(f["per_second"] for f in fs) for name, fs in found.items()}
    p50, p99 = ({name: median(f[key] for f in fs) for name, fs in found.items()} for key in ("p50_ms", "p99_ms"))
    figures = [
        Figure(
            "100 rows behind a token", "1/s", rate["ours"], target, reached, peer=words, peer_median=rate[name],
            ratio=rate["ours"] / rate[name],
        )
        for (name, words), (target, reached) in zip(
            PEERS.items(), ((">= 1.5x", rate["ours"] >= 1.5 * rate["response_model"]), ("", None)), strict=True
        )
    ]  # fmt: skip
    figures.append(
        Figure(f"... an answer, {CONNECTIONS} connections", "ms", p50["ours"], "p99 <= 10 ms", p99["ours"] <= 10.0,
               p99=p99["ours"], peer=PEERS["response_model"], peer_median=p50["response_model"],
               ratio=p50["response_model"] / p50["ours"])
    )  # fmt: skip
    report("api", figures)
    for name in PATHS:
        print(f"  {name}: {rate[name]:,.0f}/s, p50 {p50[name]:.2f} ms, p99 {p99[name]:.2f} ms")


if __name__ == "__main__":
    main()

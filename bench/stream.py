"""What listening costs: how soon a commit is heard, whether a busy API delays an instant, what a turn takes.

The server, its listeners and the load are processes of their own. Where two situations are compared, blocks of the one
and of the other alternate within one run of one server. Times across processes are of the machine's monotonic clock.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench.measure import ROOT, Figure, own, percentile, report
from bench.served import opened
from cryptopilot.domain.timeframe import iso

CONNECTIONS, LISTENERS = 32, 10
HOT = "/api/trading-pipeline/market-data"
BLOCKS, BLOCK_S = 5, 8.0
EVERY_MS = {12: 100.0, 100: 100.0}
"""Symbols, and wall milliseconds between instants."""

TURNS = 60
CROWDS = (0, 1, 100, 500)


class Server:
    """A server in a process of its own, and what its instants were like once it has ended."""

    def __init__(self, symbols: int, every_ms: float) -> None:
        command = [sys.executable, "-m", "bench.served", str(symbols), str(every_ms)]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        self.instants: list[dict[str, float]] = []
        told = json.loads(self._line())
        self.port, self._environment = str(told["port"]), {**os.environ, "BENCH_TOKEN": told["token"]}

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.instants = json.loads(self._line())
        self._process.wait()

    def meet(self, module: str, *arguments: object) -> "subprocess.Popen[str]":
        """A process of clients."""
        command = [sys.executable, "-m", module, self.port, *map(str, arguments)]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True)

    def within(self, spans: Iterable[tuple[float, float]]) -> list[dict[str, float]]:
        """The instants that were due within *spans*."""
        kept = list(spans)
        return [i for i in self.instants if any(begin <= i["due"] < end for begin, end in kept)]


def said(process: "subprocess.Popen[str]") -> Any:
    """What a process says in the end."""
    return json.loads(process.communicate()[0])


@contextmanager
def span(spans: list[tuple[float, float]]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    spans.append((began, time.perf_counter()))


def under_load(symbols: int) -> tuple[list[dict[str, float]], list[dict[str, float]], list[float], list[Any]]:
    """Instants beside an idle API and beside a busy one; ms from commit to hand; the load's own figures."""
    server, idle, busy = Server(symbols, EVERY_MS[symbols]), list[tuple[float, float]](), list[tuple[float, float]]()
    heard, loads = dict[str, float](), list[Any]()
    time.sleep(1.0)
    for _ in range(BLOCKS):
        with span(idle):
            time.sleep(BLOCK_S)
        listeners = server.meet("bench.listeners", LISTENERS, BLOCK_S + 1.0)
        load = server.meet("bench.load", HOT, CONNECTIONS, BLOCK_S + 1.0)
        time.sleep(1.0)  # Until both have connected; they end after the block.
        with span(busy):
            time.sleep(BLOCK_S - 1.0)
        loads.append(said(load))
        heard |= said(listeners)["heard"]
    server.end()
    late = [(heard[iso(int(i["at"]))] - i["committed"]) * 1e3 for i in server.instants if iso(int(i["at"])) in heard]
    return server.within(idle), server.within(busy), late, loads


def milliseconds(instants: Sequence[dict[str, float]], begin: str, end: str) -> list[float]:
    return [(i[end] - i[begin]) * 1e3 for i in instants]


def heard_after() -> list[float]:
    """Milliseconds from a commit to its message in a listener's hands, nobody else being there."""
    server = Server(12, EVERY_MS[12])
    heard = said(server.meet("bench.listeners", 1, 20.0))["heard"]
    server.end()
    return [(heard[iso(int(i["at"]))] - i["committed"]) * 1e3 for i in server.instants if iso(int(i["at"])) in heard]


def crowds() -> dict[int, float]:
    """CPU milliseconds of an instant and all that follows from it, by how many listen."""
    server, spans = Server(12, 1000.0), dict[int, list[tuple[float, float]]]()
    for crowd in CROWDS:
        listeners = server.meet("bench.listeners", crowd, 20.0) if crowd else None
        time.sleep(6.0)
        with span(spans.setdefault(crowd, [])):
            time.sleep(12.0)
        if listeners is not None and said(listeners)["alive"] != crowd:
            raise RuntimeError("a listener was dropped")
    server.end()
    cpu = {crowd: [i["cpu"] for i in server.within(spans[crowd])] for crowd in CROWDS}
    return {crowd: (c[-1] - c[0]) / (len(c) - 1) * 1e3 for crowd, c in cpu.items()}


def turns(symbols: int) -> dict[str, float]:
    """CPU milliseconds of a turn of the feed after an instant of so many symbols."""
    took = []
    with opened(symbols, 1000.0) as (desk, _):
        pipeline, step = desk.service.assembly.pipeline, desk.service.assembly.market.candles.timeframe_ms
        desk.feed.turn()
        for _ in range(TURNS):
            pipeline.decide(pipeline.handled + step)
            began = time.process_time()
            desk.feed.turn()
            took.append((time.process_time() - began) * 1e3)
    return {"median": median(took), "p99": percentile(took, 0.99)}


def main() -> None:
    figures = []
    after = heard_after()
    figures.append(
        Figure("a commit, until a listener has it", "ms", median(after), "", None, p99=percentile(after, 0.99))
    )
    notes = []
    for symbols in EVERY_MS:
        idle, busy, late, loads = under_load(symbols)
        figures += delays(symbols, idle, busy)
        rate, p99 = median(f["per_second"] for f in loads), median(f["p99_ms"] for f in loads)
        notes.append(f"  {symbols} symbols, under load: {rate:,.0f} answers/s, p99 {p99:.1f} ms; "
                     f"heard after {median(late):.1f} ms, p99 {percentile(late, 0.99):.1f}")  # fmt: skip
    found = {n: own("bench.stream", str(n)) for n in (12, 100, 500)}
    for n, f in found.items():
        per, base = f["median"] / n * 1e3, found[100]["median"] / 100 * 1e3
        target, reached = ("<= 1.5x: linear", per <= 1.5 * base) if n == 500 else ("", None)
        figures.append(Figure(f"a turn of the feed, {n} symbols", "ms", f["median"], target, reached, p99=f["p99"],
                              peer="per symbol, us, of 100", peer_median=base, ratio=per / base))  # fmt: skip
    cpu = crowds()
    each = {n: (cpu[n] - cpu[0]) / n * 1e3 for n in CROWDS if n}
    figures.append(Figure("... to be told to one of 500 listeners", "us", each[500], "<= 1.2x: linear",
                          each[500] <= 1.2 * each[100], peer="one of 100", peer_median=each[100],
                          ratio=each[500] / each[100]))  # fmt: skip
    report("stream", figures)
    print("\n".join(notes))


def delays(symbols: int, idle: Sequence[dict[str, float]], busy: Sequence[dict[str, float]]) -> list[Figure]:
    """Instants beside a busy API against instants beside an idle one: decided, and done after they were due."""
    found = []
    for what, begin in (("decided", "began"), ("due to done", "due")):
        ours, theirs = milliseconds(busy, begin, "done"), milliseconds(idle, begin, "done")
        p99, base = percentile(ours, 0.99), percentile(theirs, 0.99)
        found.append(
            Figure(f"an instant of {symbols}, {what}, API busy", "ms", median(ours), "", None, peer="API idle",
                   peer_median=median(theirs), ratio=median(ours) / median(theirs))
        )  # fmt: skip
        found.append(
            Figure("... its p99", "ms", p99, "<= 1.2x", p99 <= 1.2 * base, peer="API idle", peer_median=base,
                   ratio=p99 / base)
        )  # fmt: skip
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(turns(int(sys.argv[1]))))
    else:
        main()

"""How much sooner two workers finish a search than one: ``python -m bench.search``.

The workers are those of a Dask cluster on this machine, and processes of our own beside them. Wall time, because the
point is what somebody waits. One and two workers take turns, and a ratio is the median of those of all turns, so that
a neighbour on the machine slows both alike. A task computes for some hundredths of a second, as a backtest of a year
of hourly candles does, and holds the interpreter all the while, as Python does.
"""

import time
from contextlib import ExitStack
from statistics import median

from bench.measure import Figure, report
from cryptopilot.adapters.pools.cluster import Cluster
from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.ports.pool import Done, Pool
from tests.fakes.chores import code
from tests.fakes.cluster import a_cluster
from tests.fakes.landscape import Walk, height

TASKS = 40
WORK = 1_500_000
"""Steps of a task: some hundredths of a second."""
ROUNDS = 5


def seconds(pool: Pool) -> float:
    """How long all tasks take."""
    tasks = [Walk(n, 0.5, "ema", WORK) for n in range(TASKS)]
    began = time.perf_counter()
    outcomes = list(pool.map(height, tasks))
    took = time.perf_counter() - began
    if len(outcomes) != TASKS or not all(isinstance(outcome, Done) for outcome in outcomes):
        raise RuntimeError(f"{len(outcomes)} outcomes of {TASKS} tasks, or failed ones")
    return took


def main() -> None:
    with ExitStack() as stack:
        pools: dict[str, Pool] = {}
        for count, words in ((1, "one"), (2, "two")):
            pools[f"{words} Dask"] = stack.enter_context(Cluster(stack.enter_context(a_cluster(workers=count)), code))
            pools[f"{words} process"] = stack.enter_context(Processes(count))
        for pool in pools.values():
            seconds(pool)  # Workers start and import.
        turns = [{name: seconds(pool) for name, pool in pools.items()} for _ in range(ROUNDS)]
    figures = []
    for kind in ("Dask", "process"):
        one, two = ([turn[f"{count} {kind}"] for turn in turns] for count in ("one", "two"))
        ratio = median(a / b for a, b in zip(one, two, strict=True))
        figures.append(
            Figure(
                f"{TASKS} tasks on two {kind} workers", "s", median(two), ">= 1.5x one worker", ratio >= 1.5,
                p99=max(two), peer=f"one {kind} worker", peer_median=median(one), ratio=ratio,
            )
        )  # fmt: skip
    report("search", figures)


if __name__ == "__main__":
    main()

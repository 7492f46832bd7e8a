"""How much sooner two workers finish a search than one: ``python -m bench.search``.

The workers are those of a Dask cluster on this machine, and processes of our own beside them. Wall time, because the
point is what somebody waits; every figure is the best of several rounds, alternating, so that a neighbour on the
machine slows both alike. Tasks are backtests in miniature: a compiled-speed loop would only say how fast the loop is.
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
        found: dict[str, list[float]] = {name: [] for name in pools}
        for _ in range(ROUNDS):
            for name, pool in pools.items():
                found[name].append(seconds(pool))
    figures = []
    for kind in ("Dask", "process"):
        one, two = median(found[f"one {kind}"]), median(found[f"two {kind}"])
        figures.append(
            Figure(
                f"{TASKS} tasks on two {kind} workers", "s", two, ">= 1.5x one worker", one / two >= 1.5,
                p99=max(found[f"two {kind}"]), peer=f"one {kind} worker", peer_median=one, ratio=one / two,
            )
        )  # fmt: skip
    report("search", figures)


if __name__ == "__main__":
    main()

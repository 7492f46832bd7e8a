"""A stand-in for backtests: statistics from a landscape with one summit, at once or after some computing."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.adapters.storage.studies import open_studies
from cryptopilot.ports.parameters import Parameter, Value
from cryptopilot.research.search.objectives import objectives
from cryptopilot.research.search.optimise import optimise
from cryptopilot.research.search.study import Search, Study

PARAMETERS = (
    Parameter.whole("fast", 12, 2, 60),
    Parameter.number("width", 0.2, 0.1, 0.9, step=0.1),
    Parameter.choice("kind", "ema", ("ema", "sma")),
)


class Walk(NamedTuple):
    """A task: how many steps of computing it takes, and from which parameters."""

    fast: int
    width: float
    kind: str
    work: int = 0


def task_of(values: Mapping[str, Value]) -> Walk:
    return Walk(int(values["fast"]), float(values["width"]), str(values["kind"]))


def slow_task_of(values: Mapping[str, Value]) -> Walk:
    """Some hundredths of a second each."""
    return task_of(values)._replace(work=200_000)


def height(task: Walk) -> dict[str, float]:
    """Highest at fast 20, width 0.5, ema; a run with more risk gains more."""
    for _ in range(task.work):
        pass
    far = abs(task.fast - 20) / 20 + abs(task.width - 0.5) + (task.kind == "sma")
    return {"sharpe": 3.0 - far, "max_drawdown": task.width / 2, "trades": 40.0, "sortino": float("nan")}


def treacherous(task: Walk) -> dict[str, float]:
    """The same, but some regions have no result, and one kills its worker."""
    if task.fast > 55:
        os._exit(3)
    if task.fast < 8:
        raise ZeroDivisionError("no bars")
    if task.kind == "sma":
        return height(task) | {"sharpe": float("nan")}
    return height(task)


def a_search(objective: str = "sharpe", **changes: object) -> Search:
    """A search of the landscape; *changes* by the names of `Search`."""
    given: dict[str, object] = {"subject": {"data": "abc", "symbols": ["BTC/USDT"]}, "seed": 7, "round_size": 8}
    return Search(PARAMETERS, objectives(objective), **(given | changes))  # type: ignore[arg-type]


def main(home: str, trials: str) -> None:
    """A search in a process of its own, for whoever wants to kill it: tells each trial that has ended."""
    with (
        open_studies(f"sqlite:///{Path(home) / 'cryptopilot.db'}", "killed") as storage,
        closing(Processes(2)) as pool,
    ):
        study = Study(storage, "killed", a_search())
        optimise(study, pool, height, slow_task_of, int(trials), lambda p: print(p.ended, flush=True))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])

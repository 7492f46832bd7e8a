"""Optimising: a study's trials, spread over a pool, until there are as many as were asked for."""

import statistics
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from cryptopilot.ports.parameters import Value
from cryptopilot.ports.pool import Done, Pool
from cryptopilot.research.search.objectives import Objective
from cryptopilot.research.search.study import Ended, Study, Trial
from cryptopilot.rules.arithmetic import UNKNOWN

Task = TypeVar("Task")

Evaluate = Callable[[Task], Mapping[str, float]]
"""Does a task and gives the statistics of it, by name."""

SHARPE = "sharpe"


@dataclass(frozen=True, slots=True)
class Tried(Generic[Task]):
    """A trial on its way: what a worker gets, and whose result it is."""

    trial: Trial
    task: Task


class Progress(NamedTuple):
    """How far a search has come: trials ended, those of them that failed, how many there will be, and the best in the
    first objective."""

    ended: int
    failed: int
    of: int
    best: Ended | None


class Found(NamedTuple):
    """What a study has found so far.

    Args:
        front: the trials that no other beats in every objective, the best in the first one first; () while all failed.
        ended: every trial that was run, failed ones too.
    """

    front: tuple[Ended, ...]
    ended: tuple[Ended, ...]

    @property
    def failed(self) -> tuple[Ended, ...]:
        return tuple(ended for ended in self.ended if ended.error is not None)

    @property
    def different(self) -> int:
        """How many different parameters have been tried and have a result: the trials that a deflated Sharpe counts."""
        return len({tuple(sorted(e.trial.values.items())) for e in self.ended if e.error is None})

    @property
    def sharpe_variance(self) -> float:
        """The sample variance of their annual Sharpe ratios, which it asks for too; NaN for fewer than two known."""
        by_values = {tuple(sorted(e.trial.values.items())): e.statistics.get(SHARPE, UNKNOWN) for e in self.ended}
        known = [sharpe for sharpe in by_values.values() if sharpe == sharpe]
        return statistics.variance(known) if len(known) > 1 else UNKNOWN


def optimise(
    study: Study,
    pool: Pool,
    evaluate: Evaluate[Task],
    task_of: Callable[[Mapping[str, Value]], Task],
    trials: int,
    told: Callable[[Progress], object] = lambda _: None,
) -> Found:
    """Run a study's trials until there are *trials* in all, those of earlier runs included.

    Whatever interrupts it, every trial that has ended is kept, and the next call goes on with the others.

    Args:
        evaluate: a function of a module; it runs wherever the pool has it run.
        task_of: what is to be done for a set of parameters.
        told: hears of it after every trial.
    """
    progress = _begun(study, trials)
    told(progress)
    while round_ := study.next_round(trials):
        tasks = [Tried(trial, task_of(trial.values)) for trial in round_]
        with closing(pool.map(partial(_evaluated, evaluate), tasks)) as outcomes:  # type: ignore[type-var]
            for outcome in outcomes:
                if isinstance(outcome, Done):
                    ended = study.tell(outcome.task.trial, outcome.result)
                else:
                    ended = study.fail(outcome.task.trial, outcome.why)
                progress = _after(ended, progress, study.search.objectives[0])
                told(progress)
    return found(study)


def found(study: Study) -> Found:
    """What there is so far, after an interruption too."""
    return Found(study.front(), study.ended())


def _evaluated(evaluate: Evaluate[Any], tried: Tried[Any]) -> Mapping[str, float]:
    return evaluate(tried.task)


def _begun(study: Study, trials: int) -> Progress:
    before = found(study)
    return Progress(len(before.ended), len(before.failed), trials, before.front[0] if before.front else None)


def _after(ended: Ended, before: Progress, first: Objective) -> Progress:
    failed, best = ended.error is not None, before.best
    if not failed and (best is None or first.better(ended.statistics[first.name], best.statistics[first.name])):
        best = ended
    return Progress(before.ended + 1, before.failed + failed, before.of, best)

"""Walking forward: optimise on a stretch of the past, trade the winner on what came next, move on.

The tests together are one account that never saw its own future: each begins with what the one before it ended with.
What was open at a test's end counts at its mark; the next test begins without positions. A window in which no trial
had a result trades nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.parameters import Value
from cryptopilot.ports.pool import Done, Failed, Pool
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.search.optimise import Evaluate, Found, Progress, optimise
from cryptopilot.research.search.study import Ended, Study
from cryptopilot.research.windows import Span, Window

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True)
class Course(Generic[Task]):
    """What is done in each window.

    Args:
        task_of: a task for parameters, a span, and the capital to begin with in atoms; None: as asked for.
        evaluate, run: functions of a module that do a task: its statistics by name; the whole of it.
        measured: the statistics of a run, by the same names.
    """

    windows: Sequence[Window]
    task_of: Callable[[Mapping[str, Value], Span, int | None], Task]
    evaluate: Evaluate[Task]
    run: Callable[[Task], Outcome]
    measured: Callable[[Outcome], Mapping[str, float]]


class Leg(NamedTuple):
    """One window.

    Args:
        found: of its optimisation; outside: the winner's run over the test; None where there was none: see *error*.
        inside_statistics, outside_statistics: the winner's in training and in test.
    """

    window: Window
    found: Found
    outside: Outcome | None
    outside_statistics: Mapping[str, float]
    error: str | None = None

    @property
    def winner(self) -> Ended | None:
        return self.found.front[0] if self.found.front else None

    @property
    def inside_statistics(self) -> Mapping[str, float]:
        return self.winner.statistics if self.winner else {}

    @property
    def change(self) -> Mapping[str, float]:
        """What each statistic is out of sample, less what it was in sample."""
        inside, outside = self.inside_statistics, self.outside_statistics
        return {name: outside[name] - inside[name] for name in inside if name in outside}


def walk_forward(
    course: Course[Task],
    study_of: Callable[[int], Study],
    pool: Pool,
    trials: int,
    told: Callable[[int, Progress], object] = lambda _number, _progress: None,
) -> Iterator[Leg]:
    """Every window's leg, as it is done.

    Args:
        study_of: the study of a window, by its number from 0; each resumes like any other.
        trials: for each window.
        told: hears, with the window's number, of every trial.
    """
    capital: int | None = None
    for number, window in enumerate(course.windows):
        leg = _leg(course, window, capital, study_of(number), pool, trials, lambda p, n=number: told(n, p))  # type: ignore[misc]
        if leg.outside is not None:
            capital = int(leg.outside.equity[-1])
        yield leg


def _leg(
    course: Course[Task],
    window: Window,
    capital: int | None,
    study: Study,
    pool: Pool,
    trials: int,
    told: Callable[[Progress], object],
) -> Leg:
    search = optimise(
        study, pool, course.evaluate, lambda values: course.task_of(values, window.train, None), trials, told
    )
    if not search.front:
        return Leg(window, search, None, {}, f"no trial had a result; the first: {search.ended[0].error}")
    task = course.task_of(search.front[0].trial.values, window.test, capital)
    with closing(pool.map(course.run, [task])) as outcomes:  # type: ignore[type-var]
        outcome: Done[Task, Outcome] | Failed[Task] = next(outcomes)
    if isinstance(outcome, Failed):
        return Leg(window, search, None, {}, outcome.why)
    return Leg(window, search, outcome.result, course.measured(outcome.result))


def stitched(runs: Sequence[Outcome]) -> Outcome:
    """Runs that follow each other, as one; the market is bought anew where each begins.

    Raises:
        InvalidValueError: there is none, one begins before the one before it has ended, or with other capital than
            that one ended with.
    """
    if not runs:
        raise InvalidValueError("runs", 0, "one or more")
    for before, after in pairwise(runs):
        if after.instants[0] <= before.instants[-1]:
            raise InvalidValueError("begin of a run", int(after.instants[0]), f"after {int(before.instants[-1])}")
        if after.capital != before.equity[-1]:
            raise InvalidValueError(
                "capital of a run", after.capital, f"{int(before.equity[-1])}, as the last one ended"
            )
    return replace(
        runs[0],
        instants=_joined(run.instants for run in runs),
        equity=_joined(run.equity for run in runs),
        invested=_joined(run.invested for run in runs),
        held=_joined(run.held for run in runs),
        market=_market(runs),
        traded=sum(run.traded for run in runs),
        signals=_summed([run.signals for run in runs]),
        refusals=_summed([run.refusals for run in runs]),
        trades=tuple(trade for run in runs for trade in run.trades),
    )


def _market(runs: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    pieces, capital = [], float(runs[0].capital)
    for run in runs:
        pieces.append(run.market * (capital / run.capital))
        capital = float(pieces[-1][-1])
    return np.concatenate(pieces)


def _joined(pieces: Iterator[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(list(pieces))


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(c.get(name, 0) for c in counts) for name in sorted({n for c in counts for n in c})}

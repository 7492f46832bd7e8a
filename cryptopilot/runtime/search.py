"""Searches, put together: a study beside the home's database, workers, and backtests for tasks."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cryptopilot.adapters.pools.cluster import Address, Cluster
from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.adapters.storage.studies import open_studies
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.parameters import Parameter, Value
from cryptopilot.ports.pool import Pool
from cryptopilot.research.manifest import code_version
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.plain import canonical, plain
from cryptopilot.research.search.measures import measured
from cryptopilot.research.search.objectives import Objective
from cryptopilot.research.search.optimise import Evaluate, Found, Progress, found, optimise
from cryptopilot.research.search.space import Identity
from cryptopilot.research.search.study import Search, Study
from cryptopilot.research.search.walk_forward import Course, Leg, stitched, walk_forward
from cryptopilot.research.statistics import Statistics, statistics
from cryptopilot.research.windows import Scheme, Span

Task = TypeVar("Task")


class Report(Protocol):
    """What a full backtest says."""

    def text(self) -> str: ...

    def document(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Experiment(Generic[Task]):
    """Something that can be run with one set of parameters after the other.

    Args:
        strategy: its name; parameters: what varies; subject: everything else that a run depends on.
        span: all instants there are; timeframe_ms: their distance.
        task_of: a task for parameters, a span, and the capital to begin with in atoms; None: the mandate's.
        longest_ms: how long a position may be held.
        defaults: the figures of a run with the values that parameters have when nobody searches.
        evaluate, run: functions of a module that do a task: its statistics by name; the whole of it.
        again: the full backtest of parameters that were the best of so many, whose annual Sharpe ratios vary so much.
    """

    strategy: str
    parameters: tuple[Parameter, ...]
    subject: Identity
    span: Span
    timeframe_ms: int
    longest_ms: int
    defaults: Mapping[str, float]
    task_of: Callable[[Mapping[str, Value], Span, int | None], Task]
    evaluate: Evaluate[Task]
    run: Callable[[Task], Outcome]
    again: Callable[[Mapping[str, Value], int, float], Report]


@dataclass(frozen=True, slots=True)
class Effort:
    """How a search is made.

    Args:
        trials: in all, those of earlier runs included; for each window of a walk.
        study: its name; None: one made from what is searched, so that the same command resumes its own study.
        sampler: None: tpe for one objective, nsga2 for several.
        workers: processes on this machine, None for one a core; cluster: a Dask cluster instead.
    Raises:
        InvalidValueError: a value is not allowed.
    """

    trials: int
    objectives: tuple[Objective, ...]
    study: str | None = None
    sampler: str | None = None
    seed: int = 0
    round_size: int = 20
    least_trades: int = 0
    workers: int | None = None
    cluster: Address | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= 1_000_000:
            raise InvalidValueError("--trials", self.trials, "1 to 1000000")
        if self.workers is not None and self.cluster is not None:
            raise InvalidValueError("--workers", self.workers, "nothing beside --dask: a cluster has its own")

    def search(self, experiment: Experiment[Task], **more: object) -> Search:
        """What is looked for; *more* belongs to its identity."""
        sampler = self.sampler or ("tpe" if len(self.objectives) == 1 else "nsga2")
        subject = {**experiment.subject, **more}
        return Search(
            experiment.parameters, self.objectives, subject, sampler, self.seed, self.round_size, self.least_trades
        )

    def name(self, strategy: str, search: Search) -> str:
        """What the study is called."""
        identity = hashlib.sha256(canonical(plain(search.identity())).encode()).hexdigest()
        return self.study or f"{strategy}-{identity[:12]}"


class Optimised(NamedTuple):
    """An optimisation: what was found; the winner's own backtest, which knows how many it was the best of.

    Args:
        interrupted: it was cut off; what was done is in it, and is kept.
        winner: None while no trial has a result, and when it was cut off.
    """

    name: str
    search: Search
    found: Found
    winner: Report | None
    interrupted: bool


class Walked(NamedTuple):
    """A walk forward: its windows so far, and the tests together as one run; None when no window had a test."""

    name: str
    search: Search
    legs: tuple[Leg, ...]
    outside: tuple[Outcome, Statistics] | None
    interrupted: bool


def optimised(
    experiment: Experiment[Task], effort: Effort, url: str, told: Callable[[Progress], object] = lambda _: None
) -> Optimised:
    """Search the whole span, and run the winner once more.

    Args:
        url: of the home's database, beside which studies are kept; told: hears of every trial.
    """
    search = effort.search(experiment)
    name = effort.name(experiment.strategy, search)
    with open_studies(url, name) as storage, open_pool(effort) as pool:
        study = Study(storage, name, search)
        try:
            best = optimise(study, pool, experiment.evaluate, _whole(experiment), effort.trials, told)
        except KeyboardInterrupt:
            return Optimised(name, search, found(study), None, interrupted=True)
    return Optimised(name, search, best, _again(experiment, best), interrupted=False)


def walked(
    experiment: Experiment[Task],
    effort: Effort,
    scheme: Scheme,
    url: str,
    told: Callable[[int, int, Progress], object] = lambda _number, _of, _progress: None,
) -> Walked:
    """Walk forward over the span.

    Args:
        told: hears, with a window's number and how many there are, of every trial.
    """
    windows = scheme.windows(experiment.span)
    search = effort.search(experiment, scheme=plain(scheme))
    name = effort.name(f"{experiment.strategy}-walk", search)
    course = Course(windows, experiment.task_of, experiment.evaluate, experiment.run, measured)
    legs: list[Leg] = []
    interrupted = False
    with open_studies(url, name) as storage, open_pool(effort) as pool:
        try:
            for leg in walk_forward(
                course,
                lambda number: Study(storage, f"{name}/{number}", search),
                pool,
                effort.trials,
                lambda number, progress: told(number, len(windows), progress),
            ):
                legs.append(leg)  # noqa: PERF402  # One by one: an interruption leaves those that were done.
        except KeyboardInterrupt:
            interrupted = True
    return Walked(name, search, tuple(legs), _outside(legs), interrupted)


@contextmanager
def open_pool(effort: Effort) -> Iterator[Pool]:
    """The workers asked for."""
    if effort.cluster is not None:
        with Cluster(effort.cluster, code_version) as cluster:
            yield cluster
    elif effort.workers is not None:
        with Processes(effort.workers) as processes:
            yield processes
    else:
        with Processes() as processes:
            yield processes


def _whole(experiment: Experiment[Task]) -> Callable[[Mapping[str, Value]], Task]:
    return lambda values: experiment.task_of(values, experiment.span, None)


def _again(experiment: Experiment[Task], best: Found) -> Report | None:
    if not best.front:
        return None
    return experiment.again(best.front[0].trial.values, best.different, best.sharpe_variance)


def _outside(legs: list[Leg]) -> tuple[Outcome, Statistics] | None:
    """The tests together. Nothing was chosen by them: they count as a single trial."""
    runs = [leg.outside for leg in legs if leg.outside is not None]
    if not runs:
        return None
    whole = stitched(runs)
    return whole, statistics(whole)

"""A study: every trial of one search, kept in a database, in rounds that do not depend on who was first.

The trials of a round are all asked for before any of them runs, and each is drawn with a seed of its own, from the
study's seed and its number. So what a trial is depends on the rounds before it and on nothing else: one seed gives one
study, in this process or on a cluster; and a study that was cut off goes on as if nothing had happened.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.storages import BaseStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from cryptopilot.domain.errors import InvalidValueError, RejectedError, StudyMismatchError
from cryptopilot.ports.parameters import Parameter, Value
from cryptopilot.research.search.objectives import HIGH, Objective, values
from cryptopilot.research.search.space import Identity, differences, distributions, identity_of, on_grid

SPACE, STATISTICS, ERROR = "space", "statistics", "error"
"""What is kept beside what Optuna keeps by itself."""

SAMPLERS = ("tpe", "nsga2")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Args:
        parameters: what varies; objectives: what for.
        subject: everything else that a run depends on (data, span, strategy, costs, mandate), as plain JSON values.
        sampler: tpe (Bayesian) or nsga2 (genetic; a round is a generation); seed: where chance begins.
        least_trades: with how many closed trades a run can be compared; one that never trades would win among losers.
        round_size: how many trials are drawn before any of them runs. More keep more workers busy, fewer learn sooner.
    Raises:
        InvalidValueError: a value is not allowed.
    """

    parameters: Sequence[Parameter]
    objectives: Sequence[Objective]
    subject: Identity
    sampler: str = "tpe"
    seed: int = 0
    round_size: int = 20
    least_trades: int = 0

    def __post_init__(self) -> None:
        if self.least_trades < 0:
            raise InvalidValueError("--least-trades", self.least_trades, "0 or more")
        if self.sampler not in SAMPLERS:
            raise InvalidValueError("--sampler", self.sampler, ", ".join(SAMPLERS))
        if not 2 <= self.round_size <= 10_000:
            raise InvalidValueError("--round", self.round_size, "2 to 10000")
        if not 0 <= self.seed < 2**31:
            raise InvalidValueError("--seed", self.seed, f"0 to {2**31 - 1}")

    def identity(self) -> Identity:
        """All of it as plain JSON values: two searches with the same identity are the same search."""
        return {
            **self.subject,
            "parameters": identity_of(self.parameters),
            "objectives": [f"{o.wanted} {o.name}" for o in self.objectives],
            "sampler": self.sampler,
            "seed": self.seed,
            "round": self.round_size,
            "least_trades": self.least_trades,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters that is to be tried."""

    number: int
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial that has been run: its statistics, all of them, or else its error."""

    trial: Trial
    statistics: Mapping[str, float]
    error: str | None = None


class Study:
    """One study in a database.

    Raises:
        StudyMismatchError: a study of that name searches something else.
    """

    def __init__(self, storage: BaseStorage, name: str, search: Search) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.name, self.search = name, search
        self._distributions = distributions(search.parameters)
        self._storage = get_storage(storage)
        directions = [_direction(objective) for objective in search.objectives]
        self._study = _opened(self._storage, name, directions, search.identity())
        self._id = self._storage.get_study_id_from_name(name)

    def next_round(self, until: int) -> tuple[Trial, ...]:
        """The trials to run now: of a round that was cut off, those without an end; else those of the next round.

        Args:
            until: how many trials the study may have in all, failed ones included. () when it has them.
        """
        self._give_up_what_was_cut_off_while_drawn()
        while len(self._frozen()) < self._round_ends_at(until):
            self._ask()
        return tuple(self._trial(t) for t in self._frozen() if not t.state.is_finished())

    def tell(self, trial: Trial, statistics: Mapping[str, float]) -> Ended:
        """Keep what a trial came to; one whose objectives are unknown has failed, by name.

        Raises:
            InvalidValueError: an objective is no statistic of a run.
        """
        try:
            found = values(statistics, self.search.objectives, self.search.least_trades)
        except InvalidValueError:
            raise
        except RejectedError as error:
            return self.fail(trial, str(error), statistics)
        self._keep(trial, STATISTICS, _as_json(statistics))
        self._study.tell(trial.number, found)
        return Ended(trial, statistics)

    def fail(self, trial: Trial, why: str, statistics: Mapping[str, float] | None = None) -> Ended:
        """Keep that a trial has failed, and why."""
        self._keep(trial, STATISTICS, _as_json(statistics or {}))
        self._keep(trial, ERROR, why)
        self._study.tell(trial.number, state=TrialState.FAIL)
        return Ended(trial, statistics or {}, why)

    def ended(self) -> tuple[Ended, ...]:
        """Every trial that has been run, failed ones too, in the order of their numbers."""
        return tuple(self._ended(t) for t in self._frozen() if t.state.is_finished())

    def front(self) -> tuple[Ended, ...]:
        """The trials that no other beats in every objective; the best in the first objective comes first."""
        numbers = {t.number for t in self._study.best_trials} if any(e.error is None for e in self.ended()) else set()
        first = self.search.objectives[0]
        sign = -1.0 if first.wanted == HIGH else 1.0
        best = [e for e in self.ended() if e.trial.number in numbers]
        return tuple(sorted(best, key=lambda e: (sign * e.statistics[first.name], e.trial.number)))

    def _round_ends_at(self, until: int) -> int:
        """How many trials there are once the round to run has been drawn."""
        frozen, size = self._frozen(), self.search.round_size
        whole = math.ceil(len(frozen) / size) * size
        if all(t.state.is_finished() for t in frozen):
            return min(until, (len(frozen) // size + 1) * size)
        begun = any(t.state.is_finished() for t in frozen[whole - size :])
        return len(frozen) if begun else min(until, whole)  # Cut off amid its drawing: nothing of it has run.

    def _ask(self) -> None:
        number = len(self._frozen())
        self._study.sampler = _sampler(self.search, number)
        self._study.ask(self._distributions)

    def _give_up_what_was_cut_off_while_drawn(self) -> None:
        for frozen in self._frozen():
            if not frozen.state.is_finished() and frozen.params.keys() != self._distributions.keys():
                self.fail(Trial(frozen.number, {}), "the search was cut off while this trial was drawn")

    def _trial(self, frozen: FrozenTrial) -> Trial:
        drawn = frozen.params.keys() == self._distributions.keys()
        return Trial(frozen.number, on_grid(self.search.parameters, frozen.params) if drawn else {})

    def _ended(self, frozen: FrozenTrial) -> Ended:
        kept = json.loads(frozen.user_attrs.get(STATISTICS, "{}"))
        numbers = {name: math.nan if value is None else float(value) for name, value in kept.items()}
        return Ended(self._trial(frozen), numbers, frozen.user_attrs.get(ERROR))

    def _keep(self, trial: Trial, key: str, text: str) -> None:
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
        self._storage.set_trial_user_attr(trial_id, key, text)

    def _frozen(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)


def _opened(storage: BaseStorage, name: str, directions: list[StudyDirection], asked: Identity) -> optuna.Study:
    study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
    kept = study.user_attrs.get(SPACE)
    if kept is None:
        study.set_user_attr(SPACE, asked)
    elif found := differences(kept, asked):
        raise StudyMismatchError(name, found)
    return study


def _direction(objective: Objective) -> StudyDirection:
    return StudyDirection.MAXIMIZE if objective.wanted == HIGH else StudyDirection.MINIMIZE


def _sampler(search: Search, number: int) -> BaseSampler:
    seed = int.from_bytes(hashlib.sha256(f"{search.seed} {number}".encode()).digest()[:4])
    if search.sampler == "tpe":
        return TPESampler(seed=seed)
    return NSGAIISampler(population_size=search.round_size, seed=seed)


def _as_json(statistics: Mapping[str, float]) -> str:
    """Unknown is null; infinities stay, as their names."""
    return json.dumps({name: None if v != v else (v if math.isfinite(v) else str(v)) for name, v in statistics.items()})

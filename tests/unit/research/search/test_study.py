"""A study: what is searched, what was found, and what a study of the same name may not become."""

import math
from collections.abc import Sequence
from dataclasses import replace

import optuna
import pytest
from optuna.storages import InMemoryStorage

from cryptopilot.domain.errors import InvalidValueError, StudyMismatchError
from cryptopilot.ports.parameters import Parameter
from cryptopilot.research.search.objectives import objectives
from cryptopilot.research.search.space import distributions
from cryptopilot.research.search.study import Study, Trial
from tests.fakes.landscape import PARAMETERS, a_search, height, task_of


def run(study: Study, until: int) -> None:
    """Every trial up to *until*, the last drawn first: who is first must not matter."""
    while drawn := study.next_round(until):
        for trial in reversed(drawn):
            study.tell(trial, height(task_of(trial.values)))


def drawn_by(study: Study) -> list[Trial]:
    return [ended.trial for ended in study.ended()]


def test_every_trial_lies_on_the_grid_of_its_parameters() -> None:
    study = Study(InMemoryStorage(), "s", a_search())
    run(study, 40)
    for trial in drawn_by(study):
        for parameter in PARAMETERS:
            assert parameter.checked(trial.values[parameter.name]) == trial.values[parameter.name]
        assert trial.values["width"] in [n / 10 for n in range(1, 10)]


def test_a_grid_ends_with_the_last_step_that_fits() -> None:
    one = Parameter.number("x", 0.1, 0.1, 0.95, step=0.3)
    assert distributions([one])["x"] == optuna.distributions.FloatDistribution(0.1, 0.7, step=0.3)
    whole = Parameter.whole("n", 5, 5, 20, step=4)
    assert distributions([whole])["n"] == optuna.distributions.IntDistribution(5, 17, step=4)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
@pytest.mark.parametrize("objective", ["sharpe", "sharpe,max_drawdown"])
def test_one_seed_gives_one_study_whoever_is_first(sampler: str, objective: str) -> None:
    search = a_search(objective, sampler=sampler)
    one, other = Study(InMemoryStorage(), "s", search), Study(InMemoryStorage(), "s", search)
    run(one, 40)
    while drawn := other.next_round(40):
        for trial in drawn:
            other.tell(trial, height(task_of(trial.values)))
    assert drawn_by(one) == drawn_by(other)
    another = Study(InMemoryStorage(), "s", replace(search, seed=8))
    run(another, 40)
    assert drawn_by(one) != drawn_by(another)


@pytest.mark.parametrize("ended", [0, 3, 7, 8, 11])
def test_a_study_that_was_cut_off_goes_on_as_if_nothing_had_happened(ended: int) -> None:
    whole, storage = Study(InMemoryStorage(), "s", a_search()), InMemoryStorage()
    run(whole, 24)
    cut_off, left = Study(storage, "s", a_search()), ended
    while left:
        for trial in cut_off.next_round(24)[:left]:
            cut_off.tell(trial, height(task_of(trial.values)))
            left -= 1
    cut_off.next_round(24)
    resumed = Study(storage, "s", a_search())
    run(resumed, 24)
    assert resumed.ended() == whole.ended()


def test_a_study_that_was_cut_off_while_a_round_was_drawn_draws_the_same_rest() -> None:
    whole, storage = Study(InMemoryStorage(), "s", a_search()), InMemoryStorage()
    run(whole, 8)
    Study(storage, "s", a_search()).next_round(3)
    resumed = Study(storage, "s", a_search())
    run(resumed, 8)
    assert drawn_by(resumed) == drawn_by(whole)


def test_a_trial_that_was_cut_off_while_it_was_drawn_has_failed_by_name() -> None:
    storage = InMemoryStorage()
    Study(storage, "s", a_search())
    half = optuna.load_study(study_name="s", storage=storage).ask()
    half.suggest_int("fast", 2, 60)
    resumed = Study(storage, "s", a_search())
    run(resumed, 5)
    first, *others = resumed.ended()
    assert first.error == "the search was cut off while this trial was drawn"
    assert [ended.error for ended in others] == [None] * 4


def test_a_study_has_as_many_trials_as_were_asked_for_and_takes_more_later() -> None:
    study = Study(InMemoryStorage(), "s", a_search())
    run(study, 5)
    assert len(study.ended()) == 5
    assert study.next_round(5) == study.next_round(3) == ()
    run(study, 21)
    assert [ended.trial.number for ended in study.ended()] == list(range(21))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"parameters": PARAMETERS[:2]},
            ['parameters.kind.choices: the study has ["ema", "sma"], asked for is nothing'],
        ),
        (
            {"parameters": (replace(PARAMETERS[0], high=70), *PARAMETERS[1:])},
            ["parameters.fast.high: the study has 60, asked for is 70"],
        ),
        ({"subject": {"data": "xyz", "symbols": ["BTC/USDT"]}}, ['data: the study has "abc", asked for is "xyz"']),
        (
            {"objectives": objectives("max_drawdown")},
            ['objectives: the study has ["maximise sharpe"], asked for is ["minimise max_drawdown"]'],
        ),
        (
            {"seed": 8, "sampler": "nsga2"},
            ['sampler: the study has "tpe", asked for is "nsga2"', "seed: the study has 7, asked for is 8"],
        ),
        ({"round_size": 9}, ["round: the study has 8, asked for is 9"]),
    ],
)
def test_a_study_that_searches_something_else_is_refused_with_what_differs(
    changes: dict[str, object], told: Sequence[str]
) -> None:
    storage = InMemoryStorage()
    run(Study(storage, "s", a_search()), 3)
    with pytest.raises(StudyMismatchError) as refused:
        Study(storage, "s", replace(a_search(), **changes))  # type: ignore[arg-type]
    assert refused.value.differences == told
    assert len(Study(storage, "s", a_search()).ended()) == 3


def test_an_objective_that_is_unknown_is_a_failure_by_name_and_keeps_the_other_statistics() -> None:
    study = Study(InMemoryStorage(), "s", a_search("sharpe,max_drawdown"))
    one, other = study.next_round(2)
    study.tell(one, {"sharpe": math.nan, "max_drawdown": 0.1, "trades": 0.0})
    study.tell(other, {"sharpe": 1.0, "max_drawdown": math.inf})
    first, second = study.ended()
    assert first.error == "sharpe is nan, which compares with nothing; the run is a failure"
    assert second.error == "max_drawdown is inf, which compares with nothing; the run is a failure"
    assert (first.statistics["trades"], second.statistics["sharpe"]) == (0.0, 1.0)
    assert study.front() == ()


def test_a_run_with_fewer_trades_than_asked_for_has_failed_by_name() -> None:
    study = Study(InMemoryStorage(), "s", replace(a_search(), least_trades=10))
    one, other = study.next_round(2)
    study.tell(one, {"sharpe": 2.0, "trades": 9.0})
    study.tell(other, {"sharpe": 1.0, "trades": 10.0})
    assert [ended.error for ended in study.ended()] == ["9 trades closed, fewer than 10; the run is a failure", None]


def test_an_objective_that_no_run_has_stops_the_search() -> None:
    study = Study(InMemoryStorage(), "s", a_search("sharpe"))
    (trial,) = study.next_round(1)
    with pytest.raises(InvalidValueError, match="--objective is 'sharpe'; allowed: one of cagr, trades"):
        study.tell(trial, {"trades": 3.0, "cagr": 0.1})


def test_statistics_come_back_as_they_were_unknown_and_infinite_ones_too() -> None:
    study = Study(InMemoryStorage(), "s", a_search())
    (trial,) = study.next_round(1)
    study.tell(trial, {"sharpe": 1 / 3, "sortino": math.nan, "profit_factor": math.inf})
    found = study.ended()[0].statistics
    assert found["sharpe"] == 1 / 3
    assert math.isnan(found["sortino"])
    assert found["profit_factor"] == math.inf


def test_the_front_holds_what_nothing_beats_and_begins_with_the_best_in_the_first_objective() -> None:
    study = Study(InMemoryStorage(), "s", a_search("sharpe,max_drawdown"))
    for trial, (sharpe, drawdown) in zip(
        study.next_round(4), [(1.0, 0.1), (2.0, 0.3), (0.9, 0.2), (1.5, 0.2)], strict=True
    ):
        study.tell(trial, {"sharpe": sharpe, "max_drawdown": drawdown})
    assert [ended.trial.number for ended in study.front()] == [1, 3, 0]


def test_a_lower_drawdown_is_a_better_one() -> None:
    study = Study(InMemoryStorage(), "s", a_search("max_drawdown"))
    for trial, drawdown in zip(study.next_round(3), (0.2, 0.1, 0.3), strict=True):
        study.tell(trial, {"max_drawdown": drawdown})
    assert [ended.trial.number for ended in study.front()] == [1]


@pytest.mark.parametrize("text", ["", "sharpe,sharpe", "profit", "sharpe, luck"])
def test_an_objective_that_nobody_knows_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"--objective is .*; allowed: one or more of total_return, cagr"):
        objectives(text)


@pytest.mark.parametrize(("name", "value"), [("sampler", "luck"), ("round_size", 1), ("seed", -1), ("seed", 2**31)])
def test_a_search_with_a_value_that_is_not_allowed_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=f"--{name.removesuffix('_size')} is {value!r}"):
        replace(a_search(), **{name: value})  # type: ignore[arg-type]


def test_nothing_to_search_is_named() -> None:
    with pytest.raises(InvalidValueError, match="allowed: one that declares parameters"):
        Study(InMemoryStorage(), "s", replace(a_search(), parameters=()))

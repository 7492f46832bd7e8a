"""Searches, put together: named by what is searched, judged by how many were tried, and kept when interrupted."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cryptopilot.adapters.pools.here import Here
from cryptopilot.domain.errors import InvalidValueError, StudyMismatchError
from cryptopilot.ports.parameters import Value
from cryptopilot.research.search.measures import measured
from cryptopilot.research.search.objectives import WANTED, objectives
from cryptopilot.research.search.optimise import Progress
from cryptopilot.research.windows import Scheme, Span
from cryptopilot.runtime import search
from cryptopilot.runtime.search import Effort, Experiment, Optimised, optimised, walked
from tests.fakes.landscape import PARAMETERS
from tests.fakes.stretch import DAY, HOUR, Stretch, measured_run, run, task_of


class Again(NamedTuple):
    """What a full backtest was asked for."""

    values: Mapping[str, Value]
    trials: int
    sharpe_variance: float

    def text(self) -> str:
        return str(self)

    def document(self) -> dict[str, Any]:
        return self._asdict()


EXPERIMENT: Experiment[Stretch] = Experiment(
    strategy="trend",
    parameters=PARAMETERS,
    subject={"data": {"BTC": "abc"}},
    span=Span(0, 20 * DAY),
    timeframe_ms=HOUR,
    longest_ms=6 * HOUR,
    defaults={"sharpe": 0.5},
    task_of=task_of,
    evaluate=measured_run,
    run=run,
    again=Again,
)
SCHEME = Scheme(HOUR, 5 * DAY, 5 * DAY, purge_ms=6 * HOUR)


def effort(trials: int = 12, objective: str = "sharpe", **more: object) -> Effort:
    return Effort(trials, objectives(objective), **({"round_size": 6} | more))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run in this process: what is tested here is not who runs them."""
    monkeypatch.setattr(search, "open_pool", lambda _: nullcontext(Here()))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cryptopilot.db'}"


def test_every_objective_is_a_figure_that_a_run_has() -> None:
    found = measured(run(Stretch(10, 0, 5 * DAY, 1_000_000)))
    assert WANTED.keys() < found.keys()
    assert found["trades"] == 1.0


def test_the_winner_is_run_again_and_judged_as_the_best_of_all_that_were_tried(url: str) -> None:
    answer = optimised(EXPERIMENT, effort(), url)
    assert isinstance(answer.winner, Again)
    assert answer.winner.values == answer.found.front[0].trial.values
    assert answer.winner.trials == answer.found.different > 1
    assert answer.winner.sharpe_variance == answer.found.sharpe_variance > 0.0


def test_the_same_search_resumes_its_own_study_and_another_one_has_its_own(url: str) -> None:
    first, again = optimised(EXPERIMENT, effort(6), url), optimised(EXPERIMENT, effort(12), url)
    assert first.name == again.name
    assert first.name.startswith("trend-")
    assert again.found.ended[:6] == first.found.ended
    assert optimised(EXPERIMENT, effort(1, seed=1), url).name != first.name


def test_a_name_that_belongs_to_another_search_is_refused(url: str) -> None:
    optimised(EXPERIMENT, effort(1, study="mine"), url)
    with pytest.raises(StudyMismatchError, match=r'objectives: the study has \["maximise sharpe"\]'):
        optimised(EXPERIMENT, effort(1, "sharpe,max_drawdown", study="mine", sampler="tpe"), url)


def test_several_objectives_are_searched_genetically_unless_told_otherwise() -> None:
    assert effort(1, "sharpe").search(EXPERIMENT).sampler == "tpe"
    assert effort(1, "sharpe,max_drawdown").search(EXPERIMENT).sampler == "nsga2"
    assert effort(1, "sharpe,max_drawdown", sampler="tpe").search(EXPERIMENT).sampler == "tpe"


def test_ctrl_c_answers_with_what_was_done(url: str) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.ended == 3:
            raise KeyboardInterrupt

    answer = optimised(EXPERIMENT, effort(), url, interrupt)
    assert answer.interrupted
    assert answer.winner is None
    assert len(answer.found.ended) == 3
    assert same_trials(optimised(EXPERIMENT, effort(), url), optimised(EXPERIMENT, effort(), f"{url}2"))


def same_trials(one: Optimised, other: Optimised) -> bool:
    return [e.trial for e in one.found.ended] == [e.trial for e in other.found.ended]


def test_a_walk_is_one_account_over_all_its_tests(url: str) -> None:
    answer = walked(EXPERIMENT, effort(6), SCHEME, url)
    assert [leg.error for leg in answer.legs] == [None] * 3
    assert answer.outside is not None
    outcome, figures = answer.outside
    assert figures.span.begun_at == answer.legs[0].window.test.begin
    assert len(outcome.trades) == figures.trades.closed == 3
    assert figures.significance.trials == 1


def test_an_interrupted_walk_answers_with_its_finished_windows(url: str) -> None:
    def interrupt(number: int, of: int, progress: Progress) -> None:
        assert of == 3
        if (number, progress.ended) == (1, 2):
            raise KeyboardInterrupt

    answer = walked(EXPERIMENT, effort(6), SCHEME, url, interrupt)
    assert answer.interrupted
    assert len(answer.legs) == 1
    assert len(walked(EXPERIMENT, effort(6), SCHEME, url).legs) == 3


def test_a_walk_with_other_windows_is_another_search(url: str) -> None:
    walked(EXPERIMENT, effort(1, study="mine"), SCHEME, url)
    with pytest.raises(StudyMismatchError, match=r"scheme\.purge_ms: the study has 21600000, asked for is 0"):
        walked(EXPERIMENT, effort(1, study="mine"), Scheme(HOUR, 5 * DAY, 5 * DAY), url)


@pytest.mark.parametrize("trials", [0, -1, 1_000_001])
def test_a_number_of_trials_that_is_not_allowed_is_refused(trials: int) -> None:
    with pytest.raises(InvalidValueError, match=f"--trials is {trials}; allowed: 1 to 1000000"):
        effort(trials)

"""Walking forward: learned in one span, judged in the next, and stitched into one account."""

from collections.abc import Callable

import pytest
from optuna.storages import InMemoryStorage

from cryptopilot.adapters.pools.here import Here
from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.pool import Pool
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.search.optimise import Progress
from cryptopilot.research.search.study import Study
from cryptopilot.research.search.walk_forward import Course, Leg, stitched, walk_forward
from cryptopilot.research.windows import Scheme, Span
from tests.fakes.landscape import a_search
from tests.fakes.stretch import CAPITAL, HOUR, Stretch, run, task_of


def measured(outcome: Outcome) -> dict[str, float]:
    return {"sharpe": float(outcome.equity[-1] - outcome.capital), "trades": float(len(outcome.trades))}


def evaluate(task: Stretch) -> dict[str, float]:
    return measured(run(task))


def evaluate_but_not_the_second_day(task: Stretch) -> dict[str, float]:
    if task.begin >= 20 * HOUR:
        raise ZeroDivisionError("no bars")
    return evaluate(task)


def run_but_not_the_second_day(task: Stretch) -> Outcome:
    if task.begin >= 40 * HOUR:
        raise ZeroDivisionError("no bars")
    return run(task)


Kept = Callable[[int], Study]


@pytest.fixture
def kept() -> Kept:
    storage = InMemoryStorage()
    return lambda number: Study(storage, f"walk/{number}", a_search(subject={"window": number}))


def a_course(**changes: object) -> Course[Stretch]:
    windows = Scheme(HOUR, 24 * HOUR, 12 * HOUR).windows(Span(0, 60 * HOUR))
    given = {"windows": windows, "task_of": task_of, "evaluate": evaluate, "run": run, "measured": measured}
    return Course(**(given | changes))  # type: ignore[arg-type]


def walk(course: Course[Stretch], kept: Kept, pool: Pool | None = None) -> list[Leg]:
    return list(walk_forward(course, kept, pool or Here(), 20))


def test_each_test_trades_what_its_own_training_found_best(kept: Kept) -> None:
    legs = walk(a_course(), kept)
    assert [leg.window.test for leg in legs] == [Span(n * HOUR, (n + 12) * HOUR) for n in (24, 36, 48)]
    for leg in legs:
        assert leg.winner is not None
        best = max(leg.found.ended, key=lambda ended: ended.statistics["sharpe"])
        assert leg.winner.statistics == best.statistics
        assert leg.inside_statistics == evaluate(task_of(leg.winner.trial.values, leg.window.train, None))


def test_the_change_says_how_much_worse_it_went_than_in_training(kept: Kept) -> None:
    first = walk(a_course(), kept)[0]
    inside, outside = first.inside_statistics["sharpe"], first.outside_statistics["sharpe"]
    assert first.change == {"sharpe": outside - inside, "trades": 0.0}
    assert outside < inside


def test_each_test_begins_with_what_the_one_before_it_ended_with(kept: Kept) -> None:
    runs = [leg.outside for leg in walk(a_course(), kept) if leg.outside is not None]
    whole = stitched(runs)
    assert whole.capital == CAPITAL
    assert list(whole.instants) == list(range(24 * HOUR, 60 * HOUR, HOUR))
    gained = sum(int(run.equity[-1]) - run.capital for run in runs)
    assert int(whole.equity[-1]) == CAPITAL + gained
    assert [len(whole.trades), whole.traded, whole.signals["BUY"], whole.refusals["cooldown"]] == [3, 21, 3, 6]


def test_the_market_beside_a_walk_is_kept_from_test_to_test(kept: Kept) -> None:
    whole = stitched([leg.outside for leg in walk(a_course(), kept) if leg.outside is not None])
    assert whole.market[-1] == pytest.approx(CAPITAL * 2**3)


def test_a_window_without_any_result_trades_nothing_and_the_walk_goes_on(kept: Kept) -> None:
    first, *others = walk(a_course(evaluate=evaluate_but_not_the_second_day), kept)
    assert first.error is None
    assert {leg.error for leg in others[-1:]} == {"no trial had a result; the first: ZeroDivisionError: no bars"}
    assert others[-1].outside is None
    assert others[-1].change == {}


def test_a_test_that_fails_is_named_and_the_walk_goes_on(kept: Kept) -> None:
    with Processes(1) as pool:
        legs = walk(a_course(run=run_but_not_the_second_day), kept, pool)
    assert [leg.error for leg in legs] == [None, None, "ZeroDivisionError: no bars"]
    assert all(leg.winner is not None for leg in legs)


def test_a_walk_that_was_interrupted_goes_on_where_it_was(kept: Kept) -> None:
    def interrupt(number: int, progress: Progress) -> None:
        if (number, progress.ended) == (1, 5):
            raise KeyboardInterrupt

    whole = walk(a_course(), lambda number: Study(InMemoryStorage(), "w", a_search(subject={"window": number})))
    with pytest.raises(KeyboardInterrupt):
        list(walk_forward(a_course(), kept, Here(), 20, interrupt))
    assert len(kept(0).ended()) == 20
    assert len(kept(1).ended()) == 5
    assert [leg.winner for leg in walk(a_course(), kept)] == [leg.winner for leg in whole]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (Stretch(10, 20 * HOUR, 30 * HOUR, 0), "begin of a run"),
        (Stretch(10, 24 * HOUR, 30 * HOUR, CAPITAL - 1), "capital of a run"),
    ],
)
def test_runs_that_do_not_follow_each_other_are_not_stitched(second: Stretch, told: str) -> None:
    with pytest.raises(InvalidValueError, match=told):
        stitched([run(Stretch(10, 0, 24 * HOUR, CAPITAL)), run(second)])


def test_nothing_at_all_is_not_stitched() -> None:
    with pytest.raises(InvalidValueError, match="runs is 0; allowed: one or more"):
        stitched([])

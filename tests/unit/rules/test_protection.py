"""Stop, target, trailing stop and time limit of a long position, in ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.rules import protection as rules
from cryptopilot.rules.protection import NOTHING, STOP, TARGET
from tests.unit.rules.twins import both

protective_exit, trailed = both(rules.protective_exit), both(rules.trailed)
stop_below, target_above = both(rules.stop_below), both(rules.target_above)
time_is_up = both(rules.time_is_up)

NAN = float("nan")
STOP_AT, TARGET_AT = 980, 1_040


def meets(open_: int, high: int, low: int, *, entered_here: bool = False) -> tuple[int, int]:
    """What a bar does to a position that is protected at 980 and 1,040."""
    return protective_exit(STOP_AT, TARGET_AT, open_, high, low, entered_here)


@pytest.mark.parametrize(("low", "found"), [(979, (STOP, 980)), (980, (STOP, 980)), (981, (NOTHING, 0))])
def test_a_low_at_or_below_the_stop_leaves_at_the_stop(low: int, found: tuple[int, int]) -> None:
    assert meets(1_000, 1_010, low) == found


@pytest.mark.parametrize(("high", "found"), [(1_041, (TARGET, 1_040)), (1_040, (TARGET, 1_040)), (1_039, (NOTHING, 0))])
def test_a_high_at_or_above_the_target_leaves_at_the_target(high: int, found: tuple[int, int]) -> None:
    assert meets(1_000, high, 990) == found


def test_a_bar_that_reaches_both_met_the_stop_first() -> None:
    assert meets(1_000, 1_050, 970) == (STOP, 980)


@pytest.mark.parametrize("open_", [980, 950])
def test_a_gap_through_the_stop_fills_at_the_open(open_: int) -> None:
    assert meets(open_, 1_000, 940) == (STOP, open_)


@pytest.mark.parametrize("open_", [1_040, 1_090])
def test_a_gap_through_the_target_fills_at_the_open(open_: int) -> None:
    assert meets(open_, 1_100, 1_030) == (TARGET, open_)


@pytest.mark.parametrize("open_", [1_040, 1_050])
def test_an_open_at_the_target_comes_before_the_range_that_reaches_the_stop(open_: int) -> None:
    assert meets(open_, 1_060, 900) == (TARGET, open_)


@pytest.mark.parametrize(
    ("open_", "high", "low", "found"),
    [
        (950, 1_000, 940, (STOP, 950)),  # Entered beyond its own stop: it leaves at that open, not above it.
        (1_050, 1_060, 1_000, (TARGET, 1_040)),
        (1_050, 1_060, 970, (STOP, 980)),
        (1_000, 1_010, 990, (NOTHING, 0)),
    ],
)
def test_in_the_entry_bar_only_the_range_counts(open_: int, high: int, low: int, found: tuple[int, int]) -> None:
    assert meets(open_, high, low, entered_here=True) == found


@given(
    st.lists(st.integers(1, 10**9), min_size=3, max_size=3),
    st.tuples(*[st.integers(1, 10**9)] * 2),
    st.booleans(),
)
def test_nothing_fills_at_a_price_that_the_bar_did_not_show(
    prices: list[int], guards: tuple[int, int], entered_here: bool
) -> None:
    low, open_, high = sorted(prices)
    stop, target = sorted(guards)
    reason, ticks = protective_exit(stop, target, open_, high, low, entered_here)
    assert (reason == NOTHING) == (low > stop and high < target)
    if reason == STOP:
        assert low <= stop
        assert ticks <= stop
        assert low <= ticks <= high
    if reason == TARGET:
        assert high >= target
        assert target <= ticks <= high
        assert low <= ticks
        assert entered_here or ticks == max(target, open_)


@pytest.mark.parametrize(
    ("mark", "distance", "stop"),
    [(1_000, 0.02, 980), (1_001, 0.02, 980), (1, 0.5, 1), (100, 1.0, 1), (10, 0.0, 10)],
)
def test_a_stop_lies_below_the_mark_floored_and_never_under_one_tick(mark: int, distance: float, stop: int) -> None:
    assert stop_below(mark, distance) == stop


@pytest.mark.parametrize(("mark", "distance", "target"), [(1_000, 0.04, 1_040), (1_001, 0.04, 1_042), (1, 0.5, 2)])
def test_a_target_lies_above_the_mark_and_is_never_easier_than_declared(
    mark: int, distance: float, target: int
) -> None:
    assert target_above(mark, distance) == target


@given(st.integers(1, 2**40), st.floats(0.0, 0.99))
def test_mark_stop_and_target_stand_in_order(mark: int, distance: float) -> None:
    assert 1 <= stop_below(mark, distance) <= mark <= target_above(mark, distance)


def test_a_trailing_stop_rises_with_the_mark_and_never_falls() -> None:
    assert trailed(980, 1_100, 0.02) == 1_078
    assert trailed(1_078, 1_050, 0.02) == 1_078


@pytest.mark.parametrize("distance", [0.0, -0.1, NAN])
def test_a_stop_without_a_distance_does_not_trail(distance: float) -> None:
    assert trailed(980, 2_000, distance) == 980


@given(st.integers(1, 2**40), st.lists(st.integers(1, 2**40), max_size=20), st.floats(0.0, 0.5))
def test_whatever_the_marks_a_trailing_stop_only_rises(stop: int, marks: list[int], distance: float) -> None:
    for mark in marks:
        after = trailed(stop, mark, distance)
        assert after >= stop
        stop = after


@pytest.mark.parametrize(("instant", "up"), [(4_599, False), (4_600, True), (4_601, True)])
def test_a_time_limit_closes_at_its_instant(instant: int, up: bool) -> None:
    assert time_is_up(instant, 1_000, 3_600) is up


def test_no_time_limit_never_closes() -> None:
    assert time_is_up(10**15, 0, 0) is False

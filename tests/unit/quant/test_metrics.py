"""Statistics of whole curves agree with what anybody would compute by hand, and obey their laws."""

import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.metrics import deepest_drawdown, expectancy, profit_factor, returns, sharpe, sortino

HOURS = 24 * 365
curves = st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60)
gains = st.lists(st.integers(-500_000, 500_000), min_size=2, max_size=60).map(lambda ppm: [x / 1e6 for x in ppm])
results = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60)
factors = st.floats(0.01, 100.0)
RATIOS = pytest.mark.parametrize("ratio", [sharpe, sortino])
Ratio = Callable[[list[float], float], float]


def known(ratio: Ratio, some: list[float]) -> float:
    """The ratio over hours, where there is one."""
    found = ratio(some, HOURS)
    assume(not math.isnan(found))
    return found


@given(curves)
def test_returns_lead_from_the_first_point_to_every_other(curve: list[float]) -> None:
    worth = curve[0]
    for gain, point in zip(returns(curve), curve[1:], strict=True):
        worth *= 1.0 + gain
        assert worth == pytest.approx(point)


@given(curves, factors)
def test_neither_returns_nor_drawdown_depend_on_the_unit_of_money(curve: list[float], factor: float) -> None:
    other = [x * factor for x in curve]
    assert returns(other) == pytest.approx(returns(curve), rel=1e-9, abs=1e-9)
    assert deepest_drawdown(other).depth == pytest.approx(deepest_drawdown(curve).depth, abs=1e-12)


@given(curves)
def test_the_deepest_drawdown_is_the_worst_that_any_pair_of_points_shows(curve: list[float]) -> None:
    found = deepest_drawdown(curve)
    pairs = [1.0 - later / earlier for i, earlier in enumerate(curve) for later in curve[i:]]
    assert found.depth == max(pairs)
    assert 0.0 <= found.depth < 1.0
    assert found.depth == 1.0 - curve[found.trough] / curve[found.peak]


@pytest.mark.parametrize("curve", [[], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan], [math.inf]])
def test_a_curve_that_is_empty_or_not_positive_is_refused(curve: list[float]) -> None:
    for measure in (returns, deepest_drawdown):
        with pytest.raises(InvalidValueError, match="equity is"):
            measure(curve)


@given(gains)
def test_sharpe_is_mean_over_sample_deviation_times_the_root_of_the_periods(some: list[float]) -> None:
    found = known(sharpe, some)
    assert found == pytest.approx(statistics.mean(some) / statistics.stdev(some) * math.sqrt(HOURS), rel=1e-9, abs=1e-9)


@given(gains)
def test_sortino_divides_by_the_root_mean_square_of_what_was_lost(some: list[float]) -> None:
    found = known(sortino, some)
    below = math.sqrt(sum(x * x for x in some if x < 0) / len(some))
    assert found == pytest.approx(statistics.mean(some) / below * math.sqrt(HOURS), rel=1e-9, abs=1e-9)


@RATIOS
@given(some=gains, factor=factors, draw=st.data())
def test_ratios_depend_neither_on_leverage_nor_on_the_order_of_returns(
    ratio: Ratio, some: list[float], factor: float, draw: st.DataObject
) -> None:
    found = known(ratio, some)
    shuffled = draw.draw(st.permutations(some))
    assert ratio([x * factor for x in shuffled], HOURS) == pytest.approx(found, rel=1e-9, abs=1e-9)


@RATIOS
@given(some=gains)
def test_ratios_have_the_sign_of_the_mean_and_grow_with_the_root_of_the_periods(
    ratio: Ratio, some: list[float]
) -> None:
    found, mean = known(ratio, some), statistics.mean(some)
    assume(abs(mean) > 1e-12)
    assert math.copysign(1.0, found) == math.copysign(1.0, mean)
    assert ratio(some, 4 * HOURS) == pytest.approx(2 * found)


@given(gains)
def test_betting_the_other_way_turns_sharpe_around(some: list[float]) -> None:
    assert sharpe([-x for x in some], HOURS) == pytest.approx(-known(sharpe, some), rel=1e-9, abs=1e-9)


@RATIOS
@pytest.mark.parametrize("some", [[], [0.01], [0.0, 0.0, 0.0], [0.1] * 10, [-0.1] * 10])
def test_ratios_are_unknown_for_fewer_than_two_returns_or_without_variation(ratio: Ratio, some: list[float]) -> None:
    assert math.isnan(ratio(some, HOURS))


def test_sortino_is_unknown_while_nothing_was_ever_lost() -> None:
    assert math.isnan(sortino([0.01, 0.0, 0.02], HOURS))


@given(results, st.data())
def test_profit_factor_and_expectancy_are_what_a_bookkeeper_adds_up(profits: list[int], draw: st.DataObject) -> None:
    gained, lost = sum(x for x in profits if x > 0), sum(-x for x in profits if x < 0)
    shuffled = draw.draw(st.permutations(profits))
    assert profit_factor(shuffled) == pytest.approx(gained / lost if lost else math.nan, nan_ok=True)
    assert expectancy(shuffled) == pytest.approx(sum(profits) / len(profits))
    assert min(profits) - 1e-3 <= expectancy(shuffled) <= max(profits) + 1e-3


@given(results)
def test_a_profit_factor_above_one_is_a_profit_and_the_mirrored_trades_have_its_inverse(profits: list[int]) -> None:
    assume(any(x > 0 for x in profits) and any(x < 0 for x in profits))
    found = profit_factor(profits)
    assert found > 0.0
    assert (found > 1.0) == (sum(profits) > 0)
    assert profit_factor([-x for x in profits]) == pytest.approx(1.0 / found)


def test_without_trades_and_without_losses_nothing_is_made_up() -> None:
    assert math.isnan(expectancy([]))
    assert math.isnan(profit_factor([]))
    assert math.isnan(profit_factor([5, 0, 7]))
    assert profit_factor([-5]) == 0.0

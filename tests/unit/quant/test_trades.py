"""What trades came to, and how sure it is, agrees with scipy and with a bookkeeper."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.trades import (
    Streaks,
    expectancy_ratio,
    longest_streaks,
    payoff_ratio,
    system_quality,
    wilson,
)

results = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=60)
factors = st.integers(1, 1000)


@given(st.data(), st.integers(1, 500), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_of_the_win_rate_is_that_of_scipy(draw: st.DataObject, n: int, confidence: float) -> None:
    won = draw.draw(st.integers(0, n))
    scipy = binomtest(won, n).proportion_ci(confidence, method="wilson")
    assert wilson(won, n, confidence) == pytest.approx((scipy.low, scipy.high), abs=1e-9)


@given(st.data(), st.integers(1, 500))
def test_the_interval_holds_the_rate_and_narrows_with_more_trades(draw: st.DataObject, n: int) -> None:
    won = draw.draw(st.integers(0, n))
    few, many = wilson(won, n), wilson(4 * won, 4 * n)
    assert 0.0 <= few.low <= won / n <= few.high <= 1.0
    assert many.high - many.low < few.high - few.low


def test_ratios_of_five_trades_by_hand() -> None:
    """Wins of 3 and 1 R, losses of 1, 1 and 2 R; mean 0, then one more win of 6."""
    assert payoff_ratio([3, -1, 1, -1, -2]) == pytest.approx(2.0 / (4.0 / 3.0))
    assert expectancy_ratio([3, -1, 1, -1, -2]) == 0.0
    assert expectancy_ratio([3, -1, 1, -1, -2, 6]) == pytest.approx(1.0 / (4.0 / 3.0))
    assert system_quality([3, -1, 1, -1, -2, 6]) == pytest.approx(math.sqrt(6) * 1.0 / math.sqrt(46 / 5))


@given(results)
def test_the_expectancy_ratio_follows_from_payoff_and_rates(profits: list[int]) -> None:
    won, lost = (sum(x * sign > 0 for x in profits) / len(profits) for sign in (1, -1))
    assume(won and lost)
    assert expectancy_ratio(profits) == pytest.approx(won * payoff_ratio(profits) - lost, abs=1e-9)


@given(results, factors, st.data())
def test_neither_the_unit_nor_the_order_of_trades_changes_their_ratios(
    profits: list[int], factor: int, draw: st.DataObject
) -> None:
    other = draw.draw(st.permutations([x * factor for x in profits]))
    for ratio in (payoff_ratio, expectancy_ratio, system_quality):
        assert ratio(other) == pytest.approx(ratio(profits), rel=1e-6, abs=1e-9, nan_ok=True)


@given(results)
def test_the_other_side_of_the_trades_has_their_streaks_the_other_way_round(profits: list[int]) -> None:
    won, lost = longest_streaks(profits)
    assert longest_streaks([-x for x in profits]) == (lost, won)
    assert won + lost <= len(profits)
    text = "".join("+" if x > 0 else "-" if x < 0 else "0" for x in profits)
    for sign, longest in (("+", won), ("-", lost)):
        assert sign * longest in text
        assert sign * (longest + 1) not in text


def test_a_trade_that_came_to_nothing_ends_both_streaks() -> None:
    assert longest_streaks([1, 1, 0, 1, -1, -1, -1, 0, -1]) == Streaks(2, 3)


def test_without_trades_and_without_losses_nothing_is_made_up() -> None:
    unknown = [
        *wilson(0, 0), payoff_ratio([]), payoff_ratio([1.0]), payoff_ratio([-1.0]), expectancy_ratio([]),
        expectancy_ratio([1.0]), system_quality([]), system_quality([1.0]), system_quality([0.1] * 3),
    ]  # fmt: skip
    assert all(math.isnan(x) for x in unknown)
    assert longest_streaks([]) == Streaks(0, 0)


def test_more_wins_than_trades_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="won is 3; allowed: 0 to 2"):
        wilson(3, 2)

"""What trades came to, counted one by one, is what they came to all together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.tally import Tally
from cryptopilot.quant.metrics import expectancy, profit_factor

results = st.lists(st.integers(-(10**12), 10**12), max_size=40)


def tallied(profits: list[int]) -> Tally:
    tally = Tally()
    for profit in profits:
        tally = tally.filled(7, 0).filled(5, profit).ended(profit)
    return tally


@given(results)
def test_a_tally_agrees_with_the_statistics_of_all_results(profits: list[int]) -> None:
    tally = tallied(profits)
    assert (tally.closed, tally.won) == (len(profits), sum(x > 0 for x in profits))
    assert (tally.realised, tally.fees) == (sum(profits), 12 * len(profits))
    assert (tally.best, tally.worst) == (max(profits, default=None), min(profits, default=None))
    unknown = math.nan
    factor = unknown if tally.profit_factor is None else tally.profit_factor
    assert factor == pytest.approx(profit_factor(profits), nan_ok=True)
    mean = unknown if tally.expectancy is None else tally.expectancy
    assert mean == pytest.approx(expectancy(profits), abs=1.0, nan_ok=True)
    assert tally.success_rate == (tally.won / len(profits) if profits else None)


@given(results, results)
def test_two_tallies_together_are_the_tally_of_both(some: list[int], others: list[int]) -> None:
    assert tallied(some).plus(tallied(others)) == tallied(some + others)


def test_a_trade_that_is_still_open_counts_in_money_but_not_as_a_trade() -> None:
    tally = Tally().filled(10, 0).filled(4, -30)
    assert (tally.realised, tally.fees, tally.closed, tally.best) == (-30, 14, 0, None)
    assert tally.success_rate is tally.profit_factor is tally.expectancy is None

"""At what price and how much of an order fills: never in our favour."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.rules import fills as rules
from cryptopilot.rules.fills import BUYING, SELLING, Costs
from tests.unit.rules.twins import both

entry_limit, fillable, slippage = both(rules.entry_limit), both(rules.fillable), both(rules.slippage)
slipped, grid_volatility = both(rules.slipped), both(rules.grid_volatility)

NAN = float("nan")
COSTS = Costs(fee_ppm=1_000, half_spread=0.0002, impact=0.5, latency_share=0.1, volume_cap=0.05)
TICKS = st.integers(1, 2**43)


@pytest.mark.parametrize(("mark", "limit"), [(1_024, 1_032), (1_000, 1_007), (1, 1), (0, 0)])
def test_an_entry_accepts_the_mark_and_its_slack_floored(mark: int, limit: int) -> None:
    assert entry_limit(mark, 1 / 128) == limit


@given(TICKS, st.floats(0.0, 0.1))
def test_an_entry_limit_is_never_more_than_mark_and_slack(mark: int, slack: float) -> None:
    assert mark <= entry_limit(mark, slack) <= float(mark) * (1.0 + slack)


@pytest.mark.parametrize(
    ("lots", "bar_lots", "taken"),
    [(50, 1_000, 50), (51, 1_000, 50), (49, 1_000, 49), (50, 999, 49), (5, 19, 0), (5, 0, 0), (0, 1_000, 0)],
)
def test_an_order_takes_at_most_a_twentieth_of_the_bar(lots: int, bar_lots: int, taken: int) -> None:
    assert fillable(lots, bar_lots, 0.05) == taken


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.floats(0.0, 1.0))
def test_what_fills_is_never_more_than_ordered_or_offered(lots: int, bar_lots: int, cap: float) -> None:
    taken = fillable(lots, bar_lots, cap)
    assert 0 <= taken <= lots
    assert taken <= float(bar_lots) * cap


def test_slippage_is_half_the_spread_the_impact_and_the_latency() -> None:
    # A quarter of the bar: its root is a half; volatility 1 %.
    assert slippage(COSTS, 0.01, 25, 100) == pytest.approx(0.0002 + 0.01 * (0.5 * 0.5 + 0.1), rel=1e-14)


@pytest.mark.parametrize("volatility", [NAN, 0.0, -0.01])
def test_an_unknown_volatility_leaves_the_spread(volatility: float) -> None:
    assert slippage(COSTS, volatility, 25, 100) == COSTS.half_spread


def test_a_bar_thinner_than_the_order_counts_as_the_orders_size() -> None:
    whole = 0.0002 + 0.01 * (0.5 + 0.1)
    assert slippage(COSTS, 0.01, 100, 100) == pytest.approx(whole, rel=1e-14)
    assert slippage(COSTS, 0.01, 100, 1) == slippage(COSTS, 0.01, 100, 100) == slippage(COSTS, 0.01, 100, 0)


def test_an_order_of_nothing_has_no_impact() -> None:
    assert slippage(COSTS, 0.01, 0, 0) == pytest.approx(0.0002 + 0.01 * 0.1, rel=1e-14)


@given(st.floats(0.0, 1.0), st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 10**9))
def test_more_lots_never_slip_less(volatility: float, lots: int, more: int, bar_lots: int) -> None:
    assert slippage(COSTS, volatility, lots, bar_lots) <= slippage(COSTS, volatility, lots + more, bar_lots)


@pytest.mark.parametrize(
    ("ticks", "side", "price"),
    [
        (1_000, BUYING, 1_010),
        (1_001, BUYING, 1_012),
        (1_000, SELLING, 990),
        (1_001, SELLING, 990),
        (1, SELLING, 1),
    ],
)
def test_a_slipped_price_is_rounded_against_us(ticks: int, side: int, price: int) -> None:
    assert slipped(ticks, side, 0.01) == price


@given(TICKS, st.floats(0.0, 2.0))
def test_no_slip_is_in_our_favour_and_no_sale_is_below_one_tick(ticks: int, worse: float) -> None:
    assert slipped(ticks, BUYING, worse) >= ticks
    assert 1 <= slipped(ticks, SELLING, worse) <= ticks
    assert slipped(ticks, BUYING, worse) >= Fraction(ticks) * Fraction(1.0 + worse) * (1 - Fraction(1, 2**52))


def test_grid_volatility_is_the_root_mean_square_of_the_known_returns() -> None:
    assert grid_volatility([0.03, NAN, -0.04, 0.0, 0.0]) == pytest.approx(0.025, rel=1e-15)


@pytest.mark.parametrize("returns", [[], [NAN, NAN]])
def test_grid_volatility_is_unknown_when_no_return_is_known(returns: list[float]) -> None:
    assert math.isnan(grid_volatility(returns))

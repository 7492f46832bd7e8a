"""The books: exact to the last atom, rounded against us, the same compiled as plain."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptopilot.rules import arithmetic as rules
from cryptopilot.rules.arithmetic import MAX_BOOKED, MAX_PRODUCT, PPM, Scale
from cryptopilot.rules.ledger import bought as bought_rule
from cryptopilot.rules.ledger import sold as sold_rule
from cryptopilot.rules.sizing import size_fraction as size_fraction_rule
from cryptopilot.rules.sizing import size_lots as size_lots_rule
from tests.unit.rules.twins import both

notional, notional_up, magnitude = both(rules.notional), both(rules.notional_up), both(rules.magnitude)
fee, share = both(rules.fee), both(rules.share)
mul_div, mul_div_up = both(rules.mul_div), both(rules.mul_div_up)
mix31, draw31 = both(rules.mix31), both(rules.draw31)
bought, sold = both(bought_rule), both(sold_rule)
size_fraction, size_lots = both(size_fraction_rule), both(size_lots_rule)

GREATEST = MAX_BOOKED - 1
"""2**53 - 1, the greatest booked value."""


class Trade(NamedTuple):
    """So many lots at so many ticks, worth less than 2**53 atoms, on a grid that an instrument accepts."""

    ticks: int
    lots: int
    scale: Scale

    @property
    def exact(self) -> Fraction:
        return Fraction(self.ticks * self.lots * self.scale.num, self.scale.den)


def up_to(most: int, least: int = 0) -> st.SearchStrategy[int]:
    """Integers of every size, the bounds and their neighbours often."""
    edges = [x for x in (least, least + 1, most - 1, most) if least <= x <= most]
    sizes = st.integers(0, most.bit_length()).flatmap(lambda bits: st.integers(least, max(least, min(most, 1 << bits))))
    return st.sampled_from(edges) | sizes


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    factor = draw(up_to(MAX_PRODUCT, 1) | st.sampled_from([10**n for n in range(19)]))
    return draw(st.sampled_from([Scale(factor, 1), Scale(1, factor)]))


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    scale = draw(scales())
    ticks = draw(up_to(min(GREATEST, MAX_PRODUCT // max(scale))))
    most = GREATEST * scale.den // (ticks * scale.num) if ticks else GREATEST
    return Trade(ticks, draw(up_to(min(most, GREATEST))), scale)


EXTREMES = [
    Trade(0, 0, Scale(1, 1)),
    Trade(0, GREATEST, Scale(1, 1)),
    Trade(1, GREATEST, Scale(1, 1)),
    Trade(GREATEST, 1, Scale(1, 1)),
    Trade(1, 0, Scale(MAX_PRODUCT, 1)),
    Trade(1, GREATEST, Scale(1, MAX_PRODUCT)),
    Trade(GREATEST, 512, Scale(1, 512)),  # ticks x den is just below 2**62.
    Trade(GREATEST, 511, Scale(1, 512)),
    Trade(2**31, 2**31 - 1, Scale(1, 2**31)),
    Trade(1, 1, Scale(GREATEST, 1)),
]


# -- What lots are worth -------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(trades())
def test_the_worth_of_lots_is_exact_and_rounded_against_us(trade: Trade) -> None:
    _check_worth(trade)


@pytest.mark.parametrize("trade", EXTREMES)
def test_the_worth_of_lots_is_exact_at_every_bound(trade: Trade) -> None:
    _check_worth(trade)


def _check_worth(trade: Trade) -> None:
    brings, costs = notional(*trade), notional_up(*trade)
    assert (brings, costs) == (floor(trade.exact), ceil(trade.exact))
    with localcontext(prec=80):
        worth = Decimal(trade.ticks) * trade.lots * trade.scale.num / trade.scale.den
        assert brings == worth.to_integral_value(ROUND_FLOOR)
        assert costs == worth.to_integral_value(ROUND_CEILING)
    assert 0 <= brings <= costs <= MAX_BOOKED


@settings(deadline=None)
@given(trades())
def test_the_magnitude_is_the_worth_as_a_double(trade: Trade) -> None:
    assert magnitude(*trade) == pytest.approx(float(trade.exact), rel=1e-15)


def test_the_magnitude_tells_an_order_that_would_not_fit() -> None:
    assert magnitude(GREATEST, GREATEST, Scale(1, 1)) > float(MAX_BOOKED)


# -- Fees and parts ------------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None)
@given(up_to(GREATEST), up_to(PPM))
@example(0, 0)
@example(1, 1)
@example(GREATEST, PPM)
@example(GREATEST, 1000)
@example(PPM - 1, PPM - 1)
def test_a_fee_is_exact_and_rounded_up(amount: int, ppm: int) -> None:
    exact = Fraction(amount * ppm, PPM)
    assert fee(amount, ppm) == ceil(exact)
    with localcontext(prec=80):
        assert fee(amount, ppm) == (Decimal(amount) * ppm / PPM).to_integral_value(ROUND_CEILING)


@st.composite
def parts(draw: st.DrawFn) -> tuple[int, int, int]:
    whole = draw(up_to(GREATEST, 1))
    return draw(up_to(whole)), draw(up_to(GREATEST)), whole


@settings(max_examples=500, deadline=None)
@given(parts())
@example((0, 0, 1))
@example((1, 1, 1))
@example((GREATEST, GREATEST, GREATEST))
@example((GREATEST - 1, GREATEST, GREATEST))
@example((1, GREATEST, GREATEST))
@example((1, 1, GREATEST))
@example((GREATEST - 1, GREATEST - 1, GREATEST))
def test_a_part_of_an_amount_is_exact(numbers: tuple[int, int, int]) -> None:
    a, b, c = numbers
    assert mul_div(a, b, c) == a * b // c
    assert mul_div_up(a, b, c) == -(-a * b // c)
    with localcontext(prec=80):
        assert mul_div(a, b, c) == (Decimal(a) * b / c).to_integral_value(ROUND_FLOOR)
        assert mul_div_up(a, b, c) == (Decimal(a) * b / c).to_integral_value(ROUND_CEILING)


@given(st.integers(-GREATEST, GREATEST), up_to(GREATEST))
def test_a_share_is_the_nearest_double_and_unknown_of_nothing(part: int, whole: int) -> None:
    found = share(part, whole)
    assert found == part / whole if whole else math.isnan(found)


@given(up_to(2**31 - 1), up_to(2**20), up_to(2**16), up_to(GREATEST), up_to(2**16))
def test_a_draw_stays_within_31_bits(seed: int, stream: int, symbol: int, bar: int, number: int) -> None:
    assert 0 <= draw31(seed, stream, symbol, bar, number) < 2**31
    assert 0 <= mix31(seed) < 2**31


# -- Buying and selling --------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(trades(), up_to(GREATEST), up_to(GREATEST), up_to(10_000))
def test_a_purchase_moves_its_whole_price_from_cash_to_cost(trade: Trade, cash: int, held: int, ppm: int) -> None:
    after = bought(cash, held, 0, trade.ticks, trade.lots, ppm, trade.scale)
    paid = ceil(trade.exact)
    charged = ceil(Fraction(paid * ppm, PPM))
    assert after == (cash - paid - charged, held + trade.lots, paid + charged, paid, charged)


@settings(max_examples=300, deadline=None)
@given(trades(), up_to(GREATEST), up_to(GREATEST), up_to(10_000), st.data())
def test_a_sale_gives_up_its_part_of_the_cost(
    trade: Trade, cash: int, cost: int, ppm: int, data: st.DataObject
) -> None:
    held = data.draw(up_to(GREATEST, max(trade.lots, 1)))
    after = sold(cash, held, cost, trade.ticks, trade.lots, ppm, trade.scale)
    received = floor(trade.exact)
    charged = ceil(Fraction(received * ppm, PPM))
    given_up = ceil(Fraction(trade.lots * cost, held))
    realised = received - charged - given_up
    assert after == (
        cash + received - charged,
        held - trade.lots,
        cost - given_up,
        received,
        charged,
        realised,
    )


class Deal(NamedTuple):
    """One act of a history: on which market, at what price, what part, in 1/64, of the holding to sell."""

    market: int
    buys: bool
    ticks: int
    lots: int
    part: int


SCALES = (Scale(1, 1), Scale(1000, 1), Scale(1, 1_000_000))
DEALS = st.builds(Deal, st.integers(0, 2), st.booleans(), up_to(10**6, 1), up_to(10**5, 1), st.integers(1, 64))
DEPOSIT = 10**15


class Books:
    """Cash and positions of three markets, booked by the rules."""

    def __init__(self, ppm: int) -> None:
        self.ppm, self.cash, self.realised = ppm, DEPOSIT, 0
        self.held = [(0, 0), (0, 0), (0, 0)]

    def deal(self, deal: Deal) -> None:
        lots, cost = self.held[deal.market]
        scale = SCALES[deal.market]
        if deal.buys:
            self.cash, lots, cost, _, _ = bought(self.cash, lots, cost, deal.ticks, deal.lots, self.ppm, scale)
        elif lots:
            quantity = max(1, lots * deal.part // 64)
            self.cash, lots, cost, _, _, realised = sold(self.cash, lots, cost, deal.ticks, quantity, self.ppm, scale)
            self.realised += realised
        self.held[deal.market] = lots, cost

    def leave(self) -> None:
        for market, (lots, _) in enumerate(self.held):
            if lots:
                self.deal(Deal(market, False, 999_983, 0, 64))


@settings(max_examples=150, deadline=None)
@given(st.lists(DEALS, max_size=30), up_to(10_000))
def test_cash_and_costs_less_what_was_realised_are_what_was_deposited(deals: list[Deal], ppm: int) -> None:
    books = Books(ppm)
    for deal in deals:
        books.deal(deal)
        assert books.cash + sum(cost for _, cost in books.held) - books.realised == DEPOSIT
        assert all(cost >= 0 for _, cost in books.held)


@settings(max_examples=150, deadline=None)
@given(st.lists(DEALS, max_size=30), up_to(10_000))
def test_once_everything_is_sold_what_was_realised_is_the_change_in_cash(deals: list[Deal], ppm: int) -> None:
    books = Books(ppm)
    for deal in deals:
        books.deal(deal)
    books.leave()
    assert books.held == [(0, 0)] * 3
    assert books.cash - DEPOSIT == books.realised


def test_buying_and_selling_at_one_price_loses_exactly_the_fees() -> None:
    scale = Scale(1, 1)
    cash, lots, cost, _, entering = bought(1_000_000, 0, 0, 100, 50, 1000, scale)
    assert (cash, lots, cost, entering) == (1_000_000 - 5_005, 50, 5_005, 5)
    cash, lots, cost, _, leaving, realised = sold(cash, lots, cost, 100, 50, 1000, scale)
    assert (cash, lots, cost, realised) == (1_000_000 - entering - leaving, 0, 0, -10)


# -- Sizing --------------------------------------------------------------------------------------------------


class Wish(NamedTuple):
    """What an order may be: the arguments of `size_lots`."""

    equity: int
    fraction: float
    limit_ticks: int
    scale: Scale
    max_order: int
    free_cash: int
    fee_ppm: int


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    scale = draw(scales())
    ticks = draw(up_to(min(GREATEST, MAX_PRODUCT // max(scale)), 1))
    fraction = draw(st.floats(0.0, 1.0) | st.sampled_from([0.1, 0.07, 1.0, 0.0]))
    most = up_to(GREATEST)
    return Wish(draw(most), fraction, ticks, scale, draw(most), draw(most), draw(up_to(PPM)))


EACH_BOUND = [
    (Wish(10_000, 0.1, 10, Scale(1, 1), 5_000, 9_000, 1000), 100),  # The share of equity.
    (Wish(10_000, 0.1, 10, Scale(1, 1), 505, 9_000, 1000), 50),  # The largest order.
    (Wish(10_000, 0.1, 10, Scale(1, 1), 5_000, 500, 1000), 49),  # The free cash, which also pays the fee.
    (Wish(10_000, 0.1, 1_001, Scale(1, 1), 5_000, 9_000, 1000), 0),  # Not even one lot.
    (Wish(10_000, 0.1, 10, Scale(1, 7), 5_000, 9_000, 0), 700),
    (Wish(GREATEST, 1.0, 1, Scale(1, 1), GREATEST, GREATEST, 0), GREATEST),
    (Wish(GREATEST, 1.0, 1, Scale(1, MAX_PRODUCT), GREATEST, GREATEST, 0), GREATEST),
]


@pytest.mark.parametrize(("wish", "lots"), EACH_BOUND)
def test_each_bound_sizes_an_order_in_turn(wish: Wish, lots: int) -> None:
    assert size_lots(*wish) == lots


@settings(max_examples=1000, deadline=None)
@given(wishes())
def test_a_sized_order_never_exceeds_a_bound_it_was_given(wish: Wish) -> None:
    lots = size_lots(*wish)
    assert 0 <= lots <= GREATEST
    if lots:
        cost = ceil(Fraction(wish.limit_ticks * lots * wish.scale.num, wish.scale.den))
        assert share(cost, wish.equity) <= wish.fraction  # As the review will find it.
        assert cost <= wish.max_order
        assert cost + ceil(Fraction(cost * wish.fee_ppm, PPM)) <= wish.free_cash


def test_a_share_of_equity_that_rounds_up_is_still_kept() -> None:
    equity, fraction = 798_439_052_096_822, 0.77
    lots = size_lots(equity, fraction, 1, Scale(1, 1), GREATEST, equity, 0)
    assert lots == 614_798_070_114_552  # One more would be found to be 0.7700000000000001 of the equity.
    assert share(lots, equity) <= fraction < share(lots + 1, equity)


@settings(max_examples=300, deadline=None)
@given(wishes(), st.integers(0, 1000))
def test_a_sized_order_uses_nearly_all_that_it_may(wish: Wish, ppm: int) -> None:
    wish = wish._replace(fee_ppm=ppm)
    lots = size_lots(*wish)
    an_atom = wish.scale.den // (wish.limit_ticks * wish.scale.num)
    more = lots + lots // 100 + 2 * an_atom + 2
    cost = ceil(Fraction(wish.limit_ticks * more * wish.scale.num, wish.scale.den))
    tightest = min(float(wish.equity) * wish.fraction, wish.max_order, wish.free_cash)
    assert more > GREATEST or cost + ceil(Fraction(cost * ppm, PPM)) > tightest


@pytest.mark.parametrize(
    "nothing",
    [{"equity": 0}, {"equity": -5}, {"fraction": 0.0}, {"fraction": -0.1}, {"fraction": float("nan")},
     {"free_cash": 0}, {"free_cash": -1}, {"max_order": 0}, {"limit_ticks": 0}],
)  # fmt: skip
def test_nothing_known_or_nothing_left_sizes_nothing(nothing: dict[str, float]) -> None:
    wish = Wish(10_000, 0.1, 10, Scale(1, 1), 5_000, 9_000, 1000)
    assert size_lots(*wish._replace(**nothing)) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("confidence", "fraction"),
    [(0.7, 0.07), (1.0, 0.1), (1.5, 0.1), (0.0, 0.0), (-0.2, 0.0), (float("nan"), 0.0)],
)
def test_the_share_at_risk_is_the_cap_scaled_by_confidence(confidence: float, fraction: float) -> None:
    assert size_fraction(confidence, 0.1) == pytest.approx(fraction, rel=1e-15)


def test_a_cap_that_is_unknown_puts_nothing_at_risk() -> None:
    assert size_fraction(0.9, float("nan")) == 0.0

"""Grids, and the bounds within which everything stays exact."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.candle import checked_bar
from cryptopilot.domain.errors import InstrumentGridError, InvalidValueError, MalformedCandleError
from cryptopilot.domain.instrument import Instrument, atoms, money

NAN, INF = float("nan"), float("inf")


def an_instrument(tick: str, lot: str, top: str = "100000", symbol: str = "BTC/USDT") -> Instrument:
    return Instrument(symbol, Decimal(tick), Decimal(lot), Decimal(top))


@pytest.mark.parametrize(
    ("tick", "lot", "scale"),
    [("0.01", "0.00001", (10, 1)), ("0.00000001", "1", (1, 1)), ("0.0001", "0.000001", (1, 100))],
)
def test_one_tick_times_one_lot_is_a_whole_number_of_atoms_or_one_part_of_one(
    tick: str, lot: str, scale: tuple[int, int]
) -> None:
    assert an_instrument(tick, lot).scale == scale


def test_quote_assets_of_small_units_have_coarser_atoms() -> None:
    assert an_instrument("1", "0.0001", symbol="BTC/KRW").scale == (1, 1)
    assert money(10_000, "KRW") == 1
    assert money(10_000, "USDT") == Decimal("0.0001")


@pytest.mark.parametrize(
    ("tick", "lot", "top", "why"),
    [
        ("0.3", "0.00000003", "100", "allowed: a whole number of atoms, or one part of an atom"),
        ("0.00000001", "0.00000001", "1000000000", r"exceeds 2\*\*62"),
        ("0.00000001", "1", "100000000", r"must be 1 to 2\*\*53 ticks"),
        ("1", "1", "0.5", r"must be 1 to 2\*\*53 ticks"),
    ],
)
def test_a_grid_that_would_not_stay_exact_is_refused_with_the_reason(tick: str, lot: str, top: str, why: str) -> None:
    with pytest.raises(InstrumentGridError, match=why):
        an_instrument(tick, lot, top)


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity"])
def test_a_size_that_is_no_size_is_refused_by_name(bad: str) -> None:
    with pytest.raises(InvalidValueError, match="BTC/USDT tick_size"):
        an_instrument(bad, "1")


@pytest.mark.parametrize("bad", ["btc/usdt", "BTC", "BTC-USDT", "", "BTC/USDT/X", "../BTC/USDT"])
def test_a_symbol_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValueError, match="symbol"):
        an_instrument("1", "1", symbol=bad)


@given(st.integers(1, 10**9), st.sampled_from(["0.01", "0.5", "0.0001", "0.25", "5"]))
def test_a_price_is_the_double_nearest_to_its_decimal(ticks: int, tick: str) -> None:
    instrument = an_instrument(tick, "0.01", "10000000000")
    assert instrument.price(ticks) == float(Fraction(tick) * ticks)


@pytest.mark.parametrize("bad", ["0.000000001", "NaN", "Infinity", "100000000"])
def test_an_amount_that_is_no_whole_number_of_atoms_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValueError, match="amount of USDT"):
        atoms(Decimal(bad), "USDT")


@pytest.mark.parametrize(
    ("ohlcv", "why"),
    [
        ((1.0, 2.0, NAN, 1.5, 1.0), "low is nan; allowed: a finite number"),
        ((1.0, INF, 1.0, 1.5, 1.0), "high is inf"),
        ((1.0, 2.0, 0.0, 1.5, 1.0), "0 < low"),
        ((-1.0, 2.0, 0.5, 1.5, 1.0), "0 < low"),
        ((1.0, 1.2, 0.5, 1.5, 1.0), "close <= high"),
        ((1.0, 2.0, 0.5, 1.5, -1.0), "volume"),
        ((1.0, 1e30, 0.5, 1.5, 1.0), "allowed: up to"),
        ((1.0, 2.0, 0.5, 1.5, 1e30), "volume"),
    ],
)
def test_a_candle_that_cannot_be_never_becomes_a_price(ohlcv: tuple[float, ...], why: str) -> None:
    with pytest.raises(MalformedCandleError, match=why):
        checked_bar(an_instrument("0.01", "0.00001"), 0, ohlcv)  # type: ignore[arg-type]

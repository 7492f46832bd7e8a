"""Indicators: equal to TA-Lib's on recorded markets, to worked examples, and to themselves, step or array."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopilot.adapters.exchanges.files import read_candles
from cryptopilot.domain.tape import Tape
from cryptopilot.research.features import COLUMNS, Floats, feature_rows
from cryptopilot.rules import indicators as rules
from cryptopilot.rules.features import Features
from cryptopilot.rules.features import smoothed as smoothed_rule
from tests.unit.rules.twins import both

grid_correlation = both(rules.grid_correlation)
momentum = both(rules.momentum)
obv_change = both(rules.obv_change)
realised_volatility = both(rules.realised_volatility)
signed_volume = both(rules.signed_volume)
stochastic = both(rules.stochastic)
volume_ratio = both(rules.volume_ratio)
smoothed = both(smoothed_rule)

NAN = float("nan")
WARM = 500
"""TA-Lib seeds some averages elsewhere; after so many bars the seed has faded below a double's precision."""


class Series:
    """One recorded series with our features over it."""

    def __init__(self, path: Path) -> None:
        values = np.ascontiguousarray(read_candles(path).values)
        self.name = path.stem
        self.open, self.high, self.low, self.close, self.volume = values
        rows = feature_rows(self.high, self.low, self.close, self.volume)
        self.ours: dict[str, Floats] = dict(zip(COLUMNS, rows.T, strict=True))

    def flow(self) -> Floats:
        """Our change of on-balance volume, in base again instead of as a share of the volume traded."""
        traded: Floats = talib.SMA(self.volume, 20)
        return self.ours["obv_change"] * traded * 20.0

    def move(self) -> Floats:
        """Our short momentum, in price again instead of as a fraction."""
        then: Floats = np.roll(self.close, 6)
        return self.ours["momentum_short"] * then


def _obv_change(s: Series) -> Floats:
    total: Floats = talib.OBV(s.close, s.volume)
    return np.concatenate((np.full(20, NAN), total[20:] - total[:-20]))


def _stochastic(s: Series) -> tuple[Floats, Floats]:
    slow: tuple[Floats, Floats] = talib.STOCH(s.high, s.low, s.close, 14)  # Twice smoothed by an SMA of 3.
    return slow


Compared = Callable[[Series], tuple[Floats, Floats]]
INDICATORS: dict[str, Compared] = {
    "EMA 12": lambda s: (s.ours["ema_fast"], talib.EMA(s.close, 12)),
    "EMA 26": lambda s: (s.ours["ema_slow"], talib.EMA(s.close, 26)),
    "SMA": lambda s: (s.ours["sma"], talib.SMA(s.close, 20)),
    "RSI": lambda s: (s.ours["rsi"], talib.RSI(s.close, 14)),
    "MACD line": lambda s: (s.ours["macd"], talib.MACD(s.close, 12, 26, 9)[0]),
    "MACD signal": lambda s: (s.ours["macd_signal"], talib.MACD(s.close, 12, 26, 9)[1]),
    "BBANDS low": lambda s: (s.ours["bollinger_low"], talib.BBANDS(s.close, 20, 2.0, 2.0)[2]),
    "BBANDS high": lambda s: (s.ours["bollinger_high"], talib.BBANDS(s.close, 20, 2.0, 2.0)[0]),
    "ATR": lambda s: (s.ours["atr"], talib.ATR(s.high, s.low, s.close, 14)),
    "STOCH k": lambda s: (s.ours["stochastic_k"], _stochastic(s)[0]),
    "STOCH d": lambda s: (s.ours["stochastic_d"], _stochastic(s)[1]),
    "OBV change": lambda s: (s.flow(), _obv_change(s)),
    "MOM": lambda s: (s.move(), talib.MOM(s.close, 6)),
    "ROC 6": lambda s: (s.ours["momentum_short"], talib.ROCP(s.close, 6)),
    "ROC 24": lambda s: (s.ours["momentum_long"], talib.ROCP(s.close, 24)),
}


def _rounding(name: str, s: Series) -> Floats | float:
    """What may differ beyond 1e-9 of the value, because a cancellation has left little of it."""
    if name.startswith("STOCH"):
        return 1e-10  # Of 100. Near 0 little is left of the prices; TA-Lib smooths by a running sum besides.
    if name == "OBV change":  # TA-Lib's is a difference of running totals, rounded as those are.
        return np.asarray(1e-13 * np.maximum.accumulate(np.abs(talib.OBV(s.close, s.volume))))
    return 0.0


@pytest.fixture(scope="session")
def worst(market_data: Path) -> dict[str, tuple[float, str, int]]:
    """By indicator: the greatest difference as a share of the allowed, where, and over how many bars."""
    found = dict.fromkeys(INDICATORS, (0.0, "nowhere", 0))
    for path in sorted((market_data / "candles").glob("*.parquet")):
        series = Series(path)
        for name, compared in INDICATORS.items():
            ours, theirs = compared(series)
            allowed = 1e-9 * np.abs(theirs) + _rounding(name, series)
            both = np.isfinite(ours) & np.isfinite(theirs)
            both[:WARM] = False
            share = np.abs(ours - theirs)[both] / np.maximum(allowed[both], 1e-300)
            greatest = float(share.max(initial=0.0))
            before, where, bars = found[name]
            place = series.name if greatest > before else where
            found[name] = max(greatest, before), place, bars + int(both.sum())
    return found


@pytest.mark.data
@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_equals_ta_lib_on_every_recorded_market(
    worst: dict[str, tuple[float, str, int]], name: str
) -> None:
    share, where, bars = worst[name]
    assert share <= 1.0, f"{name} differs by {share:.3g} times what is allowed, on {where}"
    assert bars > 1_000_000


# -- One bar after another, or all at once -------------------------------------------------------------------

RECORDED = ("BINANCE-BTC_USDT-1h", "BINANCE-SXP_USDT-5m", "KRAKEN-BTC_USDT-1m", "BYBIT_LINEAR-ADA_USDT-1d")


def stepped(high: Floats, low: Floats, close: Floats, volume: Floats) -> Floats:
    """Every row of features as live computes them: plain Python, one bar at a time."""
    return np.array(list(_rows(high, low, close, volume))).reshape(len(close), len(COLUMNS))


def _rows(high: Floats, low: Floats, close: Floats, volume: Floats) -> Iterator[Features]:
    tape = Tape.new()
    for bar in zip(high.tolist(), low.tolist(), close.tolist(), volume.tolist(), strict=True):
        tape.advance(*bar)
        yield tape.row()


@st.composite
def markets(draw: st.DrawFn) -> tuple[Floats, Floats, Floats, Floats]:
    """High, low, close, volume: with flat stretches, bars without volume, and prices far apart."""
    prices = st.one_of(st.floats(1e-8, 1e8), st.sampled_from([1.0, 100.0, 100.01]))
    bars = draw(st.lists(st.tuples(prices, prices, prices, st.just(0.0) | st.floats(0.0, 1e12)), max_size=60))
    repeated = draw(st.integers(1, 4))
    array = np.array([b for b in bars for _ in range(repeated)], dtype=np.float64).reshape(-1, 4)
    prices_sorted = np.sort(array[:, :3], axis=1)
    return (
        prices_sorted[:, 2].copy(),
        prices_sorted[:, 0].copy(),
        prices_sorted[:, 1].copy(),
        array[:, 3].copy(),
    )


@pytest.mark.data
@pytest.mark.parametrize("name", RECORDED)
def test_step_and_array_agree_to_the_bit_on_a_recorded_market(market_data: Path, name: str) -> None:
    values = read_candles(market_data / "candles" / f"{name}.parquet").values[1:, -20_000:]
    assert stepped(*values).tobytes() == feature_rows(*values).tobytes()


@settings(max_examples=300, deadline=None)
@given(markets())
def test_step_and_array_agree_to_the_bit_on_any_market(market: tuple[Floats, Floats, Floats, Floats]) -> None:
    assert stepped(*market).tobytes() == feature_rows(*market).tobytes()


@settings(max_examples=100, deadline=None)
@given(markets(), st.integers(0, 240))
def test_an_indicator_of_the_first_bars_equals_its_own_first_values(
    market: tuple[Floats, Floats, Floats, Floats], first: int
) -> None:
    high, low, close, volume = (x[:first] for x in market)
    assert feature_rows(high, low, close, volume).tobytes() == feature_rows(*market)[:first].tobytes()


@pytest.mark.data
def test_no_recorded_bar_changes_an_indicator_before_it(market_data: Path) -> None:
    values = read_candles(market_data / "candles" / "BINANCE-ETH_USDT-1d.parquet").values[1:]
    rows = feature_rows(*values)
    for first in (0, 1, 13, 14, 15, 25, 26, 34, 500, 2000):
        assert feature_rows(*values[:, :first]).tobytes() == rows[:first].tobytes()


def test_an_indicator_is_unknown_until_its_bars_are_there() -> None:
    price = 100.0 + np.arange(60.0) % 7
    rows = feature_rows(price + 1, price - 1, price, price)
    known_from = {name: int(np.argmin(np.isnan(column))) for name, column in zip(COLUMNS, rows.T, strict=True)}
    assert known_from == {
        "close": 0, "ema_fast": 11, "ema_slow": 25, "sma": 19, "rsi": 14, "macd": 25, "macd_signal": 33,
        "bollinger_low": 19, "bollinger_high": 19, "atr": 14, "stochastic_k": 15, "stochastic_d": 17,
        "obv_change": 19, "momentum_short": 6, "momentum_long": 24, "volatility": 20, "volume_ratio": 19,
    }  # fmt: skip


def test_a_market_that_stands_still_has_no_strength_and_no_place_in_its_range() -> None:
    still = np.full(60, 100.0)
    row = Features(*feature_rows(still, still, still, np.zeros(60))[-1].tolist())
    assert all(math.isnan(x) for x in (row.rsi, row.stochastic_k, row.stochastic_d, row.volume_ratio, row.obv_change))
    assert (row.atr, row.volatility, row.macd, row.momentum_long) == (0.0, 0.0, 0.0, 0.0)


# -- Worked examples -----------------------------------------------------------------------------------------


def test_realised_volatility_is_the_root_mean_square_of_the_returns() -> None:
    assert realised_volatility([0.03, -0.04, 0.0, 0.0]) == pytest.approx(0.025, rel=1e-15)


def test_realised_volatility_is_unknown_while_a_return_is() -> None:
    assert math.isnan(realised_volatility([0.03, NAN]))


def test_volume_ratio_is_the_volume_against_its_average() -> None:
    assert volume_ratio(30.0, [10.0, 20.0, 30.0]) == 1.5


def test_volume_ratio_is_unknown_when_nothing_was_traded() -> None:
    assert math.isnan(volume_ratio(0.0, [0.0, 0.0]))


def test_momentum_is_the_change_as_a_fraction_and_unknown_from_nothing() -> None:
    assert momentum(110.0, 100.0) == pytest.approx(0.1, rel=1e-14)
    assert math.isnan(momentum(1.0, 0.0))


def test_on_balance_volume_counts_volume_with_the_sign_of_its_move() -> None:
    closes = [10.0, 11.0, 11.0, 9.0]
    signed = [signed_volume(close, before, 5.0) for before, close in pairwise(closes)]
    assert signed == [5.0, 0.0, -5.0]
    assert obv_change([5.0, 0.0, -5.0, 7.0]) == 7.0


def test_the_change_of_on_balance_volume_is_a_share_of_the_volume_traded() -> None:
    rising = np.arange(1.0, 22.0)
    volume = np.full(21, 10.0)
    change = feature_rows(rising, rising, rising, volume)[:, COLUMNS.index("obv_change")]
    assert (change[19], change[20]) == (190.0 / 200.0, 1.0)  # The first bar has no move of its own.
    falling = rising[::-1]
    assert feature_rows(falling, falling, falling, volume)[20, COLUMNS.index("obv_change")] == -1.0


def test_the_stochastic_is_the_close_within_the_range() -> None:
    assert stochastic([12.0, 14.0], [10.0, 11.0], 13.0) == 75.0
    assert math.isnan(stochastic([12.0], [12.0], 12.0))


def test_a_smoothing_is_unknown_before_it_is_full() -> None:
    assert math.isnan(smoothed([1.0, 2.0]))
    assert smoothed([1.0, 2.0, 6.0]) == 3.0


@pytest.mark.parametrize(
    ("a", "b", "correlation"),
    [
        ([0.01, 0.02, 0.03], [0.02, 0.04, 0.06], 1.0),
        ([0.01, 0.02, 0.03], [0.06, 0.04, 0.02], -1.0),
        ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], 0.5),  # Deviations (-1, 0, 1) and (-1, 1, 0): 1 / 2.
        ([1.0, NAN, 2.0, 3.0], [1.0, 9.0, 3.0, 2.0], 0.5),  # A missing bar leaves its pair out...
        ([1.0, 9.0, 2.0, 3.0], [1.0, NAN, 3.0, 2.0], 0.5),  # ...on either side...
        ([NAN, 1.0, 2.0, 3.0, 7.0], [5.0, 1.0, 3.0, 2.0, NAN], 0.5),  # ...and never shifts the others.
    ],
)
def test_grid_correlation_is_pearsons_over_the_pairs_that_are_known(
    a: list[float], b: list[float], correlation: float
) -> None:
    assert grid_correlation(a, b, 3) == pytest.approx(correlation, rel=1e-14)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 2.0, NAN], [1.0, 3.0, 2.0]),  # Two pairs where three are asked for.
        ([NAN, NAN, NAN], [1.0, 2.0, 3.0]),
        ([], []),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]),  # One side does not move.
    ],
)
def test_grid_correlation_is_unknown_without_enough_to_go_by(a: list[float], b: list[float]) -> None:
    assert math.isnan(grid_correlation(a, b, 3))


def test_grid_correlation_asks_for_exactly_the_fewest_pairs() -> None:
    a = [float(i % 5) for i in range(100)]
    assert grid_correlation(a, a, 100) == pytest.approx(1.0, rel=1e-14)
    assert math.isnan(grid_correlation(a[:99], a[:99], 100))

"""One candle into one row of features: the numbers every model reads, live and over history alike."""

from typing import NamedTuple, TypeAlias

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.indicators import (
    ATR_START,
    MACD_START,
    RSI_START,
    AtrState,
    MacdState,
    RsiState,
    Window,
    atr_step,
    bollinger,
    macd_step,
    mean,
    momentum,
    obv_change,
    realised_volatility,
    rsi_step,
    stochastic,
    volume_ratio,
)

FAST, SLOW, SIGNAL = 12, 26, 9
RSI_BARS = ATR_BARS = STOCHASTIC_BARS = 14
BAND_BARS = VOLUME_BARS = 20
SMOOTH = 3
SHORT, LONG = 6, 24
LONGEST = 26
"""The longest period above; a market serves 40 times as many bars before the first decision."""

FeatureState: TypeAlias = tuple[MacdState, RsiState, AtrState]
FEATURES_START: FeatureState = (MACD_START, RSI_START, ATR_START)


class Features(NamedTuple):
    """What is known of one symbol at one close; NaN is unknown. Prices in quote, shares and returns as fractions."""

    close: float
    ema_fast: float
    ema_slow: float
    sma: float
    rsi: float
    macd: float
    macd_signal: float
    bollinger_low: float
    bollinger_high: float
    atr: float
    stochastic_k: float
    stochastic_d: float
    obv_change: float
    momentum_short: float
    momentum_long: float
    volatility: float
    volume_ratio: float


@rule
def feature_step(state: FeatureState, high: float, low: float, close: float) -> FeatureState:
    """Advance every recursive indicator by one closed candle."""
    macd, rsi, atr = state
    return (
        macd_step(macd, close, FAST, SLOW, SIGNAL, 2.0 / 13.0, 2.0 / 27.0, 2.0 / 10.0),
        rsi_step(rsi, close, RSI_BARS),
        atr_step(atr, high, low, close, ATR_BARS),
    )


@rule
def fast_stochastic(highs: Window, lows: Window, close: float) -> float:
    """The raw stochastic, unknown before its window is full."""
    return stochastic(highs, lows, close) if len(highs) == STOCHASTIC_BARS else UNKNOWN


@rule
def smoothed(window: Window) -> float:
    """The mean of a full smoothing window; unknown before, or while one of its values is."""
    return mean(window) if len(window) == SMOOTH else UNKNOWN


@rule
def feature_row(
    state: FeatureState,
    closes: Window,
    volumes: Window,
    signed: Window,
    returns: Window,
    fast_k: Window,
    slow_k: Window,
) -> Features:
    """The row of features at the newest bar.

    Args:
        state: after that bar.
        closes: the last LONG + 1 closes; volumes, signed and returns: the last BAND_BARS values; fast_k and slow_k:
            the last SMOOTH values. Shorter while warming up.
    """
    macd, rsi, atr = state
    quick, lazy, smooth = macd
    n = len(closes)
    close = closes[n - 1]
    low, middle, high = UNKNOWN, UNKNOWN, UNKNOWN
    if n >= BAND_BARS:
        low, middle, high = bollinger(closes[n - BAND_BARS :], 2.0)
    flow, ratio = UNKNOWN, UNKNOWN
    if len(volumes) == VOLUME_BARS:
        traded = mean(volumes)
        ratio = volume_ratio(volumes[VOLUME_BARS - 1], volumes)
        if traded > 0.0:
            flow = obv_change(signed) / (traded * float(VOLUME_BARS))
    return Features(
        close,
        quick[2],
        lazy[2],
        middle,
        rsi[4],
        quick[2] - lazy[2],
        smooth[2],
        low,
        high,
        atr[3],
        smoothed(fast_k),
        smoothed(slow_k),
        flow,
        momentum(close, closes[n - 1 - SHORT]) if n > SHORT else UNKNOWN,
        momentum(close, closes[n - 1 - LONG]) if n > LONG else UNKNOWN,
        realised_volatility(returns) if len(returns) == BAND_BARS else UNKNOWN,
        ratio,
    )

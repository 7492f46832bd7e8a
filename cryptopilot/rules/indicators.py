"""Indicators as states and steps: one candle in, the next state out.

States are plain tuples, because creating them is what costs most in plain Python. Smoothing weights are passed in.
A window is an indexable buffer that its caller owns: a list live, an array slice compiled; oldest first, exact in
length, never a rolling sum. Unknown is NaN.

Sources: Wilder, New Concepts in Technical Trading Systems (1978) for RSI and ATR; Appel for MACD; Bollinger; Lane for
the stochastic; Granville for on-balance volume. All but the last three functions equal TA-Lib's once warm (tests).
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import UNKNOWN

Window: TypeAlias = Sequence[float]

EmaState: TypeAlias = tuple[int, float, float]
"""Values seen (counted up to the seed's length), their total while seeding, the average (NaN while seeding)."""
EMA_START: EmaState = (0, 0.0, UNKNOWN)

RsiState: TypeAlias = tuple[int, float, float, float, float]
"""Values seen (up to n + 1), the previous value, smoothed gain, smoothed loss, the index (NaN while unknown)."""
RSI_START: RsiState = (0, UNKNOWN, 0.0, 0.0, UNKNOWN)

AtrState: TypeAlias = tuple[int, float, float, float]
"""Candles seen (up to n + 1), the previous close, the smoothed range, the average (NaN while unknown)."""
ATR_START: AtrState = (0, UNKNOWN, 0.0, UNKNOWN)

MacdState: TypeAlias = tuple[EmaState, EmaState, EmaState]
"""The fast and slow averages and that of their difference, the signal."""
MACD_START: MacdState = (EMA_START, EMA_START, EMA_START)


@rule
def ema_step(state: EmaState, x: float, n: int, weight: float) -> EmaState:
    """Exponential average of *n* values, seeded with their mean; *weight* is 2 / (n + 1)."""
    count, total, value = state
    if count >= n:
        return count, total, (x - value) * weight + value
    count += 1
    total += x
    return count, total, total / float(n) if count == n else UNKNOWN


@rule
def rsi_step(state: RsiState, x: float, n: int) -> RsiState:
    """Relative strength after Wilder, 0 to 100; unknown when nothing has moved yet."""
    count, previous, gain, loss, value = state
    if count == 0:
        return 1, x, 0.0, 0.0, UNKNOWN
    change = x - previous
    up = change if change > 0.0 else 0.0
    down = -change if change < 0.0 else 0.0
    if count > n:
        gain = (gain * float(n - 1) + up) / float(n)
        loss = (loss * float(n - 1) + down) / float(n)
    else:
        gain += up
        loss += down
        if count < n:
            return count + 1, x, gain, loss, UNKNOWN
        gain /= float(n)
        loss /= float(n)
        count = n + 1
    both = gain + loss
    value = 100.0 * (gain / both) if both > 0.0 else UNKNOWN
    return count, x, gain, loss, value


@rule
def macd_step(
    state: MacdState,
    x: float,
    fast: int,
    slow: int,
    signal: int,
    fast_weight: float,
    slow_weight: float,
    signal_weight: float,
) -> MacdState:
    """Difference of two averages and the average of that difference; the line is fast minus slow."""
    quick, lazy, smooth = state
    quick = ema_step(quick, x, fast, fast_weight)
    lazy = ema_step(lazy, x, slow, slow_weight)
    line = quick[2] - lazy[2]
    if line == line:  # Known: both averages are past their seed.
        smooth = ema_step(smooth, line, signal, signal_weight)
    return quick, lazy, smooth


@rule
def atr_step(state: AtrState, high: float, low: float, close: float, n: int) -> AtrState:
    """Average true range after Wilder, in price."""
    count, previous, smoothed, value = state
    if count == 0:
        return 1, close, 0.0, UNKNOWN
    top = high if high > previous else previous
    bottom = low if low < previous else previous
    reach = top - bottom
    if count > n:
        value = (value * float(n - 1) + reach) / float(n)
        return count, close, smoothed, value
    smoothed += reach
    if count < n:
        return count + 1, close, smoothed, UNKNOWN
    return count + 1, close, smoothed, smoothed / float(n)


@rule
def mean(window: Window) -> float:
    """Simple average of a window: the SMA."""
    total = 0.0
    for x in window:
        total += x
    return total / float(len(window))


@rule
def bollinger(window: Window, width: float) -> tuple[float, float, float]:
    """Lower band, middle and upper band: *width* population standard deviations around the mean."""
    n = float(len(window))
    total = 0.0
    for x in window:
        total += x
    middle = total / n
    squares = 0.0
    for x in window:
        d = x - middle
        squares += d * d
    reach = width * math.sqrt(squares / n)
    return middle - reach, middle, middle + reach


@rule
def stochastic(highs: Window, lows: Window, close: float) -> float:
    """Where the close stands in the windows' range, 0 to 100; unknown when there is no range."""
    top = max(highs)
    bottom = min(lows)
    return 100.0 * ((close - bottom) / (top - bottom)) if top > bottom else UNKNOWN


@rule
def signed_volume(close: float, previous: float, volume: float) -> float:
    """One candle's part in on-balance volume: its volume, with the sign of its move; 0 for the first."""
    if close > previous:
        return volume
    if close < previous:
        return -volume
    return 0.0


@rule
def obv_change(signed: Window) -> float:
    """How far on-balance volume moved over the window of signed volumes, in base."""
    total = 0.0
    for x in signed:
        total += x
    return total


@rule
def momentum(x: float, then: float) -> float:
    """Change since *then* as a fraction."""
    return x / then - 1.0 if then > 0.0 else UNKNOWN


@rule
def realised_volatility(returns: Window) -> float:
    """Root mean square of the returns in the window, per bar, as a fraction."""
    squares = 0.0
    for x in returns:
        squares += x * x
    return math.sqrt(squares / float(len(returns)))


@rule
def volume_ratio(volume: float, window: Window) -> float:
    """Volume against its average over the window; unknown when nothing was traded."""
    usual = mean(window)
    return volume / usual if usual > 0.0 else UNKNOWN


@rule
def grid_correlation(a: Window, b: Window, fewest: int) -> float:
    """Pearson correlation over the pairs in which both returns are known; unknown below *fewest* pairs.

    The windows are grid-aligned: entry i of both belongs to the same bar, NaN where that bar is missing.
    """
    n = 0
    total_a = 0.0
    total_b = 0.0
    for i in range(len(a)):
        x = a[i]
        y = b[i]
        if x == x and y == y:
            n += 1
            total_a += x
            total_b += y
    if n < fewest or n == 0:
        return UNKNOWN
    mean_a = total_a / float(n)
    mean_b = total_b / float(n)
    squares_a = 0.0
    squares_b = 0.0
    products = 0.0
    for i in range(len(a)):
        x = a[i] - mean_a
        y = b[i] - mean_b
        if x == x and y == y:
            squares_a += x * x
            squares_b += y * y
            products += x * y
    spread = math.sqrt(squares_a) * math.sqrt(squares_b)
    return products / spread if spread > 0.0 else UNKNOWN

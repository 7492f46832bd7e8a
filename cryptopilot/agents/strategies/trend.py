"""Trend: buy new highs, sell new lows, and hold the less the more a coin swings."""

import math

import numpy as np

from cryptopilot.domain.timeframe import DAY
from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import Columns, Wishes, wishes
from cryptopilot.quant.rolling import highest, lowest


class Trend:
    """Channel breakout with a volatility target.

    Size is the target divided by the realised volatility, both a year's, and never above the mandate's cap; a coin
    whose volatility is unknown or 0 is not bought. The far target leaves the exit to the channel.
    Source: R. Donchian's channel rule; A. Moreira and T. Muir, Volatility-Managed Portfolios, J. Finance 72 (2017).
    """

    name = "trend"
    version = "1"
    parameters = (
        Parameter.whole("entry_bars", 55, 5, 500, step=5, words="buy at the highest close of so many bars"),
        Parameter.whole("exit_bars", 20, 2, 500, step=2, words="sell at the lowest close of so many bars"),
        Parameter.number("volatility", 0.05, 0.005, 1.0, step=0.005, words="what one position may swing in a year"),
        Parameter.number("stop", 0.08, 0.001, 0.5, step=0.01, words="stop below the mark, a fraction"),
        Parameter.number("target", 1.0, 0.001, 5.0, step=0.1, words="target above the mark, a fraction"),
    )

    def __init__(self, entry_bars: int, exit_bars: int, volatility: float, stop: float, target: float) -> None:
        self._entry, self._exit, self._volatility = entry_bars, exit_bars, volatility
        self._stop, self._target = stop, target
        self.lookback = max(entry_bars, exit_bars)

    def signals(self, columns: Columns) -> Wishes:
        close = columns.close
        swing = columns.volatility * math.sqrt(365 * DAY / columns.timeframe_ms)
        rising = (close >= highest(close, self._entry)) & (swing > 0.0)
        falling = close <= lowest(close, self._exit)
        size = np.divide(self._volatility, swing, out=np.full(len(close), np.nan), where=swing > 0.0)
        side = np.where(rising, 1, np.where(falling, -1, 0))
        return wishes(side, size=size, stop=self._stop, target=self._target, longest_ms=0)

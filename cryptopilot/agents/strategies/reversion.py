"""Reversion: buy what has fallen out of its bands and is not falling hard; sell it where it has come back."""

import numpy as np

from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import Columns, Wishes, wishes


class Reversion:
    """Mean reversion towards the middle of the Bollinger bands.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001); J. W. Wilder's RSI, New Concepts (1978).
    """

    name = "reversion"
    version = "1"
    parameters = (
        Parameter.number("stretch", 0.0, 0.0, 5.0, step=0.25, words="how far below the lower band, in average ranges"),
        Parameter.number("oversold", 30.0, 5.0, 50.0, step=5.0, words="highest RSI at which to buy"),
        Parameter.number("fall", 0.10, 0.0, 1.0, step=0.02, words="no purchase after a longer fall, over 24 bars"),
    )
    lookback = 1

    def __init__(self, stretch: float, oversold: float, fall: float) -> None:
        self._stretch, self._oversold, self._fall = stretch, oversold, fall

    def signals(self, columns: Columns) -> Wishes:
        stretched = columns.close < columns.bollinger_low - self._stretch * columns.atr
        calm = (columns.rsi <= self._oversold) & (columns.momentum_long >= -self._fall)
        back = columns.close >= columns.sma
        return wishes(np.where(stretched & calm, 1, np.where(back, -1, 0)))

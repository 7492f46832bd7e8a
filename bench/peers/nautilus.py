"""EMA, RSI, MACD, Bollinger and ATR of nautilus_trader's compiled classes, one candle at a time: seconds per candle.

Its MACD has no signal line, and its bands are of the typical price: it does a little less than we do.
"""

import json
import sys
import time
from statistics import median

from candles import candles
from nautilus_trader.indicators import (
    AverageTrueRange,
    BollingerBands,
    ExponentialMovingAverage,
    MovingAverageConvergenceDivergence,
    MovingAverageType,
    RelativeStrengthIndex,
)


def five(bars: list[tuple[float, float, float]]) -> float:
    """Feed every bar to the five; the last moving average, as the proof that it was done."""
    average = ExponentialMovingAverage(12)
    indicators = (
        RelativeStrengthIndex(14, MovingAverageType.WILDER),
        MovingAverageConvergenceDivergence(12, 26),
        BollingerBands(20, 2.0),
        AverageTrueRange(14),
    )
    ema, rsi, macd, bands, atr = (x.update_raw for x in (average, *indicators))
    for high, low, close in bars:
        ema(close)
        rsi(close)
        macd(close)
        bands(high, low, close)
        atr(high, low, close)
    return float(average.value)


def main(count: int, repetitions: int) -> None:
    bars = candles(count)
    ema = five(bars)
    took = []
    for _ in range(repetitions):
        began = time.process_time()
        five(bars)
        took.append((time.process_time() - began) / count)
    print(json.dumps({"seconds": median(took), "ema": ema}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

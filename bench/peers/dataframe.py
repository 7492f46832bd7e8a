"""The same five recomputed on a 500-row DataFrame with TA-Lib's abstract functions for every new candle.

That is how bots with a DataFrame per pair work: each new candle, the pair's OHLCV frame is copied and the indicators
are added to the copy as columns. Prints the seconds per recomputation and the newest values.
"""

import json
import sys
import time
from statistics import median

import numpy as np
import pandas as pd
import talib.abstract as ta
from candles import candles

ROWS = 500


def five(candles_so_far: pd.DataFrame) -> pd.DataFrame:
    """A copy with the indicators' columns."""
    frame = candles_so_far.copy()
    frame["ema"] = ta.EMA(frame, timeperiod=12)
    frame["rsi"] = ta.RSI(frame, timeperiod=14)
    macd = ta.MACD(frame, fastperiod=12, slowperiod=26, signalperiod=9)
    frame["macd"], frame["signal"] = macd["macd"], macd["macdsignal"]
    bands = ta.BBANDS(frame, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    frame["low_band"], frame["high_band"] = bands["lowerband"], bands["upperband"]
    frame["atr"] = ta.ATR(frame, timeperiod=14)
    return frame


def main(frames: int, repetitions: int) -> None:
    high, low, close = (np.array(x) for x in zip(*candles(ROWS + frames), strict=True))
    every = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=len(close), freq="5min", tz="UTC"),
            "open": np.concatenate([[100.0], close[:-1]]),
            "high": high,
            "low": low,
            "close": close,
            "volume": np.full(len(close), 1000.0),
        }
    )
    windows = [every.iloc[n : n + ROWS].reset_index(drop=True) for n in range(1, frames + 1)]
    five(windows[0])
    took = []
    for _ in range(repetitions):
        began = time.process_time()
        for frame in windows:
            five(frame)
        took.append((time.process_time() - began) / frames)
    newest = five(windows[-1]).iloc[-1]
    found = {name: float(newest[name]) for name in ("ema", "rsi", "macd", "signal", "low_band", "high_band", "atr")}
    print(json.dumps({"seconds": median(took), **found}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

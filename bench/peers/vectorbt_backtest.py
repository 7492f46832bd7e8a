"""One strategy over one symbol with vectorbt and its Rust engine, its signals from TA-Lib: the fastest form there is.

Prints the CPU seconds of each repetition, signals and result included, and what it came to.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import talib
import vectorbt as vbt
from walk import CASH, FEE, RSI, RSI_MOST, SHARE, TICK, WARM, ticks

FAST, SLOW, STOP, TARGET = 12, 26, 0.02, 0.04


def main(count: int, repetitions: int) -> None:
    vbt.settings["engine"] = "rust"
    index = pd.date_range("2023-01-01", periods=count, freq="1min")
    opening, high, low, close = (pd.Series(x * TICK, index=index) for x in ticks(count).T)
    seconds = []
    for _ in range(repetitions + 1):
        began = time.process_time()
        entries, exits = signals(close.to_numpy())
        folio = vbt.Portfolio.from_signals(
            close, entries, exits, open=opening, high=high, low=low, size=SHARE / 2, size_type="percent", fees=FEE,
            sl_stop=STOP, tp_stop=TARGET, init_cash=CASH, freq="1min",
        )  # fmt: skip
        equity, trades = float(folio.final_value()), int(folio.trades.count())
        seconds.append(time.process_time() - began)
    print(json.dumps({"seconds": seconds[1:], "equity": equity, "trades": trades}))


def signals(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the fast average crosses the slow one upwards while RSI is calm, and where downwards."""
    above = talib.EMA(close, FAST) > talib.EMA(close, SLOW)
    before = np.r_[False, above[:-1]]
    calm = talib.RSI(close, RSI) < RSI_MOST
    calm[:WARM] = False
    return above & ~before & calm, ~above & before


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

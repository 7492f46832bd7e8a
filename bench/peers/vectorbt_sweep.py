"""The sweep's grid with vectorbt and its Rust engine: averages once each, crossings once a pair.

How many combinations one call takes as columns is told; it is fastest with about ten. Prints the CPU
seconds, how many combinations, and what they came to.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt
from walk import CASH, FASTS, FEE, GRID, RSI, RSI_MOST, SHARE, SLOWS, TICK, WARM, ticks


def main(count: int, combinations: int, columns: int) -> None:
    vbt.settings["engine"] = "rust"
    opening, high, low, close = (pd.Series(x * TICK) for x in ticks(count).T)
    for frame in (opening, high, low, close):
        frame.index = pd.date_range("2023-01-01", periods=count, freq="1min")
    picked = GRID[:: len(GRID) // combinations]
    swept(opening, high, low, close, picked[:columns], columns)
    began = time.process_time()
    equity, trades = swept(opening, high, low, close, picked, columns)
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "combinations": len(picked), "equity": equity, "trades": trades}))


def swept(
    opening: pd.Series, high: pd.Series, low: pd.Series, close: pd.Series, grid: tuple, columns: int
) -> tuple[list, list]:
    """Final equity and number of trades of each combination."""
    change = close.diff()
    up = change.clip(lower=0).ewm(alpha=1 / RSI, adjust=False).mean()
    down = (-change).clip(lower=0).ewm(alpha=1 / RSI, adjust=False).mean()
    calm = (100 * up / (up + down) < RSI_MOST).to_numpy().copy()
    calm[:WARM] = False
    averages = {n: vbt.MA.run(close, n, ewm=True).ma.to_numpy() for n in FASTS + SLOWS}
    equity, trades = [], []
    for begin in range(0, len(grid), columns):
        part = grid[begin : begin + columns]
        crossings = {pair: crossed(averages, *pair, calm) for pair in {(fast, slow) for fast, slow, *_ in part}}
        entries, exits = (np.stack([crossings[fast, slow][side] for fast, slow, *_ in part], axis=1) for side in (0, 1))
        folio = vbt.Portfolio.from_signals(
            close, pd.DataFrame(entries, index=close.index), pd.DataFrame(exits, index=close.index), open=opening,
            high=high, low=low, size=SHARE, size_type="percent", fees=FEE, sl_stop=np.array([p[2] for p in part]),
            tp_stop=np.array([p[3] for p in part]), init_cash=CASH, freq="1min",
        )  # fmt: skip
        equity += folio.final_value().tolist()
        trades += folio.trades.count().tolist()
    return equity, trades


def crossed(averages: dict, fast: int, slow: int, calm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the fast average crosses the slow one upwards on a calm bar, and where downwards."""
    above = averages[fast] > averages[slow]
    before = np.r_[False, above[:-1]]
    return above & ~before & calm, ~above & before


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""The market of the sweep and its grid, for us and for every peer: a seeded random walk of one-minute candles.

A bar opens where the one before it closed, so that "at this close" and "at the next open" are the same price; prices
are whole ticks. It needs numpy only.
"""

import itertools
from typing import Any

import numpy as np

TICK = 0.0001
WARM = 500
"""Nobody enters before this candle: what averages begin with has died out."""
FASTS, SLOWS = tuple(range(5, 25, 2)), tuple(range(26, 66, 4))
STOPS, TARGETS = (0.01, 0.02), (0.02, 0.03, 0.04, 0.06, 0.08)
GRID = tuple(itertools.product(FASTS, SLOWS, STOPS, TARGETS))
RSI, RSI_MOST = 14, 70.0
SHARE, FEE, CASH = 0.10, 0.001, 1_000_000.0


def ticks(count: int, seed: int = 7) -> Any:
    """Open, high, low and close of *count* bars: int64 [count, 4]."""
    steps, sigma = 8, 1.0 / np.sqrt(525_600.0)
    draws = np.random.default_rng(seed).standard_normal((count, steps)) * (sigma / np.sqrt(steps))
    path = 100.0 * np.exp(np.cumsum((draws - 0.5 * sigma**2 / steps).ravel())).reshape(count, steps)
    close = np.rint(path[:, -1] / TICK).astype(np.int64)
    opening = np.r_[np.int64(round(100.0 / TICK)), close[:-1]]
    high = np.maximum(np.rint(path.max(axis=1) / TICK).astype(np.int64), np.maximum(opening, close))
    low = np.minimum(np.rint(path.min(axis=1) / TICK).astype(np.int64), np.minimum(opening, close))
    return np.stack([opening, high, low, close], axis=1)

"""How long stages, instants and commits take, read from the windows that the pipeline fills meanwhile."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from cryptopilot.quant.metrics import Floats

_TRIES = 100


class Quantiles(NamedTuple):
    """Wall milliseconds: half of the runs took p50 or less, 95 of a hundred p95, 99 of a hundred p99."""

    p50: float
    p95: float
    p99: float


LEVELS = (0.5, 0.95, 0.99)
"""The shares that `Quantiles` are of, in its order."""


def quantiles(windows: Mapping[str, Collection[float]]) -> dict[str, Quantiles | None]:
    """Quantiles of every window, interpolated linearly; None where nothing has run yet."""
    read = {name: settled(window) for name, window in windows.items()}
    return {name: Quantiles(*np.quantile(took, LEVELS).tolist()) if took.size else None for name, took in read.items()}


def settled(window: Collection[float]) -> Floats:
    """A copy of *window*, to which another thread may be appending.

    Python refuses to go on reading a deque that has grown meanwhile. The pipeline appends once an instant, so the
    next try succeeds; the last error is let through, because then it is no such accident.
    """
    for _ in range(_TRIES - 1):
        try:
            return np.fromiter(window, np.float64)
        except RuntimeError:
            continue
    return np.fromiter(window, np.float64)

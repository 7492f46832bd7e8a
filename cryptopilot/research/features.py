"""Features over history: the loop of `domain.tape.Tape`, compiled, over whole arrays."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cryptopilot.research.compiled import compiled_rules
from cryptopilot.rules.features import (
    BAND_BARS,
    FEATURES_START,
    LONG,
    SMOOTH,
    STOCHASTIC_BARS,
    Features,
    fast_stochastic,
    feature_row,
    feature_step,
    smoothed,
)
from cryptopilot.rules.indicators import momentum, signed_volume

Floats: TypeAlias = npt.NDArray[np.float64]
Array: TypeAlias = Any
"""A float64 array that serves as a rule's `Window`, which to a type checker it is not."""

COLUMNS = Features._fields
"""What the columns of a feature array hold."""


def feature_rows(high: Floats, low: Floats, close: Floats, volume: Floats, cache: Path | None = None) -> Floats:
    """Every row of features of one series.

    Args:
        high, low, close: [n] quote per base; volume: [n] base; oldest first.
        cache: where kernels are kept between processes.
    Returns:
        float64 [n, 17], columns as in COLUMNS; NaN is unknown. Row t is what a `Tape` answers after bar t.
    """
    rows = np.empty((len(close), len(COLUMNS)))
    bars = np.ascontiguousarray([high, low, close, volume], dtype=np.float64)
    compiled_rules(cache).driver(fold)(bars[0], bars[1], bars[2], bars[3], rows)
    return rows


def fold(high: Array, low: Array, close: Array, volume: Array, rows: Array) -> None:
    """Fill *rows* [n, 17] bar by bar; to be compiled. Windows end at their bar and are long as a tape's."""
    n = len(close)
    signed: Array = np.empty(n)
    returns: Array = np.empty(n)
    fast_k: Array = np.empty(n)
    slow_k: Array = np.empty(n)
    state = FEATURES_START
    for t in range(n):
        end = t + 1
        previous = close[max(0, t - 1)]
        state = feature_step(state, high[t], low[t], close[t])
        returns[t] = momentum(close[t], previous)  # That of bar 0 is in no window.
        signed[t] = signed_volume(close[t], previous, volume[t])
        bars = max(0, end - STOCHASTIC_BARS)
        fast_k[t] = fast_stochastic(high[bars:end], low[bars:end], close[t])
        smooth = max(0, end - SMOOTH)
        slow_k[t] = smoothed(fast_k[smooth:end])
        band = max(0, end - BAND_BARS)
        row = feature_row(
            state,
            close[max(0, t - LONG) : end],
            volume[band:end],
            signed[band:end],
            returns[max(1, end - BAND_BARS) : end],
            fast_k[smooth:end],
            slow_k[smooth:end],
        )
        for column in range(len(row)):
            rows[t, column] = row[column]

"""Long curves for small pictures: few points, and no spike lost."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryptopilot.domain.errors import InvalidValueError


def thinned(values: ArrayLike, most: int) -> NDArray[np.int64]:
    """Which points to draw: the first, the last, and the lowest and highest of each of evenly long stretches.

    Args:
        values: float64 [n], finite; most: how many points at most, at least 4.
    Returns:
        int64, ascending indices; all of them when n <= most.
    Raises:
        InvalidValueError: most is below 4.
    Source: M4 without the first and last of each stretch: U. Jugel et al., M4: A Visualization-Oriented Time Series
    Data Aggregation, VLDB 7 (2014).
    """
    if most < 4:
        raise InvalidValueError("most", most, "at least 4")
    curve = np.asarray(values, np.float64)
    if curve.size <= most:
        return np.arange(curve.size)
    starts = np.linspace(0, curve.size, (most - 2) // 2 + 1).astype(np.int64)
    kept = {0, curve.size - 1}
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        kept |= {start + int(np.argmin(curve[start:end])), start + int(np.argmax(curve[start:end]))}
    return np.array(sorted(kept), np.int64)

"""Rolling figures of a series whose every value depends on its own window alone, to the bit.

A running sum carries its rounding along from the first value on, so that a longer history changes the last bits. Here
every window is computed in the same order, whatever lies before it: what a strategy sees live equals what research saw.
"""

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.errors import InvalidValueError

Floats = npt.NDArray[np.float64]


def highest(x: Floats, bars: int) -> Floats:
    """The highest of the last *bars* values, the present one included.

    Args:
        x: float64 [n], oldest first.
    Returns:
        float64 [n]; NaN while there are fewer values, and where one of them is NaN.
    Raises:
        InvalidValueError: bars is below 1.
    """
    return _over(x, bars, np.maximum)


def lowest(x: Floats, bars: int) -> Floats:
    """The lowest of the last *bars* values; as `highest` otherwise."""
    return _over(x, bars, np.minimum)


def mean(x: Floats, bars: int) -> Floats:
    """The mean of the last *bars* values, added oldest first; as `highest` otherwise."""
    return _over(x, bars, np.add) / bars


def _over(x: Floats, bars: int, both: np.ufunc) -> Floats:
    """*both*, over each window from its oldest value on."""
    if bars < 1:
        raise InvalidValueError("bars", bars, "1 or more")
    found = np.full(len(x), np.nan)
    rows = len(x) - bars + 1
    if rows < 1:
        return found
    window = x[:rows].copy()
    for age in range(1, bars):
        both(window, x[age : age + rows], out=window)
    found[bars - 1 :] = window
    return found

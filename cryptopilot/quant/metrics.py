"""Statistics of whole equity curves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cryptopilot.domain.errors import InvalidValueError


class Drawdown(NamedTuple):
    """The deepest fall: its depth as a fraction of the peak, and the indices of peak and trough."""

    depth: float
    peak: int
    trough: int


def deepest_drawdown(equity: Sequence[float]) -> Drawdown:
    """The deepest fall of an equity curve from its highest point before.

    Args:
        equity: float64 [n], any unit, oldest first, positive.
    Raises:
        InvalidValueError: it is empty, or a value is not finite or not positive.
    Source: definition.
    """
    curve = np.asarray(equity, np.float64)
    if not curve.size or not np.isfinite(curve).all() or (curve <= 0).any():
        raise InvalidValueError("equity", f"{curve.size} values", "at least one, all finite and positive")
    fall = 1.0 - curve / np.maximum.accumulate(curve)
    trough = int(np.argmax(fall))
    return Drawdown(float(fall[trough]), int(np.argmax(curve[: trough + 1])), trough)

"""All falls of an equity curve: how deep, how long, and how much of the time."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cryptopilot.quant.metrics import Floats, positive
from cryptopilot.rules.arithmetic import UNKNOWN


class Fall(NamedTuple):
    """A time below an earlier peak.

    Args:
        depth: at its trough, a fraction of the peak.
        peak, trough: indices; end: the first index at the peak's height again, or the last one of the curve.
        recovered: whether it has ended.
    """

    depth: float
    peak: int
    trough: int
    end: int
    recovered: bool

    @property
    def length(self) -> int:
        """Points from the peak to the recovery; of a fall that is still open, to the end of the curve."""
        return self.end - self.peak


def drawdown(equity: ArrayLike) -> Floats:
    """How far each point lies below the highest point so far.

    Args:
        equity: float64 [n], any unit, oldest first, positive.
    Returns:
        float64 [n], fractions in [0, 1): 0.25 is a quarter below the peak.
    Raises:
        InvalidValueError: it is empty, or a value is not finite or not positive.
    Source: definition; checked against empyrical in tests.
    """
    curve = positive(equity)
    fall: Floats = 1.0 - curve / np.maximum.accumulate(curve)
    return fall


def falls(equity: ArrayLike) -> tuple[Fall, ...]:
    """Every fall, oldest first: the curve is below a peak from just after it until it is as high again.

    Args, Raises: as for `drawdown`.
    Source: definition.
    """
    depth = drawdown(equity)
    edges = np.flatnonzero(np.diff(np.r_[False, depth > 0.0, False]))
    last = depth.size - 1
    return tuple(
        Fall(float(depth[trough]), start - 1, trough, min(after, last), after <= last)
        for start, after in edges.reshape(-1, 2).tolist()
        for trough in (start + int(np.argmax(depth[start:after])),)
    )


def average_drawdown(equity: ArrayLike) -> float:
    """The mean depth of all falls, a fraction; NaN while there is none.

    Args, Raises: as for `drawdown`.
    Source: C. R. Bacon, Practical Portfolio Performance Measurement and Attribution (2008), average drawdown.
    """
    depths = [fall.depth for fall in falls(equity)]
    return math.fsum(depths) / len(depths) if depths else UNKNOWN


def ulcer_index(equity: ArrayLike) -> float:
    """Root mean square of the drawdown over all points, a fraction: deep and long falls weigh most.

    Args, Raises: as for `drawdown`.
    Source: P. G. Martin and B. B. McCann, The Investor's Guide to Fidelity Funds (1989); there in per cent.
    """
    depth = drawdown(equity)
    return math.sqrt(float(np.mean(depth * depth)))

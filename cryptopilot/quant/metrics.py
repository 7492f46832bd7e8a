"""Statistics of whole equity curves, of returns, and of what trades came to. Unknown is NaN, never a guess."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.rules.arithmetic import UNKNOWN

Floats = NDArray[np.float64]


class Drawdown(NamedTuple):
    """The deepest fall: its depth as a fraction of the peak, and the indices of peak and trough."""

    depth: float
    peak: int
    trough: int


def deepest_drawdown(equity: ArrayLike) -> Drawdown:
    """The deepest fall of an equity curve from its highest point before.

    Args:
        equity: float64 [n], any unit, oldest first, positive.
    Raises:
        InvalidValueError: it is empty, or a value is not finite or not positive.
    Source: definition.
    """
    curve = positive(equity)
    fall = 1.0 - curve / np.maximum.accumulate(curve)
    trough = int(np.argmax(fall))
    return Drawdown(float(fall[trough]), int(np.argmax(curve[: trough + 1])), trough)


def returns(equity: ArrayLike) -> Floats:
    """What each point of an equity curve gained on the one before it.

    Args:
        equity: float64 [n], any unit, oldest first, positive.
    Returns:
        float64 [n - 1], simple returns as fractions: 0.02 is 2 %.
    Raises:
        InvalidValueError: it is empty, or a value is not finite or not positive.
    Source: definition.
    """
    curve = positive(equity)
    return curve[1:] / curve[:-1] - 1.0


def sharpe(gains: ArrayLike, periods_per_year: float) -> float:
    """Mean return over the sample standard deviation of returns (n - 1), annualised; the risk-free rate counts as 0.

    Args:
        gains: float64 [n], returns of equal periods; periods_per_year: how many of them a year has.
    Returns:
        NaN for fewer than two returns, or when all are the same.
    Source: W. F. Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21 (1994): ex post, times the root of
    the periods.
    """
    known = np.asarray(gains, np.float64)
    if not varies(known):
        return UNKNOWN
    return annualised(float(known.mean()), float(known.std(ddof=1)), periods_per_year)


def sortino(gains: ArrayLike, periods_per_year: float) -> float:
    """Mean return over the downside deviation, annualised; the target is 0.

    The downside deviation is the root of the mean, over all n returns, of the squares of the negative ones.

    Args:
        gains: float64 [n], returns of equal periods; periods_per_year: how many of them a year has.
    Returns:
        NaN for fewer than two returns, when all are the same, or when none is negative.
    Source: F. A. Sortino and L. N. Price, Performance Measurement in a Downside Risk Framework, Journal of Investing 3
    (1994).
    """
    known = np.asarray(gains, np.float64)
    if not varies(known):
        return UNKNOWN
    below = np.minimum(known, 0.0)
    return annualised(float(known.mean()), math.sqrt(float(np.mean(below * below))), periods_per_year)


def annualised(mean: float, deviation: float, periods_per_year: float) -> float:
    """Mean over deviation of one period's returns, scaled to a year; NaN where nothing deviates."""
    return mean / deviation * math.sqrt(periods_per_year) if deviation > 0.0 else UNKNOWN


def profit_factor(results: ArrayLike) -> float:
    """What winning trades gained over what losing trades lost, at least 0; NaN while no trade has lost.

    Args:
        results: float64 [n], profits of closed trades after costs, any unit.
    Source: definition.
    """
    profits = np.asarray(results, np.float64)
    lost = -float(profits[profits < 0.0].sum())
    return float(profits[profits > 0.0].sum()) / lost if lost > 0.0 else UNKNOWN


def expectancy(results: ArrayLike) -> float:
    """What a trade came to on average, in the unit of *results*; NaN while there is none.

    Args:
        results: float64 [n], profits of closed trades after costs.
    Source: definition.
    """
    profits = np.asarray(results, np.float64)
    return float(profits.mean()) if profits.size else UNKNOWN


def positive(equity: ArrayLike) -> Floats:
    """An equity curve as float64 [n].

    Raises:
        InvalidValueError: it is empty, or a value is not finite or not positive.
    """
    curve = np.asarray(equity, np.float64)
    if not curve.size or not np.isfinite(curve).all() or (curve <= 0).any():
        raise InvalidValueError("equity", f"{curve.size} values", "at least one, all finite and positive")
    return curve


def varies(known: Floats) -> bool:
    """Whether there are two different values; equal ones may deviate from their own mean by a rounding."""
    return known.size > 1 and bool((known != known[0]).any())

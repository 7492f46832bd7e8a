"""What a list of trade results says, and how sure it is. Unknown is NaN."""

import math
from itertools import groupby
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.metrics import expectancy, varies
from cryptopilot.rules.arithmetic import UNKNOWN


class Interval(NamedTuple):
    """Both ends of an interval, included."""

    low: float
    high: float


def wilson(won: int, n: int, confidence: float = 0.95) -> Interval:
    """Between which rates the true one lies with the given confidence, when *won* of *n* were won.

    Returns:
        Fractions in [0, 1]; NaN when n is 0.
    Raises:
        InvalidValueError: not 0 <= won <= n.
    Source: E. B. Wilson, Probable Inference, Journal of the American Statistical Association 22 (1927), without
    correction for continuity; checked against scipy in tests.
    """
    if not 0 <= won <= n:
        raise InvalidValueError("won", won, f"0 to {n}")
    if n == 0:
        return Interval(UNKNOWN, UNKNOWN)
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2.0) ** 2
    centre = (won + z2 / 2.0) / (n + z2)
    reach = math.sqrt(z2 * (won * (n - won) / n + z2 / 4.0)) / (n + z2)
    rate = won / n  # Inside by definition; where an end meets it, at 0 and at 1, a rounding must not say otherwise.
    return Interval(max(min(centre - reach, rate), 0.0), min(max(centre + reach, rate), 1.0))


def payoff_ratio(results: ArrayLike) -> float:
    """The mean win over the mean loss, positive; NaN while nothing was won, or nothing lost.

    Args:
        results: float64 [n], profits of closed trades after costs, any unit.
    Source: definition.
    """
    profits = np.asarray(results, np.float64)
    return expectancy(profits[profits > 0.0]) / _mean_loss(profits)


def expectancy_ratio(results: ArrayLike) -> float:
    """What a trade came to on average, in units of the mean loss; NaN while nothing was lost.

    Args:
        results: as for `payoff_ratio`.
    Source: V. K. Tharp, Trade Your Way to Financial Freedom (1998), the mean loss standing for the risk taken.
    """
    profits = np.asarray(results, np.float64)
    return expectancy(profits) / _mean_loss(profits)


def system_quality(results: ArrayLike) -> float:
    """System quality number: the root of n times the mean result over the sample deviation of results (n - 1).

    Args:
        results: float64 [n], of closed trades, in multiples of what each risked, or any unit proportional to it.
    Returns:
        NaN for fewer than two trades, or when all came to the same.
    Source: V. K. Tharp, The Definitive Guide to Position Sizing (2008), SQN without his cap of n at 100.
    """
    multiples = np.asarray(results, np.float64)
    if not varies(multiples):
        return UNKNOWN
    deviation = float(multiples.std(ddof=1))
    return float(multiples.mean()) / deviation * math.sqrt(multiples.size) if deviation > 0.0 else UNKNOWN


class Streaks(NamedTuple):
    """How many trades in a row were won, and how many lost, at the longest."""

    won: int
    lost: int


def longest_streaks(results: ArrayLike) -> Streaks:
    """The longest streaks; a trade that came to exactly 0 ends both.

    Args:
        results: float64 [n], profits in the order in which the trades were closed, any unit.
    Source: definition.
    """
    longest = {-1.0: 0, 0.0: 0, 1.0: 0}
    for sign, streak in groupby(np.sign(np.asarray(results, np.float64)).tolist()):
        longest[sign] = max(longest[sign], sum(1 for _ in streak))
    return Streaks(longest[1.0], longest[-1.0])


def _mean_loss(profits: ArrayLike) -> float:
    """Above 0; NaN while there is no loss."""
    known = np.asarray(profits, np.float64)
    return -expectancy(known[known < 0.0])

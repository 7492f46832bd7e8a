"""How much a Sharpe ratio proves: its error from short, skewed, fat-tailed returns, and the luck of the best of many.

Sharpe ratios here are those of one period (not annualised), as the papers have them.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.metrics import sharpe, varies
from cryptopilot.rules.arithmetic import UNKNOWN

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
"""The Euler-Mascheroni constant."""


class Evidence(NamedTuple):
    """What returns say about their own Sharpe ratio.

    Args:
        n: how many returns; sharpe: mean over sample deviation, of one period.
        skewness, kurtosis: third and fourth standardised moments of the sample; a normal distribution has 0 and 3.
    """

    n: int
    sharpe: float
    skewness: float
    kurtosis: float

    @property
    def error(self) -> float:
        """Standard error of the Sharpe ratio times the root of n - 1; NaN where the moments do not bound it."""
        square = 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return math.sqrt(square) if square > 0.0 else UNKNOWN


def evidence(gains: ArrayLike) -> Evidence:
    """Sharpe ratio, skewness and kurtosis of returns; NaN when there are fewer than two, or all are the same.

    Args:
        gains: float64 [n], returns of equal periods, fractions.
    Source: definition; checked against scipy in tests.
    """
    known = np.asarray(gains, np.float64)
    away = known - known.mean() if varies(known) else known[:0]
    variance = float(np.mean(away**2)) if away.size else 0.0
    if not variance > 0.0:
        return Evidence(known.size, UNKNOWN, UNKNOWN, UNKNOWN)
    score = away / math.sqrt(variance)
    return Evidence(known.size, sharpe(known, 1.0), float(np.mean(score**3)), float(np.mean(score**4)))


def probabilistic_sharpe(found: Evidence, benchmark: float = 0.0) -> float:
    """The probability that the true Sharpe ratio is above a benchmark.

    Args:
        benchmark: Sharpe ratio of one period.
    Returns:
        In [0, 1]; NaN when the Sharpe ratio is unknown.
    Source: D. H. Bailey and M. López de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15 (2012).
    """
    if math.isnan(found.error) or math.isnan(benchmark):
        return UNKNOWN
    return _NORMAL.cdf((found.sharpe - benchmark) * math.sqrt(found.n - 1) / found.error)


def unskilled_variance(n: int) -> float:
    """The variance of the Sharpe ratios that strategies without any skill show over *n* periods; NaN below two.

    Source: A. W. Lo, The Statistics of Sharpe Ratios, Financial Analysts Journal 58 (2002), at a true ratio of 0; n - 1
    as in `probabilistic_sharpe`.
    """
    return 1.0 / (n - 1) if n > 1 else UNKNOWN


def luckiest_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of *trials* strategies without any skill is expected to show.

    Args:
        variance: of the Sharpe ratios of all trials, of one period.
    Returns:
        0 for a single trial; NaN when there were several and their variance is unknown.
    Raises:
        InvalidValueError: trials is below 1, or the variance negative.
    Source: D. H. Bailey and M. López de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (2014).
    """
    if trials < 1:
        raise InvalidValueError("trials", trials, "at least 1")
    if variance < 0.0:
        raise InvalidValueError("variance of the trials' Sharpe ratios", variance, "at least 0")
    if trials == 1:
        return 0.0
    best, next_best = -_NORMAL.inv_cdf(1.0 / trials), -_NORMAL.inv_cdf(1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * best + _EULER * next_best)


def deflated_sharpe(found: Evidence, trials: int, variance: float) -> float:
    """The probability that the true Sharpe ratio is above 0, given that it is the best of *trials*.

    Args, Raises, Source: as for `luckiest_sharpe`.
    Returns:
        In [0, 1]; NaN when the Sharpe ratio, or the variance of several trials, is unknown.
    """
    return probabilistic_sharpe(found, luckiest_sharpe(trials, variance))


def minimum_track_record(found: Evidence, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """How many periods such returns would have to go on for to prove, with *confidence*, a Sharpe above *benchmark*.

    Returns:
        Periods, above 1; NaN when the Sharpe ratio is unknown or does not exceed the benchmark: no length is enough.
    Source: as for `probabilistic_sharpe`.
    """
    if math.isnan(found.error) or not found.sharpe > benchmark:
        return UNKNOWN
    return 1.0 + (found.error * _NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)) ** 2

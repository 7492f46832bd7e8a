"""What the returns of equal periods say: growth, risk, and how they go with a market's. Unknown is NaN."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.metrics import Floats, varies
from cryptopilot.rules.arithmetic import UNKNOWN


def cagr(growth: float, years: float) -> float:
    """Compound annual growth rate: the constant yearly return that comes to the same.

    Args:
        growth: last value over first, positive; years: between them.
    Returns:
        A fraction; NaN when no time has passed, or when a year of it exceeds every number.
    Source: definition; checked against empyrical in tests.
    """
    if not (growth > 0.0 and years > 0.0):
        return UNKNOWN
    exponent = math.log(growth) / years
    return math.expm1(exponent) if exponent < 700.0 else UNKNOWN


def volatility(gains: ArrayLike, periods_per_year: float) -> float:
    """Sample standard deviation of returns (n - 1) times the root of the periods; NaN for fewer than two returns.

    Args:
        gains: float64 [n], fractions; periods_per_year: how many of their periods a year has.
    Source: definition; checked against empyrical in tests.
    """
    known = np.asarray(gains, np.float64)
    if known.size < 2:
        return UNKNOWN
    return float(known.std(ddof=1)) * math.sqrt(periods_per_year) if varies(known) else 0.0


def calmar(annual_growth: float, deepest: float) -> float:
    """Annual growth over the deepest drawdown, both fractions; NaN while nothing has fallen.

    Source: T. W. Young, Calmar Ratio: A Smoother Tool, Futures (October 1991), over the whole span instead of three
    years; checked against empyrical in tests.
    """
    return annual_growth / deepest if deepest > 0.0 else UNKNOWN


def value_at_risk(gains: ArrayLike, share: float = 0.05) -> float:
    """The return that the given share of periods falls short of, as it was (historical); a loss is negative.

    Args:
        gains: float64 [n], fractions; share: 0.05 is one period in twenty.
    Returns:
        NaN for fewer than 1 / share returns: what one in twenty does takes twenty to be seen.
    Raises:
        InvalidValueError: share is not between 0 and 1.
    Source: definition, with NumPy's linear quantile; checked against empyrical in tests.
    """
    known = _enough(gains, share)
    return float(np.quantile(known, share)) if known.size else UNKNOWN


def expected_shortfall(gains: ArrayLike, share: float = 0.05) -> float:
    """The mean of the worst returns: those at and below the given share of all; a loss is negative.

    Args, Returns, Raises: as for `value_at_risk`.
    Source: C. Acerbi and D. Tasche, On the Coherence of Expected Shortfall, Journal of Banking and Finance 26 (2002),
    on floor((n - 1) * share) + 1 returns as empyrical counts them; checked against it in tests.
    """
    known = _enough(gains, share)
    if not known.size:
        return UNKNOWN
    worst = int((known.size - 1) * share) + 1
    return float(np.partition(known, worst - 1)[:worst].mean())


class Comparison(NamedTuple):
    """How returns go with those of a market.

    Args:
        correlation: Pearson's, in [-1, 1]; beta: what they do, on average, when the market does 1.
        alpha: what they return in a year beyond beta times the market, a fraction.
    """

    correlation: float
    beta: float
    alpha: float


def compared(gains: ArrayLike, market: ArrayLike, periods_per_year: float) -> Comparison:
    """Correlation, beta and alpha against a market; the risk-free rate counts as 0.

    Args:
        gains, market: float64 [n], fractions, of the same periods.
    Returns:
        NaN for fewer than two periods, or where there is no variation to compare.
    Raises:
        InvalidValueError: they are not of one length.
    Source: M. C. Jensen, The Performance of Mutual Funds, Journal of Finance 23 (1968), alpha compounded to a year;
    checked against empyrical in tests.
    """
    ours, theirs = np.asarray(gains, np.float64), np.asarray(market, np.float64)
    if ours.size != theirs.size:
        raise InvalidValueError("market", f"{theirs.size} returns", f"{ours.size}, one for each of ours")
    if not varies(theirs):
        return Comparison(UNKNOWN, UNKNOWN, UNKNOWN)
    covariance = np.cov(ours, theirs)
    spread = math.sqrt(covariance[0, 0] * covariance[1, 1])
    correlation = float(np.clip(covariance[0, 1] / spread, -1.0, 1.0)) if varies(ours) and spread > 0.0 else UNKNOWN
    beta = float(covariance[0, 1] / covariance[1, 1]) if covariance[1, 1] > 0.0 else UNKNOWN
    return Comparison(correlation, beta, cagr(1.0 + float((ours - beta * theirs).mean()), 1.0 / periods_per_year))


def _enough(gains: ArrayLike, share: float) -> Floats:
    """The returns, or none of them when they are too few to show that share."""
    if not 0.0 < share < 1.0:
        raise InvalidValueError("share", share, "above 0 and below 1")
    known = np.asarray(gains, np.float64)
    return known if known.size * share >= 1.0 else known[:0]

"""At what price and how much of an order fills."""

import math
from typing import NamedTuple

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.indicators import Window

BUYING, SELLING = 1, -1

VOLATILITY_BARS = 20
"""How many grid returns the volatility behind slippage looks at."""


class Costs(NamedTuple):
    """What trading costs beside the price: fractions, and the fee in parts per million of the notional."""

    fee_ppm: int
    half_spread: float
    impact: float
    latency_share: float
    """Square root of latency over timeframe: how much of a bar's volatility passes before the order arrives."""
    volume_cap: float


@rule
def entry_limit(mark_ticks: int, slack: float) -> int:
    """The worst price an entry accepts: the mark plus *slack*, floored, so that it is never more."""
    return math.floor(float(mark_ticks) * (1.0 + slack))


@rule
def fillable(lots: int, bar_lots: int, cap: float) -> int:
    """How much of an order one bar takes: at most the share *cap* of its volume."""
    return min(lots, math.floor(float(bar_lots) * cap))


@rule
def slippage(costs: Costs, volatility: float, lots: int, bar_lots: int) -> float:
    """How much worse than the price a market order fills, as a fraction of it.

    Half the spread, the square-root impact of our share in the bar's volume, and what volatility takes while the
    order travels. Unknown volatility counts as none; a bar thinner than the order counts as the order's size.
    """
    sigma = volatility if volatility > 0.0 else 0.0
    part = float(lots) / float(max(lots, bar_lots)) if lots > 0 else 0.0
    return costs.half_spread + sigma * (costs.impact * math.sqrt(part) + costs.latency_share)


@rule
def slipped(ticks: int, side: int, worse: float) -> int:
    """The price a market order gets when the market shows *ticks*: worse by a fraction, rounded against us."""
    if side > 0:
        return math.ceil(float(ticks) * (1.0 + worse))
    return max(1, math.floor(float(ticks) * (1.0 - worse)))


@rule
def grid_volatility(returns: Window) -> float:
    """Root mean square of the known returns in a grid window, per bar; unknown when none is."""
    n = 0
    squares = 0.0
    for x in returns:
        if x == x:
            n += 1
            squares += x * x
    return math.sqrt(squares / float(n)) if n > 0 else UNKNOWN

"""How much: proposals in doubles, floored to whole lots that keep every bound they were sized for."""

import math

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import MAX_BOOKED, Scale, fee, notional_up, share


@rule
def size_fraction(confidence: float, max_position: float) -> float:
    """Share of equity to put at risk: the cap, scaled by confidence; nothing when that is unknown."""
    if not (confidence > 0.0 and max_position > 0.0):
        return 0.0
    return max_position * min(confidence, 1.0)


@rule
def size_lots(
    equity: int, fraction: float, limit_ticks: int, scale: Scale, max_order: int, free_cash: int, fee_ppm: int
) -> int:
    """Whole lots whose cost at the limit stays within the share of equity, the largest order and the free cash.

    Args:
        equity, max_order, free_cash: atoms; limit_ticks: the worst price the order may fill at.
    """
    if not (limit_ticks > 0 and equity > 0 and free_cash > 0 and fraction > 0.0):
        return 0
    atoms = min(float(equity) * fraction, float(max_order), float(free_cash))
    if not atoms < float(MAX_BOOKED):
        return 0
    budget = math.floor(atoms)
    if share(budget, equity) > fraction:
        budget -= 1  # The product was rounded up; the review would find more than the fraction.
    each = float(limit_ticks) * float(scale.num) / float(scale.den)
    lots = math.floor(min(float(budget) / each, float(MAX_BOOKED - 1)))  # Lots are booked too.
    cost = notional_up(limit_ticks, lots, scale)
    while lots > 0 and (cost > budget or cost + fee(cost, fee_ppm) > free_cash):
        over = max(cost - budget, cost + fee(cost, fee_ppm) - free_cash)
        lots -= max(1, math.floor(float(over) / each))
        cost = notional_up(limit_ticks, lots, scale) if lots > 0 else 0
    return max(lots, 0)

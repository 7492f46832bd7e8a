"""The books: what a fill does to cash and position, in atoms and lots.

The cost of a position includes the fees paid to enter it, so realised profit adds up to the change in cash exactly.
"""

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import Scale, fee, mul_div_up, notional, notional_up


@rule
def bought(
    cash: int, lots: int, cost: int, ticks: int, quantity: int, fee_ppm: int, scale: Scale
) -> tuple[int, int, int, int, int]:
    """Book a purchase of *quantity* lots at *ticks*.

    Returns:
        cash, lots and cost afterwards, the notional paid and the fee.
    """
    paid = notional_up(ticks, quantity, scale)
    charged = fee(paid, fee_ppm)
    return cash - paid - charged, lots + quantity, cost + paid + charged, paid, charged


@rule
def sold(
    cash: int, lots: int, cost: int, ticks: int, quantity: int, fee_ppm: int, scale: Scale
) -> tuple[int, int, int, int, int, int]:
    """Book a sale of *quantity* of the *lots* held, which cost *cost* in all.

    Returns:
        cash, lots and cost afterwards, the notional received, the fee and the realised profit.
    """
    received = notional(ticks, quantity, scale)
    charged = fee(received, fee_ppm)
    given_up = cost if quantity == lots else mul_div_up(quantity, cost, lots)  # Most sales are whole: no division.
    return (
        cash + received - charged,
        lots - quantity,
        cost - given_up,
        received,
        charged,
        received - charged - given_up,
    )

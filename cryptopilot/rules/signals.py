"""Predictions into signals: buy, sell, or hold and why."""

from cryptopilot.rules import rule

BUY, HOLD, SELL = 1, 0, -1

(
    ACTS,
    UNKNOWN_PREDICTION,
    UNKNOWN_CONFIDENCE,
    NO_EDGE,
    POSITION_OPEN,
    ORDER_PENDING,
    NO_POSITION,
    WEAK_OPPOSITE,
) = range(8)


@rule
def signal_of(
    probability: float,
    confidence: float,
    calibrated: bool,
    edge: float,
    holding: bool,
    pending: bool,
    band: float,
    least_confidence: float,
) -> tuple[int, int]:
    """What to do about one prediction, and the reason when that is nothing.

    Args:
        probability: that a long ends in profit; *confidence*: its rank in [0, 1]; NaN is unknown.
        calibrated: whether *edge*, the expected profit after costs, is to be believed.
        holding: a position is open; pending: an order of the symbol is at work.
        band: distance from 0.5 within which the prediction says nothing.
        least_confidence: what an exit by signal takes; entries are judged by the review.
    Returns:
        (BUY, ACTS), (SELL, ACTS) or (HOLD, why).
    """
    if not probability == probability:
        return HOLD, UNKNOWN_PREDICTION
    if pending:
        return HOLD, ORDER_PENDING
    if probability < 0.5 - band:
        if not holding:
            return HOLD, NO_POSITION
        if not confidence >= least_confidence:
            return HOLD, WEAK_OPPOSITE
        return SELL, ACTS
    if holding:
        return HOLD, POSITION_OPEN
    if not probability > 0.5 + band:
        return HOLD, NO_EDGE
    if calibrated and not edge > 0.0:
        return HOLD, NO_EDGE
    if not confidence == confidence:
        return HOLD, UNKNOWN_CONFIDENCE
    return BUY, ACTS

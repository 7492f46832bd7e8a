"""What the strategy proposes: buy, sell, or hold and why."""

from typing import NamedTuple

from cryptopilot.domain.ids import decision_id
from cryptopilot.rules import signals as rules

SIDES = {rules.BUY: "BUY", rules.HOLD: "HOLD", rules.SELL: "SELL"}
REASONS = {
    rules.ACTS: "acts",
    rules.UNKNOWN_PREDICTION: "unknown_prediction",
    rules.UNKNOWN_CONFIDENCE: "unknown_confidence",
    rules.NO_EDGE: "no_edge",
    rules.POSITION_OPEN: "position_open",
    rules.ORDER_PENDING: "order_pending",
    rules.NO_POSITION: "no_position",
    rules.WEAK_OPPOSITE: "weak_opposite",
}
WORDS = {
    "acts": "the prediction leaves its neutral band",
    "unknown_prediction": "every predictor abstained",
    "unknown_confidence": "too few earlier predictions to rank this one",
    "no_edge": "the prediction is too close to even",
    "position_open": "a position is already open and the prediction does not oppose it",
    "order_pending": "an order of this symbol is still at work",
    "no_position": "a fall is expected and there is nothing to sell",
    "weak_opposite": "a fall is expected, but not surely enough to leave the position",
}


class Signal(NamedTuple):
    """One proposal for one symbol. Prices in ticks, size as a fraction of equity, times in ms UTC.

    Born at its instant, it expires at the next one.
    """

    wallet_id: str
    symbol: str
    instant: int
    side: int
    reason: str
    direction_prob: float
    confidence: float
    mark_ticks: int
    size: float
    stop_ticks: int
    target_ticks: int
    longest_ms: int
    expires_at: int

    @property
    def id(self) -> str:
        return decision_id(self.wallet_id, self.symbol, self.instant, "signal")

    @property
    def signal_type(self) -> str:
        return SIDES[self.side]


class Judged(NamedTuple):
    """A signal with its verdict. *rule* is empty when it was approved, the refusing rule, or a HOLD's reason.

    *limit* and *found* are the refusing rule's, NaN where there is none; order_id is empty when nothing was ordered.
    """

    signal: Signal
    approved: bool
    rule: str
    limit: float
    found: float
    order_id: str

"""What the strategy proposes: buy, sell, or hold and why."""

from typing import NamedTuple

from cryptopilot.domain.ids import decision_id
from cryptopilot.rules import signals as rules
from cryptopilot.rules.signal_types import SIGNAL_TYPES
from cryptopilot.rules.wishes import REASONS

SIDES = {rules.BUY: "BUY", rules.HOLD: "HOLD", rules.SELL: "SELL"}
_WORDS = {one.name: one.words for one in SIGNAL_TYPES} | REASONS


def words(reason: str) -> str:
    """Why a signal was raised, for people; a journal names strategies, and may name a type that is no longer listed."""
    return _WORDS.get(reason, f"{reason} asked for it: a strategy, or a signal type that is no longer listed")


class Signal(NamedTuple):
    """One proposal for one symbol. Prices in ticks, size as a fraction of equity, times in ms UTC.

    Born at its instant, it expires at the next one. *reason* is the name of its type (rules.signal_types),
    or of the strategy that wished for it, or why that strategy's wish came to nothing (rules.wishes).
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
        """BUY, SELL or HOLD; a type that acts for another reason than the prediction shows its own name."""
        return SIDES[self.side] if self.side == rules.HOLD or self.reason == rules.ACTS else self.reason

    @property
    def title(self) -> str:
        """The type and, where it does not say so itself, the side."""
        side = SIDES[self.side]
        return side if self.signal_type == side else f"{self.signal_type} ({side.lower()})"


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

"""Intent: what we want a venue to do."""

from dataclasses import dataclass

from cryptopilot.rules.fills import BUYING


@dataclass(frozen=True, slots=True)
class Order:
    """One order, known to the venue by its id. Quantity in lots, prices in ticks, times in ms UTC.

    An entry is a limit order carrying its own protection, which holds from the first fill on. An exit has no limit
    (0) and no expiry (0): it persists until filled. *reason* says why an exit leaves (rules.protection).
    """

    id: str
    wallet_id: str
    symbol: str
    side: int
    lots: int
    limit_ticks: int
    stop_ticks: int
    target_ticks: int
    longest_ms: int
    born_at: int
    expires_at: int
    reason: int
    confidence: float

    @property
    def only_reduces(self) -> bool:
        return self.side != BUYING


@dataclass(frozen=True, slots=True)
class Protection:
    """What guards a position at the venue: stop and target in ticks, for everything held of a symbol."""

    wallet_id: str
    symbol: str
    lots: int
    stop_ticks: int
    target_ticks: int
    entered_at: int


@dataclass(frozen=True, slots=True)
class Execution:
    """What the venue did: filled *lots* at *ticks* (reason: rules.protection), or cancelled the order (lots 0).

    Args:
        order_id: the order, or the id of the protective exit.
        at: ms UTC of the market.
        done: nothing of the order remains at work.
        why: for a cancellation, its reason in words.
    """

    order_id: str
    wallet_id: str
    symbol: str
    side: int
    at: int
    lots: int
    ticks: int
    reason: int
    done: bool
    why: str = ""

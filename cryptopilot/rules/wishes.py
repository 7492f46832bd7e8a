"""What a strategy wishes, made into what is done: the mandate completes and caps it, the books allow it or not."""

from typing import NamedTuple

from cryptopilot.rules import rule
from cryptopilot.rules.signal_types import possible
from cryptopilot.rules.signals import BUY, HELD, HOLD, SELL, Proposal, Situation, Terms
from cryptopilot.rules.sizing import size_fraction

GRANTED, HOLDS, PENDING, NOTHING_HELD, HELD_ALREADY, OUT_OF_BOUNDS = range(6)
OUTCOMES = ("", "strategy_holds", "order_pending", "no_position", "position_open", "out_of_bounds")
"""What a HOLD is known by, in the order of the numbers above; a wish that is granted bears its strategy's name."""

STRATEGY_FAILED, CALLBACK_FAILED, CALLBACK_REFUSED = "strategy_failed", "callback_failed", "callback_refused"
REASONS = {
    "strategy_holds": "the strategy wishes nothing",
    "out_of_bounds": "the strategy's stop, target or time limit is outside what a mandate may ask for",
    STRATEGY_FAILED: "the strategy failed on this symbol; the next instant asks it again",
    CALLBACK_FAILED: "one of the strategy's own callbacks failed, so the entry was not made",
    CALLBACK_REFUSED: "one of the strategy's own callbacks refused the entry",
}
"""Why a strategy's signal holds, for people, where no signal type says it already."""


class Wish(NamedTuple):
    """What a strategy asks for one symbol at one instant.

    Args:
        side: BUY, HOLD or SELL.
        size: share of equity; stop, target: fractions of the mark; NaN leaves it to the mandate.
        longest_ms: 0 is no time limit, -1 leaves it to the mandate.
        confidence: in [0, 1]; NaN is unknown.
    """

    side: int
    size: float
    stop: float
    target: float
    longest_ms: int
    confidence: float


@rule
def wished(wish: Wish, terms: Terms) -> Proposal:
    """The wish as a proposal: what it leaves open is the mandate's, and its size stays within the mandate's."""
    if wish.side == SELL:
        return Proposal(True, SELL, 0.0, 0.0, 0.0, 0)
    if wish.side != BUY:
        return HELD
    size = size_fraction(wish.confidence, terms.max_position)
    if wish.size == wish.size:
        size = min(wish.size, terms.max_position)
    stop = wish.stop if wish.stop == wish.stop else terms.stop
    target = wish.target if wish.target == wish.target else terms.target
    longest_ms = wish.longest_ms if wish.longest_ms >= 0 else terms.longest_ms
    return Proposal(True, BUY, size, stop, target, longest_ms)


@rule
def granted(s: Situation, wish: Wish, terms: Terms) -> tuple[int, Proposal]:
    """What becomes of a wish, and the proposal; a wish that the books do not allow is a HOLD that says why."""
    proposal = wished(wish, terms)
    if proposal.side == HOLD:
        return HOLDS, HELD
    if possible(s, proposal):
        return GRANTED, proposal
    if s.pending:
        return PENDING, HELD
    if proposal.side == SELL:
        return NOTHING_HELD, HELD
    if s.holding:
        return HELD_ALREADY, HELD
    return OUT_OF_BOUNDS, HELD

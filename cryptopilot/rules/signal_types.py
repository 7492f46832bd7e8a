"""The signal types, in order: the first that applies, and that the books allow, is the signal.

A new type is a file with its rule, and one line in `SIGNAL_TYPES` (docs/guide/extend-signal.md).
"""

from cryptopilot.rules import rule
from cryptopilot.rules.signals import (
    BUY,
    BUYING_BY_PREDICTION,
    HELD,
    HOLD,
    NEAREST,
    REASONS_TO_HOLD,
    SELL,
    SELLING_BY_PREDICTION,
    WIDEST_STOP,
    WIDEST_TARGET,
    Proposal,
    SignalRule,
    SignalType,
    Situation,
    Terms,
)

SIGNAL_TYPES: tuple[SignalType, ...] = (
    SELLING_BY_PREDICTION,
    BUYING_BY_PREDICTION,
    *REASONS_TO_HOLD,
)
"""What acts comes first, then the reasons for holding; the last one always applies."""

PROPOSALS: tuple[SignalRule, ...] = tuple(one.propose for one in SIGNAL_TYPES)


@rule
def possible(s: Situation, p: Proposal) -> bool:
    """Whether the books allow it, whoever proposes it.

    Nothing while an order is at work; only what is held is sold; only what is not held is bought, and only with a stop
    and a target that are known and within the bounds of a mandate. Holding is always possible.
    """
    if p.side == HOLD:
        return True
    if p.side == SELL:
        return s.holding and not s.pending
    protected = NEAREST <= p.stop <= WIDEST_STOP and NEAREST <= p.target <= WIDEST_TARGET and p.longest_ms >= 0
    return p.side == BUY and protected and not s.holding and not s.pending


@rule
def signal_of(s: Situation, terms: Terms) -> tuple[int, Proposal]:
    """The first of `SIGNAL_TYPES` that applies and is possible, by its place, and what it proposes."""
    place = 0
    for propose in PROPOSALS:
        proposal = propose(s, terms)
        if proposal.applies and possible(s, proposal):
            return place, proposal
        place += 1
    return place - 1, HELD  # Not reached: the last one always applies.

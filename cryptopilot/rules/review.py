"""The review: every check an entry has to pass, in order. The first one broken answers; leaving is never refused.

A new check is a file with its rule, and one line in `REVIEW` (docs/guide/extend-risk-rule.md).
"""

from cryptopilot.rules import rule
from cryptopilot.rules.limits import (
    Ask,
    Book,
    Finding,
    Limits,
    RiskRule,
    cooldown,
    free_cash,
    halted,
    max_concurrent,
    max_daily_loss,
    max_drawdown,
    max_order,
    max_position,
    min_confidence,
    min_order,
    order_too_large,
    stale_price,
    stale_signal,
    whitelist,
)

REVIEW: tuple[RiskRule, ...] = (
    halted,
    whitelist,
    stale_signal,
    stale_price,
    min_confidence,
    max_daily_loss,
    max_drawdown,
    cooldown,
    max_concurrent,
    order_too_large,
    max_position,
    min_order,
    max_order,
    free_cash,
)
"""Every check, in the order of judging; a check's name is the name of its refusal."""

APPROVED = -1


@rule
def verdict(ask: Ask, book: Book, limits: Limits) -> tuple[int, Finding]:
    """The first check in `REVIEW` that *ask* breaks, by its place, and what it found; APPROVED if none.

    Correlation is judged afterwards, because it costs most: `correlated`.
    """
    if ask.only_reduces:
        return APPROVED, Finding(False, 0.0, 0.0)
    place = 0
    for check in REVIEW:
        finding = check(ask, book, limits)
        if finding.breaks:
            return place, finding
        place += 1
    return APPROVED, Finding(False, 0.0, 0.0)

"""The review: every limit an order can break, judged in one place and one order.

Each check is written so that NaN breaks it. Leaving is never refused.
"""

from typing import NamedTuple

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import MAX_BOOKED, share
from cryptopilot.rules.indicators import Window, grid_correlation

(
    APPROVED,
    HALTED,
    NOT_WHITELISTED,
    STALE_SIGNAL,
    STALE_PRICE,
    MIN_CONFIDENCE,
    MAX_DAILY_LOSS,
    MAX_DRAWDOWN,
    COOLDOWN,
    MAX_CONCURRENT,
    MAX_POSITION,
    MIN_ORDER,
    MAX_ORDER,
    ORDER_TOO_LARGE,
    FREE_CASH,
    MAX_CORRELATION,
) = range(16)

CORRELATION_BARS = 168
CORRELATION_FEWEST = 100


class Ask(NamedTuple):
    """One order, as the review sees it: money in atoms at the limit price, times in milliseconds."""

    only_reduces: bool
    allowed: bool
    confidence: float
    notional: int
    magnitude: float
    fee: int
    signal_age_ms: int
    price_age_ms: int
    cooldown_left_ms: int


class Book(NamedTuple):
    """The account, as the review sees it: atoms, with everything approved before already reserved."""

    halted: bool
    equity: int
    day_base: int
    peak: int
    free_cash: int
    slots_taken: int


class Limits(NamedTuple):
    """What a mandate allows: fractions, atoms and milliseconds."""

    min_confidence: float
    max_daily_loss: float
    max_drawdown: float
    max_signal_age_ms: int
    max_price_age_ms: int
    max_concurrent: int
    max_position: float
    min_order: int
    max_order: int
    max_correlation: float


@rule
def daily_loss(book: Book) -> float:
    """Share of the equity at midnight UTC that is lost since, open positions included."""
    return share(book.day_base - book.equity, book.day_base)


@rule
def drawdown(book: Book) -> float:
    """Share of the highest equity so far that is lost since, open positions included."""
    return share(book.peak - book.equity, book.peak)


@rule
def verdict(ask: Ask, book: Book, limits: Limits) -> tuple[int, float]:
    """The first limit that *ask* would break and the value found; (APPROVED, 0.0) if none.

    Correlation is judged afterwards, because it costs most: `correlated`.
    """
    if ask.only_reduces:
        return APPROVED, 0.0
    if book.halted:
        return HALTED, 1.0
    if not ask.allowed:
        return NOT_WHITELISTED, 0.0
    if not ask.signal_age_ms <= limits.max_signal_age_ms:
        return STALE_SIGNAL, float(ask.signal_age_ms)
    if not ask.price_age_ms <= limits.max_price_age_ms:
        return STALE_PRICE, float(ask.price_age_ms)
    if not ask.confidence >= limits.min_confidence:
        return MIN_CONFIDENCE, ask.confidence
    lost = daily_loss(book)
    if not lost < limits.max_daily_loss:
        return MAX_DAILY_LOSS, lost
    fallen = drawdown(book)
    if not fallen < limits.max_drawdown:
        return MAX_DRAWDOWN, fallen
    if ask.cooldown_left_ms > 0:
        return COOLDOWN, float(ask.cooldown_left_ms)
    if not book.slots_taken < limits.max_concurrent:
        return MAX_CONCURRENT, float(book.slots_taken)
    if not ask.magnitude < float(MAX_BOOKED):
        return ORDER_TOO_LARGE, ask.magnitude
    exposure = share(ask.notional, book.equity)
    if not exposure <= limits.max_position:
        return MAX_POSITION, exposure
    if not ask.notional >= limits.min_order:
        return MIN_ORDER, float(ask.notional)
    if not ask.notional <= limits.max_order:
        return MAX_ORDER, float(ask.notional)
    if not ask.notional + ask.fee <= book.free_cash:
        return FREE_CASH, float(ask.notional + ask.fee)
    return APPROVED, 0.0


@rule
def correlated(a: Window, b: Window, limits: Limits) -> tuple[bool, float]:
    """Whether two symbols move together more than allowed, or too little is known to say; and the value found."""
    found = grid_correlation(a, b, CORRELATION_FEWEST)
    return not found <= limits.max_correlation, found

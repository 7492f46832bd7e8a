"""The checks of the review: what an order can break, each a rule on numbers. `review` puts them in order.

A check is asked about entries only. It is written so that NaN breaks it: ``not found <= limit``.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import MAX_BOOKED, share
from cryptopilot.rules.indicators import Window, grid_correlation

CORRELATION_BARS = 168
CORRELATION_FEWEST = 100


class Ask(NamedTuple):
    """One order, as the review sees it: money in atoms at the limit price, times in milliseconds.

    *now_ms* is the market time of the review, since 1970 UTC.
    """

    only_reduces: bool
    allowed: bool
    confidence: float
    notional: int
    magnitude: float
    fee: int
    signal_age_ms: int
    price_age_ms: int
    cooldown_left_ms: int
    now_ms: int


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


class Finding(NamedTuple):
    """What a check says of an order: whether it breaks the limit, what the limit is, and what was found."""

    breaks: bool
    limit: float
    found: float


RiskRule: TypeAlias = Callable[[Ask, Book, Limits], Finding]
"""One check. Its name is the refusal's."""


@rule
def daily_loss(book: Book) -> float:
    """Share of the equity at midnight UTC that is lost since, open positions included."""
    return share(book.day_base - book.equity, book.day_base)


@rule
def drawdown(book: Book) -> float:
    """Share of the highest equity so far that is lost since, open positions included."""
    return share(book.peak - book.equity, book.peak)


@rule
def halted(ask: Ask, book: Book, limits: Limits) -> Finding:
    """Somebody halted the wallet's entries."""
    return Finding(book.halted, 0.0, 1.0)


@rule
def whitelist(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The mandate does not name the symbol."""
    return Finding(not ask.allowed, 0.0, 0.0)


@rule
def stale_signal(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The signal is older than it may be, in milliseconds."""
    return Finding(
        not ask.signal_age_ms <= limits.max_signal_age_ms, float(limits.max_signal_age_ms), float(ask.signal_age_ms)
    )


@rule
def stale_price(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The price is older than it may be, in milliseconds."""
    return Finding(
        not ask.price_age_ms <= limits.max_price_age_ms, float(limits.max_price_age_ms), float(ask.price_age_ms)
    )


@rule
def min_confidence(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The prediction ranks too low among those before it."""
    return Finding(not ask.confidence >= limits.min_confidence, limits.min_confidence, ask.confidence)


@rule
def max_daily_loss(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The day has cost too much; refuses at the limit."""
    lost = daily_loss(book)
    return Finding(not lost < limits.max_daily_loss, limits.max_daily_loss, lost)


@rule
def max_drawdown(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The wallet is too far below its peak; refuses at the limit."""
    fallen = drawdown(book)
    return Finding(not fallen < limits.max_drawdown, limits.max_drawdown, fallen)


@rule
def cooldown(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The symbol was left only just now; found is what remains, in milliseconds."""
    return Finding(ask.cooldown_left_ms > 0, 0.0, float(ask.cooldown_left_ms))


@rule
def max_concurrent(ask: Ask, book: Book, limits: Limits) -> Finding:
    """Every slot is taken."""
    return Finding(not book.slots_taken < limits.max_concurrent, float(limits.max_concurrent), float(book.slots_taken))


@rule
def order_too_large(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The order is worth more than can be booked exactly, in atoms."""
    return Finding(not ask.magnitude < float(MAX_BOOKED), float(MAX_BOOKED), ask.magnitude)


@rule
def max_position(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The order is too large a share of the equity."""
    exposure = share(ask.notional, book.equity)
    return Finding(not exposure <= limits.max_position, limits.max_position, exposure)


@rule
def min_order(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The order is below the smallest, in atoms."""
    return Finding(not ask.notional >= limits.min_order, float(limits.min_order), float(ask.notional))


@rule
def max_order(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The order is above the largest, in atoms."""
    return Finding(not ask.notional <= limits.max_order, float(limits.max_order), float(ask.notional))


@rule
def free_cash(ask: Ask, book: Book, limits: Limits) -> Finding:
    """The order and its fee cost more than is free, in atoms."""
    cost = ask.notional + ask.fee
    return Finding(not cost <= book.free_cash, float(book.free_cash), float(cost))


@rule
def correlated(a: Window, b: Window, limits: Limits) -> Finding:
    """Two symbols move together more than allowed, or too little is known to say."""
    found = grid_correlation(a, b, CORRELATION_FEWEST)
    return Finding(not found <= limits.max_correlation, limits.max_correlation, found)

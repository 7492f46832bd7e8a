"""How the driver changes the books: entries, sales, cancellations, each with its record. To be compiled."""

from cryptopilot.research.layout import (
    BEYOND_LIMIT,
    CANCELLED,
    FILLED,
    NO_VOLUME,
    Array,
    Market,
    Policy,
    State,
)
from cryptopilot.rules.arithmetic import UNKNOWN, Scale
from cryptopilot.rules.fills import BUYING, SELLING
from cryptopilot.rules.ledger import bought, sold


def enter(market: Market, policy: Policy, state: State, s: int, at: int, lots: int, ticks: int) -> None:
    """An entry's only chance: all that the bar gives, or nothing."""
    desk, book = state.desks[s], state.books[0]
    if lots <= 0:
        cancel(state, s, at, NO_VOLUME)
        return
    if ticks > desk.order_limit:
        cancel(state, s, at, BEYOND_LIMIT)
        return
    cash, held, cost, paid, charged = bought(
        book.cash, desk.lots, desk.cost, ticks, lots, policy.costs.fee_ppm, scale_of(market.scales, s)
    )
    book.cash = cash
    book.traded += paid
    desk.lots = held
    desk.cost = cost
    desk.stop = desk.order_stop
    desk.target = desk.order_target
    desk.longest_ms = desk.order_longest_ms
    desk.opened_at = at
    desk.trade = book.trades
    book.trades += 1
    book.orders -= 1
    book.positions += 1
    desk.side = 0
    desk.reserved = 0
    fill(state, at, s, BUYING, desk.order_tag, lots, ticks, charged, 0)


def sell_lots(
    market: Market, policy: Policy, state: State, s: int, at: int, lots: int, ticks: int, reason: int
) -> None:
    """Book a sale; what remains of an order goes on waiting, and what remains held stays protected."""
    desk, book = state.desks[s], state.books[0]
    cash, held, cost, received, charged, realised = sold(
        book.cash, desk.lots, desk.cost, ticks, lots, policy.costs.fee_ppm, scale_of(market.scales, s)
    )
    book.cash = cash
    book.traded += received
    desk.lots = held
    desk.cost = cost
    if held == 0:
        desk.left_at = at
        book.positions -= 1
    if desk.side != 0:
        desk.order_lots -= lots
        if desk.order_lots == 0:
            desk.side = 0
            book.orders -= 1
    fill(state, at, s, SELLING, reason, lots, ticks, charged, realised)


def cancel(state: State, s: int, at: int, why: int) -> None:
    """Take an order away."""
    desk = state.desks[s]
    desk.side = 0
    desk.reserved = 0
    state.books[0].orders -= 1
    note(state, at, s, CANCELLED, why, 0, 0, 0, UNKNOWN, UNKNOWN)


def scale_of(scales: Array, s: int) -> Scale:
    """What a tick times a lot of a symbol is worth."""
    return Scale(scales[s, 0], scales[s, 1])


def fill(
    state: State, at: int, s: int, side: int, code: int, lots: int, ticks: int, charged: int, realised: int
) -> None:
    """Write a fill down."""
    record = state.records[state.books[0].used]
    note(state, at, s, FILLED, code, lots, ticks, charged, UNKNOWN, UNKNOWN)
    record.side = side
    record.realised = realised


def note(
    state: State, at: int, s: int, kind: int, code: int, lots: int, ticks: int, charged: int, limit: float, found: float
) -> None:
    """Write a record; `drive` has seen to its room."""
    desk, book = state.desks[s], state.books[0]
    record = state.records[book.used]
    record.at = at
    record.symbol = s
    record.kind = kind
    record.code = code
    record.side = 0
    record.trade = desk.trade
    record.lots = lots
    record.ticks = ticks
    record.fee = charged
    record.cash = book.cash
    record.realised = 0
    record.cost = desk.cost
    record.limit = limit
    record.found = found
    book.used += 1


STEPS = (note, fill, cancel, scale_of, sell_lots, enter)
"""Callees first: the order of compiling."""

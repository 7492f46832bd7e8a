"""The second driver of the rules: a portfolio over history, rank by rank, as the pipeline and the agents do it live.

To be compiled (`drive`). Whatever decides or books is a rule; what stands here, in `judging` and in `booking` is their
order, which tests/scenario/test_parity.py compares with live record by record. Every symbol finishes a rank before the
next begins.
"""

from cryptopilot.research import booking, judging
from cryptopilot.research.booking import cancel, enter, note, scale_of, sell_lots
from cryptopilot.research.judging import judge, leave, wish
from cryptopilot.research.layout import (
    ASKING,
    CLOSED_BY_PROTECTION,
    CLOSING,
    DONE,
    EXPIRED,
    FULL,
    JUDGING,
    MOST_RECORDS,
    MOVED,
    Array,
    Curves,
    Market,
    Opinions,
    Policy,
    State,
    WishTable,
)
from cryptopilot.rules.arithmetic import UNKNOWN, notional
from cryptopilot.rules.fills import BUYING, SELLING, VOLATILITY_BARS, fillable, grid_volatility, slippage, slipped
from cryptopilot.rules.protection import NOTHING, STOP, TIME_LIMIT, protective_exit, time_is_up, trailed

DAY_MS = 86_400_000


def drive(market: Market, opinions: Opinions, wishes: WishTable, policy: Policy, state: State, curves: Curves) -> int:
    """Go on from where *state* stands to the end, or until somebody has to do something about it: DONE, FULL, ASKING.

    Nothing is allocated. After FULL: take the records and set `used` to 0. After ASKING: change the wishes of the desks
    that are to buy. Then call again.
    """
    book, last = state.books[0], len(market.instants)
    room = len(state.records) - MOST_RECORDS * market.bars.shape[1]
    restful = len(wishes.side) > 0 and not policy.tells_holds
    while book.t < last:
        if book.phase == CLOSING:
            if restful and book.orders == 0:
                if book.positions == 0:
                    rest(market.instants, wishes.side, book, curves.equity)
                elif not policy.trailing > 0.0:
                    carry(market, wishes.side, state.desks, book, curves, policy.step_ms)
                if book.t == last:
                    return DONE
            if book.used > room:
                return FULL
            at = market.instants[book.t]
            if book.positions + book.orders > 0 and is_met(market.bars, state.desks, book.t, at, policy.step_ms):
                close_ranges(market, policy, state, book.t)
            mark(market.bars, market.scales, state.desks, book, curves.equity, curves.invested, curves.held, at)
            if book.positions > 0 and is_due(state.desks, at, policy.trailing):
                protect(market, policy, state, book.t)
            book.wishing = 0
            book.buying = 0
            if not restful or is_wished(wishes.side, book.t):
                wish(market, opinions, wishes, policy, state, curves, book.t)
            book.phase = JUDGING
            if policy.asks and book.buying > 0:
                return ASKING
        if book.wishing > 0:
            judge(market, policy, state, book.t)
        if book.orders > 0:
            meet_openings(market, policy, state, book.t)
        book.phase = CLOSING
        book.t += 1
    return DONE


def rest(instants: Array, side: Array, book: Array, equity: Array) -> None:
    """While nothing is held, ordered or wished for, the account stands still: go on to where that ends."""
    t, last = book.t, len(instants)
    while t < last and not is_wished(side, t):
        equity[t] = book.cash
        t += 1
    if t == book.t:
        return
    at = instants[t - 1]
    if book.marked_at < 0 or at // DAY_MS != book.marked_at // DAY_MS:
        book.day_base = book.cash
    book.equity = book.cash
    book.peak = max(book.peak, book.cash)
    book.marked_at = at
    book.t = t


def carry(market: Market, side: Array, desks: Array, book: Array, curves: Curves, step_ms: int) -> None:
    """While positions are held and nothing else happens, only marks move: go on to where that ends.

    As instant by instant (`mark`), but for the marks of what is not held: nobody asks for them before it has a bar.
    """
    t, cash, equity, peak, base, marked_at = book.t, book.cash, book.equity, book.peak, book.day_base, book.marked_at
    while t < len(market.instants):
        at = market.instants[t]
        if is_wished(side, t) or is_met(market.bars, desks, t, at, step_ms) or is_due(desks, at, 0.0):
            break
        worth = 0
        for s in range(len(desks)):
            desk = desks[s]
            if desk.lots > 0:
                if market.bars[t, s, 3] >= 0:
                    desk.mark = market.bars[t, s, 3]
                    desk.mark_at = at
                worth += notional(desk.mark, desk.lots, scale_of(market.scales, s))
        equity = cash + worth
        if at // DAY_MS != marked_at // DAY_MS:
            base = equity
        peak = max(peak, equity)
        marked_at = at
        curves.equity[t] = equity
        curves.invested[t] = worth
        curves.held[t] = book.positions
        t += 1
    book.t = t
    book.equity = equity
    book.peak = peak
    book.day_base = base
    book.marked_at = marked_at


def is_wished(side: Array, t: int) -> bool:
    """Whether a strategy wishes for anything at an instant."""
    for s in range(side.shape[1]):
        if side[t, s] != 0:
            return True
    return False


# -- Rank 0: ranges of the bars that close --------------------------------------------------------------------------


def is_met(bars: Array, desks: Array, t: int, at: int, step_ms: int) -> bool:
    """Whether an order expires, or a bar's range does anything to what is protected."""
    for s in range(len(desks)):
        desk = desks[s]
        if desk.side != 0 and 0 < desk.order_expires_at <= at:
            return True
        if desk.lots > 0 and bars[t, s, 3] >= 0:
            entered = desk.opened_at == at - step_ms
            reason, _ = protective_exit(desk.stop, desk.target, bars[t, s, 0], bars[t, s, 1], bars[t, s, 2], entered)
            if reason != NOTHING:
                return True
    return False


def close_ranges(market: Market, policy: Policy, state: State, t: int) -> None:
    """By symbol: orders that expire, then stops and targets."""
    at = market.instants[t]
    for s in range(len(state.desks)):
        desk = state.desks[s]
        if desk.side != 0 and 0 < desk.order_expires_at <= at:
            cancel(state, s, at, EXPIRED)
        if desk.lots > 0 and market.bars[t, s, 3] >= 0:
            meet_range(market, policy, state, t, s)


def meet_range(market: Market, policy: Policy, state: State, t: int, s: int) -> None:
    """What a bar does to a protected position."""
    desk, at = state.desks[s], market.instants[t]
    bar = market.bars[t, s]
    reason, ticks = protective_exit(
        desk.stop, desk.target, bar[0], bar[1], bar[2], desk.opened_at == at - policy.step_ms
    )
    if reason == NOTHING:
        return
    if len(market.finer) > 0:
        reason, ticks = finer_exit(market, policy, desk, t, s, reason, ticks)
    if reason == STOP:
        worse = slippage(policy.costs, volatility(market, t - 1, s), desk.lots, bar[4])
        ticks = slipped(ticks, SELLING, worse)
    if desk.side != 0:
        cancel(state, s, at, CLOSED_BY_PROTECTION)
    sell_lots(market, policy, state, s, at, desk.lots, ticks, reason)


def finer_exit(market: Market, policy: Policy, desk: Array, t: int, s: int, reason: int, ticks: int) -> tuple[int, int]:
    """Which of stop and target came first within bar *t*, by the finer bars in it; as without them where one misses."""
    each = len(market.finer) // len(market.instants)
    for i in range(t * each, (t + 1) * each):
        if market.finer[i, s, 3] < 0:
            return reason, ticks
    for i in range(t * each, (t + 1) * each):
        bar = market.finer[i, s]
        entered = i == t * each and desk.opened_at == market.instants[t] - policy.step_ms
        found, price = protective_exit(desk.stop, desk.target, bar[0], bar[1], bar[2], entered)
        if found != NOTHING:
            return found, price
    return reason, ticks


def mark(
    bars: Array, scales: Array, desks: Array, book: Array, equities: Array, invested: Array, held: Array, at: int
) -> None:
    """Marks at closes, the account at them, a new day's base, the peak."""
    t, worth = book.t, 0
    for s in range(len(desks)):
        close = bars[t, s, 3]
        desk = desks[s]
        if close >= 0:
            desk.mark = close
            desk.mark_at = at
        if desk.lots > 0:
            worth += notional(desk.mark, desk.lots, scale_of(scales, s))
    equity = book.cash + worth
    if book.marked_at < 0 or at // DAY_MS != book.marked_at // DAY_MS:
        book.day_base = equity
    book.equity = equity
    book.peak = max(book.peak, equity)
    book.marked_at = at
    equities[t] = equity
    invested[t] = worth
    held[t] = book.positions


def is_due(desks: Array, at: int, trailing: float) -> bool:
    """Whether a stop may trail, or a position has been held for its whole time."""
    if trailing > 0.0:
        return True
    for s in range(len(desks)):
        if desks[s].lots > 0 and time_is_up(at, desks[s].opened_at, desks[s].longest_ms):
            return True
    return False


def protect(market: Market, policy: Policy, state: State, t: int) -> None:
    """Move trailing stops; leave what has been held for its whole time."""
    at = market.instants[t]
    for s in range(len(state.desks)):
        desk = state.desks[s]
        if desk.lots == 0:
            continue
        if market.bars[t, s, 3] >= 0:
            stop = trailed(desk.stop, desk.mark, policy.trailing)
            if stop != desk.stop:
                desk.stop = stop
                note(state, at, s, MOVED, 0, 0, stop, 0, UNKNOWN, UNKNOWN)
        if time_is_up(at, desk.opened_at, desk.longest_ms) and desk.side == 0:
            leave(state, s, at, TIME_LIMIT)


def meet_openings(market: Market, policy: Policy, state: State, t: int) -> None:
    """By symbol: waiting orders meet the first price of the bar that begins at this instant."""
    at = market.instants[t]
    for s in range(len(state.desks)):
        desk = state.desks[s]
        bar = market.bars[t + 1, s]
        if desk.side == 0 or bar[3] < 0:
            continue
        lots = fillable(desk.order_lots, bar[4], policy.costs.volume_cap)
        worse = slippage(policy.costs, volatility(market, t, s), lots, bar[4])
        ticks = slipped(bar[0], desk.side, worse)
        if desk.side == BUYING:
            enter(market, policy, state, s, at, lots, ticks)
        elif lots > 0:
            sell_lots(market, policy, state, s, at, lots, ticks, desk.order_reason)


def volatility(market: Market, t: int, s: int) -> float:
    """What slippage counts on at an instant: from the returns known there."""
    end = market.before + t + 1
    return grid_volatility(market.returns[max(0, end - VOLATILITY_BARS) : end, s])


STEPS = (
    *booking.STEPS, *judging.STEPS, volatility, meet_openings, protect, is_due, mark, finer_exit, meet_range,
    close_ranges, is_met, is_wished, rest, carry, drive,
)  # fmt: skip
"""Callees first: the order of compiling. All but the last become part of what calls them, and none may allocate."""

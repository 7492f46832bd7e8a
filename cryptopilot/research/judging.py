"""How the driver comes to its orders: what is wished for at each desk, the queue, the review. To be compiled."""

from typing import Any

from cryptopilot.research.booking import note, scale_of
from cryptopilot.research.layout import (
    CORRELATION,
    HELD,
    INTENDED,
    REFUSED,
    UNCONFIRMED,
    Array,
    Curves,
    Market,
    Opinions,
    Policy,
    State,
    WishTable,
)
from cryptopilot.rules.arithmetic import UNKNOWN, fee, magnitude, notional_up
from cryptopilot.rules.features import Features
from cryptopilot.rules.fills import BUYING, SELLING, entry_limit
from cryptopilot.rules.limits import CORRELATION_BARS, Ask, Book, Finding, correlated
from cryptopilot.rules.protection import SIGNAL_EXIT, stop_below, target_above
from cryptopilot.rules.review import APPROVED, verdict
from cryptopilot.rules.signal_types import signal_of
from cryptopilot.rules.signals import BUY, HOLD, SELL, Proposal, Situation
from cryptopilot.rules.sizing import size_lots
from cryptopilot.rules.wishes import Wish, granted


def wish(
    market: Market, opinions: Opinions, wishes: WishTable, policy: Policy, state: State, curves: Curves, t: int
) -> None:
    """Write down what is wished for at each desk, and how many are to be judged."""
    book, given = state.books[0], len(wishes.side) > 0
    for s in range(len(state.desks)):
        desk = state.desks[s]
        desk.wish = HOLD
        desk.wish_tag = 0
        if market.bars[t, s, 3] < 0 or (given and wishes.side[t, s] == 0 and not policy.tells_holds):
            continue
        if given:
            wished_for(wishes, policy, desk, t, s)
        else:
            signal_for(opinions, policy, desk, t, s)
        curves.types[desk.wish_tag] += 1
        if desk.wish != HOLD:
            book.wishing += 1
            book.buying += 1 if desk.wish == BUY else 0
        elif policy.tells_holds:
            note(state, market.instants[t], s, HELD, desk.wish_tag, 0, 0, 0, UNKNOWN, UNKNOWN)


def signal_for(opinions: Opinions, policy: Policy, desk: Array, t: int, s: int) -> None:
    """The signal that the rules make of what is believed."""
    row = opinions.features[t, s]
    features = Features(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12],
        row[13], row[14], row[15], row[16],
    )  # fmt: skip
    confidence = opinions.confidence[t, s]
    situation = Situation(
        opinions.probability[t, s], confidence, False, UNKNOWN, desk.lots > 0, desk.side != 0, features
    )
    place, proposal = signal_of(situation, policy.terms)
    take(desk, place, proposal, confidence)


def wished_for(wishes: WishTable, policy: Policy, desk: Array, t: int, s: int) -> None:
    """A strategy's wish, as far as mandate and books allow; what is known besides is no part of that."""
    wish = Wish(
        int(wishes.side[t, s]),
        at_place(wishes.size, t, s),
        at_place(wishes.stop, t, s),
        at_place(wishes.target, t, s),
        at_place(wishes.longest_ms, t, s),
        at_place(wishes.confidence, t, s),
    )
    features = Features(
        UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
        UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
    )  # fmt: skip
    situation = Situation(UNKNOWN, wish.confidence, False, UNKNOWN, desk.lots > 0, desk.side != 0, features)
    outcome, proposal = granted(situation, wish, policy.terms)
    take(desk, outcome, proposal, wish.confidence)


def at_place(values: Array, t: int, s: int) -> Any:
    """A wish's value, where it may be one for all."""
    if values.shape[0] == 1:
        return values[0, 0]
    return values[t, s]


def take(desk: Array, tag: int, proposal: Proposal, confidence: float) -> None:
    """Write a proposal down at its desk."""
    desk.wish = proposal.side
    desk.wish_tag = tag
    desk.wish_size = proposal.size
    desk.wish_stop = proposal.stop
    desk.wish_target = proposal.target
    desk.wish_longest_ms = proposal.longest_ms
    desk.wish_confidence = confidence


def judge(market: Market, policy: Policy, state: State, t: int) -> None:
    """Exits first, then purchases, each with confidence down, then by symbol."""
    at = market.instants[t]
    if policy.asks and policy.tells_holds:
        tell_refused(state, at)
    count = ordered(state)
    for i in range(count):
        s = state.order[i]
        desk = state.desks[s]
        if desk.wish == SELL:
            leave(state, s, at, SIGNAL_EXIT)
        else:
            review_entry(market, policy, state, t, s)


def tell_refused(state: State, at: int) -> None:
    """HELD records of purchases that a callback did not confirm."""
    for s in range(len(state.desks)):
        if state.desks[s].wish_tag == UNCONFIRMED:
            note(state, at, s, HELD, UNCONFIRMED, 0, 0, 0, UNKNOWN, UNKNOWN)


def ordered(state: State) -> int:
    """Sort the desks that wish for something into `order`; how many there are."""
    count = 0
    for s in range(len(state.desks)):
        if state.desks[s].wish == HOLD:
            continue
        i = count
        while i > 0 and before(state.desks[s], state.desks[state.order[i - 1]]):
            state.order[i] = state.order[i - 1]
            i -= 1
        state.order[i] = s
        count += 1
    return count


def before(desk: Array, other: Array) -> bool:
    """Whether a desk is judged before one of an earlier symbol."""
    if desk.wish != other.wish:
        return bool(desk.wish == SELL)
    ours = desk.wish_confidence if desk.wish_confidence == desk.wish_confidence else 0.0
    theirs = other.wish_confidence if other.wish_confidence == other.wish_confidence else 0.0
    return bool(ours > theirs)


def review_entry(market: Market, policy: Policy, state: State, t: int, s: int) -> None:
    """Size a purchase at its limit, judge it, and reserve what it may cost."""
    desk, book, at = state.desks[s], state.books[0], market.instants[t]
    scale, fee_ppm = scale_of(market.scales, s), policy.costs.fee_ppm
    now = book_of(state)
    limit = entry_limit(desk.mark, policy.entry_slack)
    lots = size_lots(book.equity, desk.wish_size, limit, scale, policy.limits.max_order, now.free_cash, fee_ppm)
    worst = notional_up(limit, lots, scale)
    charged = fee(worst, fee_ppm)
    left = 0 if desk.left_at < 0 else desk.left_at + policy.cooldown_ms - at
    ask = Ask(
        False, market.allowed[s], desk.wish_confidence, worst, magnitude(limit, lots, scale), charged,
        0, at - desk.mark_at, left, at,
    )  # fmt: skip
    place, finding = verdict(ask, now, policy.limits)
    if place == APPROVED:
        place, finding = correlation(market, policy, state, t, s)
    if place != APPROVED:
        note(state, at, s, REFUSED, place, lots, limit, 0, finding.limit, finding.found)
        return
    desk.side = BUYING
    desk.order_lots = lots
    desk.order_limit = limit
    desk.order_stop = stop_below(desk.mark, desk.wish_stop)
    desk.order_target = target_above(desk.mark, desk.wish_target)
    desk.order_longest_ms = desk.wish_longest_ms
    desk.order_expires_at = at + policy.step_ms
    desk.order_reason = 0
    desk.order_tag = desk.wish_tag
    desk.reserved = worst + charged
    book.orders += 1
    note(state, at, s, INTENDED, 0, lots, limit, 0, UNKNOWN, UNKNOWN)


def book_of(state: State) -> Book:
    """The account as the review sees it, everything approved so far reserved."""
    book = state.books[0]
    reserved, slots = 0, 0
    for s in range(len(state.desks)):
        desk = state.desks[s]
        if desk.lots > 0 or desk.side == BUYING:
            slots += 1
        reserved += desk.reserved
    return Book(False, book.equity, book.day_base, book.peak, book.cash - reserved, slots)


def correlation(market: Market, policy: Policy, state: State, t: int, s: int) -> tuple[int, Finding]:
    """The first symbol held or ordered, in symbol order, that moves too much like this one."""
    end = market.before + t + 1
    begin = max(0, end - CORRELATION_BARS)
    ours = market.returns[begin:end, s]
    finding = Finding(False, 0.0, 0.0)
    for other in range(len(state.desks)):
        desk = state.desks[other]
        if other != s and (desk.lots > 0 or desk.side == BUYING):
            finding = correlated(ours, market.returns[begin:end, other], policy.limits)
            if finding.breaks:
                return CORRELATION, finding
    return APPROVED, finding


def leave(state: State, s: int, at: int, reason: int) -> None:
    """Intend to sell everything held at the next price; leaving is never refused."""
    desk = state.desks[s]
    desk.side = SELLING
    desk.order_lots = desk.lots
    desk.order_limit = 0
    desk.order_expires_at = 0
    desk.order_reason = reason
    desk.reserved = 0
    state.books[0].orders += 1
    note(state, at, s, INTENDED, reason, desk.lots, 0, 0, UNKNOWN, UNKNOWN)


STEPS = (
    leave, correlation, book_of, review_entry, before, ordered, tell_refused, judge, take, at_place, wished_for,
    signal_for, wish,
)  # fmt: skip
"""Callees first: the order of compiling."""

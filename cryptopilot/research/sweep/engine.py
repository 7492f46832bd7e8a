"""One combination over one symbol, from event to event. To be compiled (`play_all`).

It goes by the rules, and in the order of `research.driver`, but asks no limit and looks only at instants at which
something can happen: a wish, a bar that reaches stop or target, a position's last hour. What it books is what the
driver books with limits that never bind, to the last unit (tests/unit/research/sweep/test_engine.py).
"""

from typing import Any, NamedTuple

import numpy as np

from cryptopilot.research.compiled import CompiledRules
from cryptopilot.research.layout import Array
from cryptopilot.research.sweep.track import NEVER, STRIDE, Terms, Track
from cryptopilot.rules.arithmetic import notional, share
from cryptopilot.rules.fills import BUYING, SELLING, entry_limit, fillable, slippage, slipped
from cryptopilot.rules.ledger import bought, sold
from cryptopilot.rules.protection import (
    NOTHING,
    SIGNAL_EXIT,
    STOP,
    TIME_LIMIT,
    protective_exit,
    stop_below,
    target_above,
    time_is_up,
    trailed,
)
from cryptopilot.rules.sizing import size_lots

ACCOUNT = np.dtype(
    [
        ("cash", np.int64), ("lots", np.int64), ("cost", np.int64), ("stop", np.int64), ("target", np.int64),
        ("opened", np.int64), ("selling", np.int64), ("reason", np.int64), ("result", np.int64),
        ("trades", np.int64), ("stopped", np.int64), ("reached", np.int64),
        ("won", np.int64), ("lost", np.int64), ("gains", np.int64), ("losses", np.int64),
        ("peak", np.int64), ("drawdown", np.float64),
        ("day", np.int64), ("equity", np.int64), ("sum", np.float64), ("squares", np.float64), ("used", np.int64),
    ],
    align=True,
)  # fmt: skip
"""A combination's account while it runs, and its figures afterwards. Money in atoms.

*selling*: lots that wait to be sold, because of *reason*; *result*: realised by the position so far. *trades* counts
entries, *stopped* and *reached* exits at stop and target, *won* and *lost* closed trades; *gains* and *losses* are what
those came to. *drawdown* is the deepest fall from *peak*, both at the closes of trades. *day*: how many days of UTC are
over, *equity* when the last of them ended, *sum* and *squares* of their returns. *used*: fills written."""

FILL = np.dtype([(name, np.int64) for name in ("t", "side", "code", "lots", "ticks", "fee", "cash")])
"""A fill, at the instant *t*; *code* is why it left, 0 for an entry."""


class Wanted(NamedTuple):
    """When a group wishes for something: places of instants, int64, rising, and what lies between them.

    Args:
        entries [e], leaves: none in both; ends: int64 [e], which of *leaves* is the first after each entry.
        lowest, highest: int64 [e], the extremes of the bars from each entry to that one: most trades reach neither
            stop nor target, and one comparison says so for every bracket.
    """

    entries: Array
    leaves: Array
    ends: Array
    lowest: Array
    highest: Array


def play_all(track: Track, terms: Terms, wanted: Wanted, brackets: Array, accounts: Array, fills: Array) -> None:
    """Run every bracket over the same entries and exits.

    Args:
        wanted: *lowest* and *highest* are filled in.
        brackets: float64 [k, 2], stops and targets, best from near to far; accounts: ACCOUNT [k], all zero; filled in.
        fills: FILL, filled in as far as it goes; empty for none.
    """
    measure(track, wanted)
    for k in range(len(brackets)):
        same = same_as(brackets, accounts, k)
        if same < k:
            accounts[k] = accounts[same]
        else:
            play(track, terms, wanted, brackets[k, 0], brackets[k, 1], accounts[k], fills)


def same_as(brackets: Array, accounts: Array, k: int) -> int:
    """An earlier bracket that makes the same trades; *k* if there is none.

    Where no trade ended at its stop, or at its target, one that is further away changes nothing.
    """
    stop, target = brackets[k]
    for j in range(k):
        as_far = brackets[j, 0] == stop or (brackets[j, 0] < stop and accounts[j].stopped == 0)
        if as_far and (brackets[j, 1] == target or (brackets[j, 1] < target and accounts[j].reached == 0)):
            return j
    return k


def measure(track: Track, wanted: Wanted) -> None:
    """How far the market goes from each entry to the next wish to leave."""
    for i in range(len(wanted.entries)):
        lowest, highest = NEVER, -NEVER
        for t in range(wanted.entries[i] + 1, end_of(track, wanted, wanted.ends[i]) + 1):
            if t < len(track.instants):
                lowest, highest = min(lowest, track.lows[t]), max(highest, track.highs[t])
        wanted.lowest[i], wanted.highest[i] = lowest, highest


def end_of(track: Track, wanted: Wanted, leaving: int) -> int:
    """When it is wished to leave: the instant of one of *leaves*, or the end of the track where there is none."""
    return int(wanted.leaves[leaving]) if leaving < len(wanted.leaves) else len(track.instants)


def play(
    track: Track, terms: Terms, wanted: Wanted, stop: float, target: float, account: Array, fills: Array
) -> None:  # fmt: skip
    """Run one combination to the end of the track."""
    last = len(track.instants)
    account.cash = terms.capital
    account.peak = terms.capital
    account.equity = terms.capital
    t = 0
    for i in range(len(wanted.entries)):
        if wanted.entries[i] < t:
            continue
        end_days(track, terms, account, wanted.entries[i] + 1)
        enter(track, terms, wanted.entries[i], stop, target, account, fills)
        if account.lots > 0:
            t = hold(track, terms, wanted, i, account, fills)
    end_days(track, terms, account, last)
    account.equity = account.cash + notional(track.marks[last - 1], account.lots, terms.scale)


def enter(track: Track, terms: Terms, t: int, stop: float, target: float, account: Array, fills: Array) -> None:
    """Order at an instant's mark, and meet the bar that begins there: all that it gives, or nothing."""
    bar, costs = track.bars[t + 1], terms.costs
    if bar[3] < 0:
        return
    mark = track.marks[t]
    limit = entry_limit(mark, terms.slack)
    lots = size_lots(account.cash, terms.fraction, limit, terms.scale, terms.max_order, account.cash, costs.fee_ppm)
    lots = fillable(lots, bar[4], costs.volume_cap)
    ticks = slipped(bar[0], BUYING, slippage(costs, track.volatility[t + 1], lots, bar[4]))
    if lots <= 0 or ticks > limit:
        return
    account.cash, account.lots, account.cost, _, charged = bought(
        account.cash, 0, 0, ticks, lots, costs.fee_ppm, terms.scale
    )
    account.stop = stop_below(mark, stop)
    account.target = target_above(mark, target)
    account.opened = t
    account.selling = 0
    account.result = 0
    account.trades += 1
    note(account, fills, t, BUYING, 0, lots, ticks, charged)


def hold(track: Track, terms: Terms, wanted: Wanted, i: int, account: Array, fills: Array) -> int:
    """From entry *i* to the instant from which the next one may be wished for."""
    last, leaving = len(track.instants), wanted.ends[i]
    due = due_at(track, terms, account.opened)
    t: int = account.opened + 1
    if not terms.trailing > 0.0:
        t = min(due, end_of(track, wanted, leaving))
        if wanted.lowest[i] <= account.stop or wanted.highest[i] >= account.target:
            t = next_met(track, account.opened + 1, t, account.stop, account.target)
    while t < last:
        end_days(track, terms, account, t)
        if meet_range(track, terms, t, account, fills):
            return t
        end_days(track, terms, account, t + 1)
        if track.bars[t, 3] >= 0:
            account.stop = trailed(account.stop, track.marks[t], terms.trailing)
        if account.selling == 0 and time_is_up(track.instants[t], track.instants[account.opened], terms.longest_ms):
            account.selling = account.lots
            account.reason = TIME_LIMIT
        if end_of(track, wanted, leaving) == t:
            leaving += 1
            if account.selling == 0:
                account.selling = account.lots
                account.reason = SIGNAL_EXIT
        t += 1
        if account.selling > 0 and meet_opening(track, terms, t, account, fills):
            return t
    return last


def due_at(track: Track, terms: Terms, opened: int) -> int:
    """When a position has been held for its whole time; the end of the track where it may be held for ever."""
    last = len(track.instants)
    if terms.longest_ms == 0 or last < 2:
        return last
    due: int = opened - (-terms.longest_ms // (track.instants[1] - track.instants[0]))
    return min(last, due)


def next_met(track: Track, t: int, until: int, stop: int, target: int) -> int:
    """The first instant from *t* on whose bar reaches stop or target; *until* if none before it does."""
    while t < until:
        block = t // STRIDE
        if t % STRIDE == 0 and t + STRIDE <= until and track.floors[block] > stop and track.ceilings[block] < target:
            t += STRIDE
        elif track.lows[t] <= stop or track.highs[t] >= target:
            return t
        else:
            t += 1
    return until


def meet_range(track: Track, terms: Terms, t: int, account: Array, fills: Array) -> bool:
    """What the bar that closes at *t* does to the position; whether it ends it."""
    bar = track.bars[t]
    if bar[3] < 0:
        return False
    reason, ticks = protective_exit(account.stop, account.target, bar[0], bar[1], bar[2], account.opened == t - 1)
    if reason == NOTHING:
        return False
    if reason == STOP:
        ticks = slipped(ticks, SELLING, slippage(terms.costs, track.volatility[t], account.lots, bar[4]))
        account.stopped += 1
    else:
        account.reached += 1
    sell(terms, t, account.lots, ticks, reason, account, fills)
    return True


def meet_opening(track: Track, terms: Terms, t: int, account: Array, fills: Array) -> bool:
    """What waits to be sold meets the bar that closes at *t*, at its opening; whether that ends the position."""
    bar = track.bars[t]
    if bar[3] < 0:
        return False
    lots = fillable(account.selling, bar[4], terms.costs.volume_cap)
    if lots > 0:
        ticks = slipped(bar[0], SELLING, slippage(terms.costs, track.volatility[t], lots, bar[4]))
        sell(terms, t - 1, lots, ticks, account.reason, account, fills)
    return bool(account.lots == 0)


def sell(terms: Terms, t: int, lots: int, ticks: int, reason: int, account: Array, fills: Array) -> None:
    """Book a sale; when nothing is left, the trade's result."""
    account.cash, account.lots, account.cost, _, charged, realised = sold(
        account.cash, account.lots, account.cost, ticks, lots, terms.costs.fee_ppm, terms.scale
    )
    account.selling = max(0, account.selling - lots)
    account.result += realised
    note(account, fills, t, SELLING, reason, lots, ticks, charged)
    if account.lots > 0:
        return
    if account.result > 0:
        account.won += 1
        account.gains += account.result
    elif account.result < 0:
        account.lost += 1
        account.losses -= account.result
    account.peak = max(account.peak, account.cash)
    account.drawdown = max(account.drawdown, share(account.peak - account.cash, account.peak))


def end_days(track: Track, terms: Terms, account: Array, before: int) -> None:
    """Take the returns of the days that end before an instant, with what is held now."""
    while account.day < len(track.days) and track.days[account.day] < before:
        equity = account.cash + notional(track.marks[track.days[account.day]], account.lots, terms.scale)
        gain = float(equity) / float(account.equity) - 1.0
        account.sum += gain
        account.squares += gain * gain
        account.equity = equity
        account.day += 1


def note(account: Array, fills: Array, t: int, side: int, code: int, lots: int, ticks: int, charged: int) -> None:
    """Write a fill down where there is room for it."""
    if account.used < len(fills):
        fill = fills[account.used]
        fill.t = t
        fill.side = side
        fill.code = code
        fill.lots = lots
        fill.ticks = ticks
        fill.fee = charged
        fill.cash = account.cash
        account.used += 1


STEPS = (
    note, end_days, sell, meet_opening, meet_range, next_met, due_at, end_of, hold, enter, play, measure, same_as,
    play_all,
)  # fmt: skip
"""Callees first: the order of compiling. All but the last become part of what calls them, and none may allocate."""


def kernel(compiled: CompiledRules) -> Any:
    """`play_all`, compiled."""
    for step in STEPS:
        compiled.driver(step, within=step is not play_all, allocates=False)
    return compiled.driver(play_all)

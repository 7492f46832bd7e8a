"""How the driver keeps its state: rows of plain numbers that compiled code reads and writes in place.

Times are ms UTC, prices ticks, quantities lots, money atoms. A symbol is its place in the sorted list of symbols.
"""

from typing import Any, NamedTuple

import numpy as np

from cryptopilot.rules.fills import Costs
from cryptopilot.rules.limits import Limits
from cryptopilot.rules.review import REVIEW
from cryptopilot.rules.signals import Terms
from cryptopilot.rules.wishes import OUTCOMES

Array = Any
"""A numpy array, which compiled code indexes as it likes."""

CANCELLED, FILLED, MOVED, INTENDED, REFUSED, HELD = range(6)
"""Kinds of records; HELD, a signal that asks for nothing, is written on demand only."""

EXPIRED, CLOSED_BY_PROTECTION, NO_VOLUME, BEYOND_LIMIT = range(4)
"""Why an order was cancelled: the code of a CANCELLED record."""

WHY_CANCELLED = (
    "no price before it expired",
    "its position was closed by protection",
    "the bar's volume leaves nothing to take",
    "the price is worse than the limit",
)

CORRELATION = len(REVIEW)
"""The code of a refusal by correlation, which is judged after every check of `REVIEW`."""

MOST_RECORDS = 8
"""Records that one instant can make of one symbol: the driver pauses while fewer have room for each."""

DONE, FULL, ASKING = range(3)
"""Why the driver has returned: at the end, to have its records taken away, to have purchases confirmed."""

UNCONFIRMED = len(OUTCOMES)
"""The code of a HELD that a strategy's callback did not confirm; those before it are of `rules.wishes.OUTCOMES`."""

CLOSING, JUDGING = range(2)
"""What comes next at the driver's instant."""

RECORD = np.dtype(
    [
        ("at", np.int64), ("symbol", np.int32), ("kind", np.int16), ("code", np.int16), ("side", np.int64),
        ("trade", np.int64), ("lots", np.int64), ("ticks", np.int64), ("fee", np.int64), ("cash", np.int64),
        ("realised", np.int64), ("cost", np.int64), ("limit", np.float64), ("found", np.float64),
    ],
    align=True,
)  # fmt: skip
"""What happened. *code*: the rule that refused (its place in REVIEW), why an order was cancelled, why an exit left, the
signal type of a purchase or of a HELD. *trade* counts entries from 0; *cash* is afterwards; *cost* what the position
has cost, afterwards; *lots* and *ticks* of an intent are the order's quantity and limit, of a MOVED the stop."""

DESK = np.dtype(
    [
        ("lots", np.int64), ("cost", np.int64), ("stop", np.int64), ("target", np.int64), ("longest_ms", np.int64),
        ("opened_at", np.int64), ("trade", np.int64),
        ("side", np.int64), ("order_lots", np.int64), ("order_limit", np.int64), ("order_stop", np.int64),
        ("order_target", np.int64), ("order_longest_ms", np.int64), ("order_expires_at", np.int64),
        ("order_reason", np.int64), ("order_tag", np.int64), ("reserved", np.int64),
        ("left_at", np.int64), ("mark", np.int64), ("mark_at", np.int64),
        ("wish", np.int64), ("wish_tag", np.int64), ("wish_size", np.float64), ("wish_stop", np.float64),
        ("wish_target", np.float64), ("wish_longest_ms", np.int64), ("wish_confidence", np.float64),
    ],
    align=True,
)  # fmt: skip
"""One symbol: its position (lots 0: none), its order (side 0: none), when it was left (-1: never), its mark, and what
is wished for at the driver's instant (0: nothing to be judged)."""

BOOK = np.dtype(
    [
        ("t", np.int64), ("phase", np.int64), ("used", np.int64), ("trades", np.int64), ("traded", np.int64),
        ("cash", np.int64), ("equity", np.int64), ("day_base", np.int64), ("peak", np.int64), ("marked_at", np.int64),
        ("positions", np.int64), ("orders", np.int64), ("wishing", np.int64), ("buying", np.int64),
    ],
    align=True,
)  # fmt: skip
"""The account, and where the driver stands: its instant, its phase, records written, entries so far, notional of all
fills; how many positions and orders there are; and how many desks wish for something, and to buy, at its instant."""


class Market(NamedTuple):
    """What is the same for everybody, time-major.

    Args:
        instants: int64 [m], when bars closed, ms UTC; before: how many rows of returns come before them.
        bars: int64 [m + 1, n, 5], open, high, low, close, volume; close -1 where a bar is missing. The last row only
            opens: it begins at the last instant.
        returns: float64 [before + m, n], close over the close before, less 1; NaN where either is missing.
        finer: int64 [m * k, n, 5], the same bars of a finer timeframe; without any: [0, 0, 5].
        scales: int64 [n, 2], num and den of `rules.arithmetic.Scale`.
        allowed: bool [n], whether the mandate names the symbol.
    """

    instants: Array
    before: int
    bars: Array
    returns: Array
    finer: Array
    scales: Array
    allowed: Array


class Opinions(NamedTuple):
    """What is believed at each close, time-major; NaN is unknown.

    Args:
        features: float64 [m, n, 17]; probability, confidence: float64 [m, n]. Where wishes are given, all are empty.
    """

    features: Array
    probability: Array
    confidence: Array


class WishTable(NamedTuple):
    """What a strategy wishes for at each close, time-major; an array of shape [1, 1] holds for all.

    Args:
        side: int8 [m, n], 1 to buy, -1 to sell, 0 for neither; [0, 0]: signals are made from opinions.
        size, stop, target: float64, share of equity and fractions of the mark; NaN is the mandate's.
        longest_ms: int64, -1 is the mandate's; confidence: float64.
    """

    side: Array
    size: Array
    stop: Array
    target: Array
    longest_ms: Array
    confidence: Array


class Policy(NamedTuple):
    """What is asked of the driver: see `domain.mandate.Mandate`.

    Args:
        step_ms: the distance of instants; cooldown_ms: how long a symbol that was left takes no entry.
        asks: pause where something is to be bought; tells_holds: write HELD records.
    """

    terms: Terms
    costs: Costs
    limits: Limits
    step_ms: int
    cooldown_ms: int
    entry_slack: float
    trailing: float
    asks: bool
    tells_holds: bool


class State(NamedTuple):
    """What the driver changes: DESK [n], BOOK [1], RECORD [any], and int64 [n] in which it sorts."""

    desks: Array
    books: Array
    records: Array
    order: Array


class Curves(NamedTuple):
    """What the driver fills in, int64: equity, invested and held [m] at each instant, and how many signals of each type
    [types] there were."""

    equity: Array
    invested: Array
    held: Array
    types: Array

"""What a backtest came to, before anything is computed from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

OPEN = "open"
"""The reason of a trade that nothing has ended yet."""


class Trade(NamedTuple):
    """One round trip: times in ms UTC, prices and money in quote, quantity in base.

    Args:
        tag: the name of the signal type, or the strategy's own word for it.
        entry_price, exit_price: volume-weighted over their fills; exit_price of an open trade is the last mark.
        cost: what entering cost, its fee included; pnl: realised profit after every fee; fees: of all fills.
        reason: what ended it: stop, target, signal, time limit; OPEN if nothing has.
    """

    symbol: str
    tag: str
    opened_at: int
    closed_at: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    cost: Decimal
    pnl: Decimal
    fees: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run over history under one assumption about costs.

    Args:
        costs: which assumption: optimistic, expected or harsh.
        quote: what money is in; capital: what the account began with, in atoms.
        timeframe_ms: distance of instants.
        instants: int64 [m], ms UTC; equity, invested: int64 [m], atoms: the account at each instant, and what of it
            was in positions at their marks.
        held: int64 [m], open positions at each instant.
        market: float64 [m], what *capital* would have become if it had been spread equally over all symbols at the
            first instant and kept; costs of buying included.
        traded: notional of all fills in atoms.
        signals: how many signals of each kind there were; refusals: how many the review refused, by rule.
        trades: in the order of opening; those still open at the end are the last.
        notes: what a reader has to know before the figures (research.notes).
    """

    costs: str
    quote: str
    capital: int
    timeframe_ms: int
    instants: Ints
    equity: Ints
    invested: Ints
    held: Ints
    market: npt.NDArray[np.float64]
    traded: int
    signals: Mapping[str, int]
    refusals: Mapping[str, int]
    trades: tuple[Trade, ...]
    notes: tuple[str, ...] = ()

"""A backtest: the driver over a history, from the first decision to the last bar."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cryptopilot.domain.mandate import Mandate
from cryptopilot.research.compiled import CompiledRules, compiled_rules
from cryptopilot.research.driver import STEPS, drive
from cryptopilot.research.history import History, Ints
from cryptopilot.research.layout import (
    ASKING,
    BOOK,
    DESK,
    FULL,
    MOST_RECORDS,
    RECORD,
    Curves,
    Market,
    Opinions,
    Policy,
    State,
    WishTable,
)
from cryptopilot.research.predictions import Predictions
from cryptopilot.research.wishing import NO_WISHES
from cryptopilot.rules.features import Features
from cryptopilot.rules.fills import Costs
from cryptopilot.rules.signal_types import SIGNAL_TYPES

RECORDS = 16_384
"""How many records the driver has room for before they are taken away; at least what one instant may make."""

Confirm = Callable[[State, int], None]
"""Changes the wishes of the desks that are to buy at an instant: stakes, stops, refusals."""


@dataclass(frozen=True)
class Run:
    """What the driver did.

    Args:
        instants: int64 [m], those decided; equity, invested, held: int64 [m].
        records: of `layout.RECORD`, in the order of happening.
        types: int64, how many signals of each type there were: of SIGNAL_TYPES, or where *wished* of OUTCOMES.
        desks, book: how everything stood at the end; traded: notional of all fills, atoms.
    """

    capital: int
    costs: Costs
    wished: bool
    instants: Ints
    equity: Ints
    invested: Ints
    held: Ints
    records: Any
    types: Ints
    desks: Any
    book: Any


NO_OPINIONS = Opinions(np.empty((0, 0, len(Features._fields))), np.empty((0, 0)), np.empty((0, 0)))
NO_FINER = np.empty((0, 0, 5), np.int64)


@dataclass(frozen=True)
class Setting:
    """What a run is asked for beside its history.

    Args:
        capital: atoms of *quote*; confirm: asked at every instant at which something is to be bought.
        tells_holds: write down HOLDs too; cache: where kernels are kept between processes.
        records: room for records, for tests of what happens when it is full.
    """

    mandate: Mandate
    costs: Costs
    capital: int
    quote: str
    confirm: Confirm | None = None
    tells_holds: bool = False
    cache: Path | None = None
    records: int = RECORDS
    finer: Any = field(default_factory=lambda: NO_FINER)


def backtest(
    history: History, setting: Setting, *, predictions: Predictions | None = None, wishes: WishTable = NO_WISHES
) -> Run:
    """Run over *history* from its first decision on.

    Args:
        predictions: what signals are made from; or else wishes: what a strategy wishes for, [m, n] as the history.
    """
    begins = history.begins
    market = market_of(history, setting)
    opinions = NO_OPINIONS
    if predictions is not None:
        opinions = Opinions(
            *(column[begins:] for column in (predictions.features, predictions.probability, predictions.confidence))
        )
    m = len(market.instants)
    zeros = np.zeros((3, m), np.int64)
    curves = Curves(zeros[0], zeros[1], zeros[2], np.zeros(max(3, len(SIGNAL_TYPES)), np.int64))
    state = _opened(history, setting)
    taken: list[Any] = []
    run = kernel(compiled_rules(setting.cache))
    policy = policy_of(history, setting)
    wished = wishes._replace(**{k: v[begins:] for k, v in wishes._asdict().items() if len(v) > 1})
    book = state.books[0]
    while (said := run(market, opinions, wished, policy, state, curves)) in (FULL, ASKING):
        if said == FULL:
            taken.append(state.records[: int(book["used"])].copy())
            book["used"] = 0
        elif setting.confirm is not None:
            setting.confirm(state, int(market.instants[int(book["t"])]))
    taken.append(state.records[: int(book["used"])].copy())
    return Run(
        setting.capital, setting.costs, len(wishes.side) > 0, market.instants, curves.equity, curves.invested,
        curves.held, np.concatenate(taken), curves.types, state.desks, book,
    )  # fmt: skip


def kernel(compiled: CompiledRules) -> Callable[[Market, Opinions, WishTable, Policy, State, Curves], int]:
    """The driver, compiled; what it calls is compiled before it."""
    for step in STEPS:
        compiled.driver(step, within=step is not drive, allocates=False)
    return compiled.driver(drive)


def market_of(history: History, setting: Setting) -> Market:
    """The decided part of a history, as the driver takes it."""
    begins = history.begins
    allowed = np.array([setting.mandate.limits.allows(s) for s in history.symbols], np.bool_)
    return Market(
        history.instants[begins:],
        begins,
        history.bars[begins:],
        history.returns,
        setting.finer,
        history.scales,
        allowed,
    )


def policy_of(history: History, setting: Setting) -> Policy:
    """A mandate and the costs, as the driver takes them."""
    mandate, costs = setting.mandate, setting.costs
    shares = (costs.half_spread, costs.impact, costs.latency_share, costs.volume_cap)
    return Policy(
        mandate.terms(), Costs(int(costs.fee_ppm), *map(float, shares)), mandate.limits.numbers(setting.quote),
        history.timeframe_ms, mandate.limits.cooldown_ms, float(mandate.entry_slack), float(mandate.trailing),
        setting.confirm is not None, setting.tells_holds,
    )  # fmt: skip


def _opened(history: History, setting: Setting) -> State:
    """An account with its capital, flat, that knows the marks of the last bars before the first decision."""
    n = len(history.symbols)
    desks, books = np.zeros(n, DESK), np.zeros(1, BOOK)
    desks["left_at"] = -1
    for s in range(n):
        known = np.flatnonzero(history.present[: history.begins, s])
        if len(known):
            desks[s]["mark"] = history.bars[known[-1], s, 3]
            desks[s]["mark_at"] = history.instants[known[-1]]
    books["cash"] = books["equity"] = books["day_base"] = books["peak"] = setting.capital
    books["marked_at"] = -1
    room = max(setting.records, MOST_RECORDS * n)
    return State(desks, books, np.zeros(room, RECORD), np.zeros(n, np.int64))

"""What the driver's records add up to: trades, counts, and the market beside them."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from cryptopilot.domain.instrument import Instrument, money
from cryptopilot.domain.risk import MAX_CORRELATION
from cryptopilot.research.backtest import Run
from cryptopilot.research.history import Floats, History
from cryptopilot.research.layout import FILLED, REFUSED
from cryptopilot.research.outcome import OPEN, Outcome, Trade
from cryptopilot.rules.fills import Costs
from cryptopilot.rules.protection import SIGNAL_EXIT, STOP, TARGET, TIME_LIMIT
from cryptopilot.rules.review import REVIEW
from cryptopilot.rules.signal_types import SIGNAL_TYPES
from cryptopilot.rules.signals import ACTS
from cryptopilot.rules.wishes import CALLBACK_REFUSED, OUTCOMES

REASONS = {STOP: "stop", TARGET: "target", SIGNAL_EXIT: "signal", TIME_LIMIT: "time limit"}


def outcome_of(run: Run, history: History, level: str, quote: str, strategy: str) -> Outcome:
    """A run as reports take it.

    Args:
        level: which assumption about costs it was; strategy: what purchases by wish, or by prediction, are tagged.
    """
    refused = run.records[run.records["kind"] == REFUSED]
    rules = [*(check.__name__ for check in REVIEW), MAX_CORRELATION]
    names = (
        [strategy, *OUTCOMES[1:], CALLBACK_REFUSED] if run.wished else [_tag(t.name, strategy) for t in SIGNAL_TYPES]
    )
    counted: Counter[str] = Counter()
    for name, count in zip(names, run.types.tolist(), strict=False):
        counted[name] += count
    return Outcome(
        level, quote, run.capital, history.timeframe_ms, run.instants, run.equity, run.invested, run.held,
        buy_and_hold(history, run.capital, run.costs), int(run.book["traded"]),
        {name: count for name, count in counted.items() if count},
        {rules[code]: count for code, count in sorted(Counter(refused["code"].tolist()).items())},
        trades_of(run, history, quote, names),
    )  # fmt: skip


def _tag(name: str, strategy: str) -> str:
    return strategy if name == ACTS else name


def trades_of(run: Run, history: History, quote: str, tags: Sequence[str]) -> tuple[Trade, ...]:
    """Every round trip, in the order of opening."""
    fills = run.records[run.records["kind"] == FILLED]
    order = np.argsort(fills["trade"], kind="stable")
    ends = np.flatnonzero(np.diff(fills["trade"][order])) + 1
    instruments = list(history.instruments.values())
    groups = np.split(fills[order], ends) if len(fills) else []
    return tuple(_trade(group, instruments[int(group["symbol"][0])], run, quote, tags) for group in groups)


def _trade(fills: Any, instrument: Instrument, run: Run, quote: str, tags: Sequence[str]) -> Trade:
    entry, sales = fills[0], fills[1:]
    sold, bought = int(sales["lots"].sum()), int(entry["lots"])
    is_open = sold < bought
    exit_price = instrument.decimal_price(int(run.desks[int(entry["symbol"])]["mark"]))
    if not is_open:
        brought = sum(int(s["ticks"]) * int(s["lots"]) for s in sales)
        exit_price = _exactly(Decimal(brought) / sold) * instrument.tick_size
    return Trade(
        instrument.symbol,
        tags[int(entry["code"])],
        int(entry["at"]),
        int(run.instants[-1]) if is_open else int(sales[-1]["at"]),
        instrument.quantity(bought),
        instrument.decimal_price(int(entry["ticks"])),
        exit_price,
        money(int(entry["cost"]), quote),
        money(int(fills["realised"].sum()), quote),
        money(int(fills["fee"].sum()), quote),
        OPEN if is_open else REASONS[int(sales[-1]["code"])],
    )


def _exactly(ticks: Decimal) -> Decimal:
    """An average of ticks: whole where it is, else to a thousandth."""
    whole = ticks.to_integral_value()
    return whole if whole == ticks else ticks.quantize(Decimal("0.001"))


def buy_and_hold(history: History, capital: int, costs: Costs) -> Floats:
    """What *capital* would have become, spread equally over all symbols at the first instant and kept.

    A symbol's share is bought at its first known close, and is cash until then.

    Returns:
        float64 [m], atoms, from the first decision on; fees and half the spread of buying included.
    """
    closes = history.closes.copy()
    for s in range(closes.shape[1]):
        known = np.flatnonzero(~np.isnan(closes[:, s]))
        last = np.searchsorted(known, np.arange(len(closes)), side="right") - 1
        closes[:, s] = np.where(last >= 0, closes[known[np.maximum(last, 0)], s], np.nan) if len(known) else np.nan
    closes = closes[history.begins :]
    bought = (1.0 - costs.fee_ppm / 1e6) * (1.0 - costs.half_spread)
    each = capital / closes.shape[1]
    worth = np.full(closes.shape, each)
    for s in range(closes.shape[1]):
        known = np.flatnonzero(~np.isnan(closes[:, s]))
        if len(known):
            worth[known[0] :, s] = each * bought * closes[known[0] :, s] / closes[known[0], s]
    total: Floats = worth.sum(axis=1)
    return total

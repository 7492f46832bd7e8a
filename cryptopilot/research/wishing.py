"""A strategy over history: its columns, the table of its wishes, and its callbacks while the driver pauses for them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.entries import answered
from cryptopilot.domain.instrument import atoms_per_unit
from cryptopilot.ports.strategy import Columns, Entry, Wishes
from cryptopilot.research.history import History
from cryptopilot.research.layout import UNCONFIRMED, State, WishTable
from cryptopilot.research.predictions import Predictions
from cryptopilot.rules.features import Features
from cryptopilot.rules.signals import BUY, HOLD

NO_WISHES = WishTable(
    np.empty((0, 0), np.int8), np.full((1, 1), np.nan), np.full((1, 1), np.nan), np.full((1, 1), np.nan),
    np.full((1, 1), -1), np.ones((1, 1)),
)  # fmt: skip
"""Signals are made from predictions."""


def columns_of(history: History, predictions: Predictions) -> dict[str, Columns]:
    """What a strategy is shown of each symbol: one row for every bar that is there."""
    names = {name: k for k, name in enumerate(Features._fields)}
    found = {}
    for s, symbol in enumerate(history.symbols):
        places, (opened, high, low, close, volume) = history.column(symbol)
        features = {n: predictions.features[places, s, k] for n, k in names.items() if n != "close"}
        probability, confidence = predictions.probability[places, s], predictions.confidence[places, s]
        found[symbol] = Columns(
            history.timeframe_ms, history.instants[places], opened, high, low, close, volume, **features,
            probability=probability, confidence=confidence, edge=np.full(len(places), np.nan),
        )  # fmt: skip
    return found


def wishes_of(strategy: Chosen, history: History, columns: Mapping[str, Columns]) -> WishTable:
    """What *strategy* wishes at every instant of *history*, as the driver takes it.

    Raises:
        StrategyError: it failed; names strategy, symbol and row.
    """
    return table_of(history, {symbol: strategy.wishes(symbol, rows) for symbol, rows in columns.items()})


def table_of(history: History, found: Mapping[str, Wishes]) -> WishTable:
    """The wishes for each symbol's bars, time-major; HOLD where a bar is missing."""
    side = np.zeros((len(history.instants), len(history.symbols)), np.int8)
    for s, symbol in enumerate(history.symbols):
        side[_rows(history, s), s] = found[symbol].side
    return WishTable(side, *(_table(name, history, found) for name in WishTable._fields[1:]))


def _table(name: str, history: History, found: Mapping[str, Wishes]) -> Any:
    """One field for every place; where it is one value for all, that value alone."""
    arrays = [getattr(found[symbol], name) for symbol in history.symbols]
    if all(array.strides == (0,) for array in arrays) and len({array[:1].tobytes() for array in arrays}) == 1:
        return arrays[0][:1].reshape(1, 1).copy()
    table = np.zeros((len(history.instants), len(arrays)), arrays[0].dtype)
    for s, array in enumerate(arrays):
        table[_rows(history, s), s] = array
    return table


def _rows(history: History, s: int) -> Any:
    """The places of a symbol's bars: all of them, which is quick to write to, where none is missing."""
    present = history.present[:, s]
    return slice(None) if present.all() else present


_WISHED = ["wish_size", "wish_stop", "wish_target", "wish_confidence"]


class Confirming:
    """Asks a strategy's callbacks about the purchases of an instant, in the review's order, as live does.

    Raises:
        CallbackFailedError: one of them failed: a backtest goes no further.
    """

    def __init__(self, strategy: Chosen, history: History, quote: str) -> None:
        self._strategy, self._unit = strategy, atoms_per_unit(quote)
        self._instruments = tuple(history.instruments.values())

    def __call__(self, state: State, instant: int) -> None:
        desks = state.desks
        buying = (desks["wish"] == BUY).nonzero()[0].tolist()
        if len(buying) > 1:
            known = np.nan_to_num(desks["wish_confidence"][buying]).tolist()
            buying = [s for _, s in sorted(zip(known, buying, strict=True), key=lambda one: (-one[0], one[1]))]
        cash = int(state.books[0]["cash"]) - int(desks["reserved"].sum())
        for s in buying:
            desk = desks[s]
            entry = answered(self._strategy, self._entry(state, desk, s, instant, cash))
            if entry is None:
                desk["wish"], desk["wish_tag"] = HOLD, UNCONFIRMED
            else:
                desk["wish_size"], desk["wish_stop"] = entry.size, entry.stop

    def _entry(self, state: State, desk: Any, s: int, instant: int, cash: int) -> Entry:
        book, instrument = state.books[0], self._instruments[s]
        size, stop, target, confidence = desk[_WISHED].item()
        return Entry(
            instrument.symbol, instant, instrument.price(int(desk["mark"])), size, stop, target, confidence,
            int(book["equity"]) / self._unit, cash / self._unit, int(book["positions"]),
        )  # fmt: skip

"""Columns that combinations share: each computed once, by the rules, compiled; and what conditions make of them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cryptopilot.research.compiled import compiled_rules
from cryptopilot.research.features import Array
from cryptopilot.research.history import Floats, History
from cryptopilot.research.sweep.declaration import NUMBER, PRICES, Condition, Declaration, Term
from cryptopilot.rules.indicators import EMA_START, RSI_START, ema_step, rsi_step

Mask: TypeAlias = npt.NDArray[np.bool_]

SHELF_BYTES = 2**28
"""How much indicators may take; the one that was not asked for longest makes room, and is computed again if asked."""


class Shelf:
    """The columns of one series of bars, oldest first, a missing bar having no row.

    Args:
        prices: of PRICES, float64 [k], quote per base, volume in base.
        cache: where kernels are kept between processes; room: bytes that indicators may take.
    """

    def __init__(self, prices: Mapping[str, Floats], cache: Path | None = None, room: int = SHELF_BYTES) -> None:
        self._prices = prices
        self._folds = folds(cache)
        self._made: OrderedDict[Term, Floats] = OrderedDict()
        self._most = max(4, room // (8 * max(1, self.rows)))

    @property
    def rows(self) -> int:
        return len(self._prices["close"])

    @property
    def kept(self) -> int:
        """How many indicators are there without being computed again."""
        return len(self._made)

    def column(self, term: Term) -> Floats | float:
        """The values of a term without parameters: float64 [k], NaN while unknown; or its number."""
        if term.kind == NUMBER:
            return float(term.value)
        if term.kind in PRICES:
            return self._prices[term.kind]
        if term in self._made:
            self._made.move_to_end(term)
        else:
            made = np.empty(self.rows)
            self._folds[term.kind](self._prices["close"], int(term.value), made)
            self._made[term] = made
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return self._made[term]

    def holds(self, condition: Condition) -> Mask:
        """Where a condition holds, bool [k]. What is unknown fulfils none; a crossing looks at the row before, too."""
        left, right = self.column(condition.left), self.column(condition.right)
        if condition.relation.endswith("below"):
            left, right = right, left
        found: Mask = np.array(np.broadcast_to(np.greater(left, right), self.rows))
        if condition.relation.startswith("crosses"):
            found[1:] &= ~found[:-1]
            found[:1] = False
            before = np.flatnonzero(found) - 1  # Few: to look closer here is cheaper than to compare everything twice.
            found[before + 1] = _at(left, before) <= _at(right, before)
        return found

    def asked(self, declaration: Declaration) -> tuple[Mask, Mask]:
        """Where a declaration without parameters wishes to enter and to leave, bool [k] each; never both."""
        leave = np.zeros(self.rows, np.bool_)
        for condition in declaration.leave:
            leave |= self.holds(condition)
        enter = ~leave
        for condition in declaration.enter:
            enter &= self.holds(condition)
        return enter, leave


def _at(column: Floats | float, rows: npt.NDArray[np.int64]) -> Floats | float:
    return column if isinstance(column, float) else column[rows]


def shelf_of(history: History, symbol: str, cache: Path | None = None) -> Shelf:
    """The columns of one symbol of a history."""
    return Shelf(_Prices(history, symbol), cache)


class _Prices(Mapping[str, Floats]):
    """The prices of a symbol's bars by name, each computed when it is first asked for."""

    def __init__(self, history: History, symbol: str) -> None:
        self._history, self._symbol = history, symbol
        self._made: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self._made:
            self._made[name] = self._history.field(self._symbol, PRICES.index(name))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PRICES)

    def __len__(self) -> int:
        return len(PRICES)


def fold_ema(close: Array, n: int, column: Array) -> None:
    """Fill *column* [k] with the exponential average of n closes; to be compiled."""
    state, weight = EMA_START, 2.0 / float(n + 1)
    for t in range(len(close)):
        state = ema_step(state, close[t], n, weight)
        column[t] = state[2]


def fold_rsi(close: Array, n: int, column: Array) -> None:
    """Fill *column* [k] with the relative strength of n changes of the close; to be compiled."""
    state = RSI_START
    for t in range(len(close)):
        state = rsi_step(state, close[t], n)
        column[t] = state[4]


FOLDS = {"ema": fold_ema, "rsi": fold_rsi}


def folds(cache: Path | None) -> dict[str, Any]:
    """The indicators by name, compiled."""
    compiled = compiled_rules(cache)
    return {name: compiled.driver(fold, allocates=False) for name, fold in FOLDS.items()}


def places(masks: Iterable[Mask], rows: npt.NDArray[np.int64], begins: int) -> tuple[npt.NDArray[np.int64], ...]:
    """Where masks over a symbol's bars hold, as places among the instants decided; those before are left out.

    Args:
        rows: int64 [k], each bar's place in the history.
    """
    first = int(np.searchsorted(rows, begins))
    return tuple(rows[np.flatnonzero(mask[first:]) + first] - begins for mask in masks)

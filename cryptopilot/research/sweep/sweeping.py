"""Sweeping: every combination of a space over one symbol, block by block, and what of that is kept."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.metrics import annualised
from cryptopilot.quant.periods import DAYS_PER_YEAR
from cryptopilot.quant.running import Moments
from cryptopilot.research.backtest import Setting
from cryptopilot.research.compiled import compiled_rules
from cryptopilot.research.history import History
from cryptopilot.research.sweep.engine import ACCOUNT, FILL, Wanted, kernel
from cryptopilot.research.sweep.shelf import Shelf, places, shelf_of
from cryptopilot.research.sweep.space import Group, Space
from cryptopilot.research.sweep.track import terms_of, track_of
from cryptopilot.rules.arithmetic import UNKNOWN

NO_FILLS = np.empty(0, FILL)


class Figures(NamedTuple):
    """What a combination came to, with no limit asked.

    Args:
        equity: at the end, in atoms, what is held at its mark; trades: entries; won: closed trades above 0.
        drawdown: the deepest fall between the closes of trades, a fraction; profit_factor: of closed trades, NaN while
            none has lost; sharpe: annual, of the days of UTC, NaN where they do not differ.
    """

    equity: int
    trades: int
    won: int
    drawdown: float
    profit_factor: float
    sharpe: float


class Found(NamedTuple):
    """One combination: its parameters and its figures."""

    values: Mapping[str, float]
    figures: Figures


OBJECTIVES: Mapping[str, Callable[[Figures], float]] = {
    "equity": lambda f: float(f.equity),
    "sharpe": lambda f: f.sharpe,
    "profit_factor": lambda f: f.profit_factor,
}
"""What combinations may be ranked by; higher is better."""


class Summary(NamedTuple):
    """What is left of a sweep: memory for it does not grow with the number of combinations.

    Args:
        trials: how many combinations ran; traded: how many of them have a trade.
        sharpe_variance: of their annual Sharpe ratios, what deflates the best of them; NaN below two.
        best: the best by the objective, best first; a combination whose objective is unknown is none of them.
    """

    trials: int
    traded: int
    sharpe_variance: float
    best: tuple[Found, ...]


class Sweep:
    """A space over one symbol of a history.

    Args:
        setting: its mandate sizes and protects, its costs are paid; its limits are not asked.
    Raises:
        InvalidValueError: the history does not have the symbol, is a single instant, or no bar of it is decided.
    """

    def __init__(self, space: Space, history: History, symbol: str, setting: Setting) -> None:
        if symbol not in history.symbols:
            raise InvalidValueError("symbol", symbol, f"one of {', '.join(history.symbols)}")
        decided = history.instants[history.begins :]
        if len(decided) < 2:
            raise InvalidValueError("history", f"{len(decided)} instants from {iso(int(decided[0]))}", "at least 2")
        self.space, self.symbol = space, symbol
        self.shelf: Shelf = shelf_of(history, symbol, setting.cache)
        self._rows, self._begins = np.flatnonzero(history.present[:, history.symbols.index(symbol)]), history.begins
        self._track = track_of(history, symbol, setting.cache)
        self._terms = terms_of(history, symbol, setting)
        self._play = kernel(compiled_rules(setting.cache))

    def blocks(self) -> Iterator[tuple[Group, Any]]:
        """Each group of combinations, with their accounts at the end: `engine.ACCOUNT` [combinations]."""
        for group in self.space.groups():
            yield group, self.accounts(group)

    def accounts(self, group: Group, fills: Any = NO_FILLS) -> Any:
        """The accounts of a group's combinations at the end.

        Args:
            fills: `engine.FILL`, room for the fills of a group of one.
        """
        declared = self.space.declaration
        values = [group.values(k) for k in range(len(group.brackets))]
        brackets = np.array([(declared.stop.bound(v).value, declared.target.bound(v).value) for v in values])
        entries, leaves = places(self.shelf.asked(declared.bound(values[0])), self._rows, self._begins)
        accounts = np.zeros(len(brackets), ACCOUNT)
        wanted = Wanted(entries, leaves, np.searchsorted(leaves, entries), *np.empty((2, len(entries)), np.int64))
        self._play(self._track, self._terms, wanted, brackets, accounts, fills)
        return accounts

    def figures(self, account: Any) -> Figures:
        """What an account's numbers say."""
        return Figures(
            int(account["equity"]), int(account["trades"]), int(account["won"]), float(account["drawdown"]),
            float(account["gains"]) / float(account["losses"]) if account["losses"] > 0 else UNKNOWN,
            self._sharpe(float(account["sum"]), float(account["squares"])),
        )  # fmt: skip

    def _sharpe(self, total: float, squares: float) -> float:
        """As `quant.metrics.sharpe` has it, from the sums over the days."""
        n = len(self._track.days)
        spread = squares - total * total / n
        if n < 2 or not spread > 0.0:
            return UNKNOWN
        return annualised(total / n, math.sqrt(spread / (n - 1)), DAYS_PER_YEAR)


def summarised(sweep: Sweep, objective: str, top: int, told: Callable[[int], None] = lambda _: None) -> Summary:
    """Sweep, and keep the *top* combinations.

    Args:
        told: how many combinations have run so far.
    Raises:
        InvalidValueError: nobody knows the objective, top is below 1, or no combination is left to run.
    """
    if objective not in OBJECTIVES:
        raise InvalidValueError("objective", objective, ", ".join(OBJECTIVES))
    if top < 1:
        raise InvalidValueError("top", top, "at least 1")
    trials, traded, moments = 0, 0, Moments()
    best: list[tuple[float, int, Found]] = []
    for found in _each(sweep):
        trials += 1
        traded += found.figures.trades > 0
        if found.figures.sharpe == found.figures.sharpe:
            moments = moments.plus(found.figures.sharpe)
        value = OBJECTIVES[objective](found.figures)
        if value == value:
            _keep(best, (value, -trials, found), top)
        if trials % 1000 == 0:
            told(trials)
    if not trials:
        raise InvalidValueError("where", len(sweep.space.where), "conditions that leave a combination")
    variance = moments.squares / (moments.n - 1) if moments.n > 1 else UNKNOWN
    ranked = sorted(best, key=lambda one: one[:2], reverse=True)
    return Summary(trials, traded, variance, tuple(found for _, _, found in ranked))


def _each(sweep: Sweep) -> Iterable[Found]:
    for group, accounts in sweep.blocks():
        for k, account in enumerate(accounts):
            yield Found(group.values(k), sweep.figures(account))


def _keep(best: list[tuple[float, int, Found]], one: tuple[float, int, Found], top: int) -> None:
    """Of equal ones the earlier; numbers differ, so what they are of is never compared."""
    heapq.heappush(best, one) if len(best) < top else heapq.heappushpop(best, one)

"""Sweeping: every combination of a space over one symbol, block by block, and what of that is kept."""

import heapq
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.periods import DAYS_PER_YEAR
from cryptopilot.quant.running import Moments
from cryptopilot.research.backtest import Setting
from cryptopilot.research.compiled import compiled_rules
from cryptopilot.research.history import Floats, History
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
        order = np.lexsort((brackets[:, 1], brackets[:, 0]))
        accounts = np.zeros(len(brackets), ACCOUNT)
        wanted = Wanted(entries, leaves, np.searchsorted(leaves, entries), *np.empty((2, len(entries)), np.int64))
        self._play(self._track, self._terms, wanted, brackets[order], accounts, fills)
        return accounts[np.argsort(order)]

    def figures(self, account: Any) -> Figures:
        """What an account's numbers say."""
        one = np.array([account])
        return Figures(
            int(account["equity"]), int(account["trades"]), int(account["won"]), float(account["drawdown"]),
            float(profit_factors(one)[0]), float(self.sharpes(one)[0]),
        )  # fmt: skip

    def sharpes(self, accounts: Any) -> Floats:
        """Annual Sharpe ratios [n] as `quant.metrics.sharpe` has them, from the sums over the days; NaN is unknown."""
        n, total = len(self._track.days), accounts["sum"]
        spread = accounts["squares"] - total * total / n
        found: Floats = np.full(len(accounts), UNKNOWN)
        if n > 1:
            np.divide(total / n, np.sqrt(np.maximum(spread, 0.0) / (n - 1)), out=found, where=spread > 0.0)
        return found * math.sqrt(DAYS_PER_YEAR)


def profit_factors(accounts: Any) -> Floats:
    """What won over what lost, of accounts [n]; NaN while nothing has."""
    found: Floats = np.full(len(accounts), UNKNOWN)
    np.divide(accounts["gains"], accounts["losses"], out=found, where=accounts["losses"] > 0)
    return found


OBJECTIVES: Mapping[str, Callable[[Sweep, Any], Floats]] = {
    "equity": lambda _, accounts: accounts["equity"].astype(np.float64),
    "sharpe": lambda sweep, accounts: sweep.sharpes(accounts),
    "profit_factor": lambda _, accounts: profit_factors(accounts),
}
"""What accounts [n] may be ranked by; higher is better."""


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
    best: list[Ranked] = []
    for group, accounts in sweep.blocks():
        traded += int((accounts["trades"] > 0).sum())
        sharpes = sweep.sharpes(accounts)
        moments = joined(moments, sharpes[~np.isnan(sharpes)])
        for k, value in _promising(OBJECTIVES[objective](sweep, accounts), best, top):
            _keep(best, (value, -trials - k, group.values(k), accounts[k].copy()), top)
        trials += len(accounts)
        told(trials)
    if not trials:
        raise InvalidValueError("where", len(sweep.space.where), "conditions that leave a combination")
    variance = moments.squares / (moments.n - 1) if moments.n > 1 else UNKNOWN
    ranked = sorted(best, key=lambda one: one[:2], reverse=True)
    return Summary(trials, traded, variance, tuple(Found(one[2], sweep.figures(one[3])) for one in ranked))


Ranked = tuple[float, int, Mapping[str, float], Any]
"""The objective, the combination's number, negative so that of equals the earlier is the greater; values, account."""


def _promising(values: Floats, best: list[Ranked], top: int) -> Iterator[tuple[int, float]]:
    """Those of a block that may belong to the best, as they are before it."""
    least = best[0][0] if len(best) == top else -math.inf
    return ((int(k), float(values[k])) for k in np.flatnonzero(values > least))


def _keep(best: list[Ranked], one: Ranked, top: int) -> None:
    """Numbers differ, so values and accounts are never compared."""
    heapq.heappush(best, one) if len(best) < top else heapq.heappushpop(best, one)


def joined(moments: Moments, more: Floats) -> Moments:
    """Mean and squares of everything so far and *more* [n].

    Source: T. F. Chan, G. H. Golub and R. J. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances (1979).
    """
    if not len(more):
        return moments
    n, mean = moments.n + len(more), float(more.mean())
    away = mean - moments.mean
    squares = moments.squares + float(((more - mean) ** 2).sum()) + away * away * moments.n * len(more) / n
    return Moments(n, moments.mean + away * len(more) / n, squares)

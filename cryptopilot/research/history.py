"""Recorded candles and headlines as the arrays that the driver runs over: time-major, on one grid, in ticks, lots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import MARKET_WIDE, NewsItem
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.news import NewsSource
from cryptopilot.ports.sentiment import Scorer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ABSENT = -1
"""What stands in every column of a bar that is missing."""


@runtime_checkable
class Gridded(Protocol):
    """A source of candles that holds whole series as arrays."""

    def grids(self) -> Mapping[str, "Grid"]:
        """Every symbol's bars."""


@dataclass(frozen=True)
class History:
    """Bars of several symbols on one grid, with the warm-up before the first decision.

    Args:
        instruments: by symbol, in the order of the arrays: sorted.
        timeframe_ms: distance of instants; instants: int64 [m], closes in ms UTC.
        bars: int64 [m + 1, n, 5]: open, high, low, close in ticks, volume in lots; ABSENT where a bar is missing. Row
            t closes at instants[t]; the last row begins at the last instant, and only its opening is ever met.
        begins: the place of the first instant that is decided.
        fresh: float64 [m, coins], sums of the scores of headlines first seen since the instant before; coins: whose.
    """

    instruments: Mapping[str, Instrument]
    timeframe_ms: int
    instants: Ints
    bars: Ints
    begins: int
    coins: tuple[str, ...]
    fresh: Floats

    def __post_init__(self) -> None:
        m, n = len(self.instants), len(self.instruments)
        if not m or not n or self.bars.shape != (m + 1, n, 5) or self.fresh.shape != (m, len(self.coins)):
            raise InvalidValueError(
                "history", f"{m} instants, {n} symbols, bars {self.bars.shape}, news {self.fresh.shape}",
                "at least one of each, bars [m + 1, n, 5], news [m, coins]",
            )  # fmt: skip
        if list(self.instruments) != sorted(self.instruments):
            raise InvalidValueError("symbols", list(self.instruments), "in sorted order")
        if (np.diff(self.instants) != self.timeframe_ms).any():
            raise InvalidValueError("instants", "uneven", f"one every {self.timeframe_ms} ms")
        if not 0 <= self.begins < m:
            raise InvalidValueError("begins", self.begins, f"0 to {m - 1}")

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.instruments)

    @property
    def scales(self) -> Ints:
        """int64 [n, 2]: num and den of each symbol."""
        return np.array([i.scale for i in self.instruments.values()], np.int64)

    @cached_property
    def present(self) -> npt.NDArray[np.bool_]:
        """bool [m, n]: whether a bar closed."""
        return self.bars[:-1, :, 3] >= 0

    @property
    def closes(self) -> Floats:
        """float64 [m, n], in quote; NaN where a bar is missing."""
        return self._priced(3)

    @cached_property
    def returns(self) -> Floats:
        """float64 [m, n], each close over the one before, less 1; NaN where either is missing, as live has it."""
        closes = self._priced(3)
        grid = np.full(closes.shape, np.nan)
        np.divide(closes[1:], closes[:-1], out=grid[1:])
        grid[1:] -= 1.0
        return grid

    def column(self, symbol: str) -> tuple[Ints, Floats]:
        """A symbol's bars that are there: their places [k], and open, high, low, close, volume float64 [5, k]."""
        places = np.flatnonzero(self.present[:, self.symbols.index(symbol)])
        values = np.empty((5, len(places)))
        for field in range(5):
            values[field] = self.field(symbol, field)
        return places, values

    def field(self, symbol: str, field: int) -> Floats:
        """One of open, high, low, close, volume, by its place, of a symbol's bars that are there: float64 [k]."""
        s, instrument = self.symbols.index(symbol), self.instruments[symbol]
        units, present = self.bars[:-1, s, field], self.present[:, s]
        if not present.all():
            units = units[present]
        num, den = (
            (instrument.price_num, instrument.price_den) if field < 4 else (instrument.lot_num, instrument.lot_den)
        )
        found: Floats = (units if num == 1 else units * num) / float(den)
        return found

    def _priced(self, field: int) -> Floats:
        ticks = self.bars[:-1, :, field]
        found = np.empty(ticks.shape)
        for s, instrument in enumerate(self.instruments.values()):
            found[:, s] = (ticks[:, s] * instrument.price_num).astype(np.float64) / float(instrument.price_den)
        found[~self.present] = np.nan
        return found


Grid = tuple[int, Ints]
"""A symbol's bars: the open time of the first in ms UTC, and int64 [k, 5] on the grid, ABSENT where one is missing."""


def history_of(
    candles: CandleSource, news: Sequence[NewsSource], scorer: Scorer, last_instant: int | None = None
) -> History:
    """What a market would serve instant by instant, all at once.

    Args:
        last_instant: where to end; the market's own end unless given.
    Raises:
        InvalidValueError: the market has no end, and none was given.
    """
    end = candles.last_instant if last_instant is None else last_instant
    if end is None:
        raise InvalidValueError("last instant", None, "given, for a market without an end")
    step, instruments = candles.timeframe_ms, dict(sorted(candles.instruments.items()))
    instants = np.arange(candles.first_instant, end + 1, step, dtype=np.int64)
    grids = candles.grids() if isinstance(candles, Gridded) else _asked(candles, instants)
    bars = np.full((len(instants) + 1, len(instruments), 5), ABSENT, np.int64)
    for s, symbol in enumerate(instruments):
        _place(bars[:, s], int(instants[0]) - step, step, grids[symbol])
    coins = (*sorted({i.base for i in instruments.values()}), MARKET_WIDE)
    headlines = [item for source in news for item in source.seen(int(instants[0]) - step, int(instants[-1]))]
    headlines.sort(key=lambda item: (item.first_seen_at, item.id))
    fresh = fresh_scores(instants, step, coins, map(scorer.scored, headlines))
    return History(instruments, step, instants, bars, (candles.first_decision - int(instants[0])) // step, coins, fresh)


def finer_bars(history: History, grids: Mapping[str, Grid], step: int) -> Ints:
    """The decided part of a history in bars of a finer timeframe: which of stop and target came first is read there.

    Args:
        grids: on the history's own ticks and lots; step: their timeframe in ms.
    Returns:
        int64 [decided instants * k, n, 5], ABSENT where a bar is missing; k finer bars make one of the history.
    Raises:
        InvalidValueError: *step* is no part of the history's timeframe.
    """
    each, rest = divmod(history.timeframe_ms, step)
    if rest or each < 2:
        raise InvalidValueError(
            "finer timeframe", f"{step // MINUTE} minutes", f"a part of {history.timeframe_ms // MINUTE} minutes"
        )
    decided = len(history.instants) - history.begins
    bars = np.full((decided * each, len(history.symbols), 5), ABSENT, np.int64)
    for s, symbol in enumerate(history.symbols):
        _place(bars[:, s], int(history.instants[history.begins]) - history.timeframe_ms, step, grids[symbol])
    return bars


def _place(bars: Ints, first: int, step: int, grid: Grid) -> None:
    """Write what a grid has of [k, 5] bars, the first of which begins at *first*."""
    begins, rows = grid
    offset = (begins - first) // step
    low, high = max(0, offset), min(len(bars), offset + len(rows))
    if low < high:
        bars[low:high] = rows[low - offset : high - offset]


def _asked(candles: CandleSource, instants: Ints) -> dict[str, Grid]:
    """The grids of a source that has no arrays to give, bar by bar."""
    step, first = candles.timeframe_ms, int(instants[0])
    grids = {s: (first - step, np.full((len(instants) + 1, 5), ABSENT, np.int64)) for s in candles.instruments}
    for t, instant in enumerate(instants.tolist()):
        for symbol, bar in candles.closed(instant).bars.items():
            grids[symbol][1][t] = bar[1:]
    for symbol, opening in candles.opened(int(instants[-1])).items():
        grids[symbol][1][-1] = (opening.ticks,) * 4 + (opening.bar_lots,)
    return grids


def fresh_scores(instants: Ints, step: int, coins: tuple[str, ...], items: Iterable[NewsItem]) -> Floats:
    """The scores of headlines by instant and coin, summed in the order of being seen, as live sums them.

    Returns:
        float64 [m, coins].
    """
    fresh = np.zeros((len(instants), len(coins)))
    columns: dict[str, int] = {coin: c for c, coin in enumerate(coins)}
    first = int(instants[0])
    for item in items:
        t = max(0, -(-(item.first_seen_at - first) // step))
        for coin in item.coins:
            if coin in columns:
                fresh[t, columns[coin]] += item.score
    return fresh

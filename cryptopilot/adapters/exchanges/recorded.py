"""Recorded candles as a market: EXCHANGE-BASE_QUOTE-TIMEFRAME.parquet files, replayed instant by instant."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cryptopilot.adapters.exchanges.files import check_order, read_candles
from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.errors import DataFileError, InvalidValueError, UnknownSymbolError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.series import Series, series_of
from cryptopilot.domain.timeframe import iso, timeframe_ms
from cryptopilot.ports.candles import HISTORY, Closed
from cryptopilot.quant.quality import Columns, Floats, Ints


@dataclass(frozen=True, slots=True)
class Recording:
    """Which part of which folder is replayed; times in ms UTC, *until* included."""

    folder: Path
    exchange: str
    timeframe: str
    symbols: tuple[str, ...]
    start: int
    until: int


class RecordedMarket:
    """A `CandleSource` over files. Gaps stay gaps.

    Args:
        instruments: on whose grids prices and volumes are read, where others are not to find their own.
    Raises:
        DataFileError: a file is missing, empty, damaged, out of order or holds candles that cannot be.
    """

    label = "REPLAY"

    def __init__(self, recording: Recording, instruments: Mapping[str, Instrument] | None = None) -> None:
        self.name = f"replay:{recording.exchange}"
        self.timeframe_ms = timeframe_ms(recording.timeframe)
        step = self.timeframe_ms
        if recording.until <= recording.start:
            raise InvalidValueError("to", iso(recording.until), f"after from ({iso(recording.start)})")
        self.first_decision = -(-recording.start // step) * step
        self.first_instant = self.first_decision - HISTORY * step
        self._latest = recording.until // step * step
        self.last_instant: int | None = self._latest
        declared = _declared(recording.folder) if instruments is None else dict(instruments)
        self._rows: dict[str, tuple[int, Ints]] = {}
        found: dict[str, Instrument] = {}
        for symbol in sorted(recording.symbols):
            path = candle_path(recording.folder, recording.exchange, symbol, recording.timeframe)
            columns = read_candles(path)
            check_order(path, columns, step)
            found[symbol] = declared.get(symbol) or finest_grid(symbol, columns.values)
            self._rows[symbol] = self._grid(path, found[symbol], columns)
        self.instruments: Mapping[str, Instrument] = found

    @property
    def joining(self) -> Mapping[str, int]:
        """Symbols whose candles begin too late for a whole history before the first decision, and when; ms UTC."""
        return {symbol: first for symbol, (first, _) in self._rows.items() if first > self.first_instant}

    def closed(self, instant: int) -> Closed:
        return Closed(
            {s: Bar(instant - self.timeframe_ms, *row) for s in self._rows if (row := self._row(s, instant))},
            {},
        )

    def opened(self, instant: int) -> Mapping[str, Opening]:
        after = instant + self.timeframe_ms
        return {s: Opening(row[0], row[4]) for s in self._rows if (row := self._row(s, after))}

    def grids(self) -> Mapping[str, tuple[int, Ints]]:
        """Every symbol's bars: the first open time, and int64 [k, 5] in ticks and lots, -1 where one is missing."""
        return self._rows

    def _row(self, symbol: str, closing: int) -> tuple[int, int, int, int, int] | None:
        """Open, high, low, close and volume of the bar that closes at an instant, or None."""
        first, rows = self._rows[symbol]
        index = (closing - self.timeframe_ms - first) // self.timeframe_ms
        if not 0 <= index < len(rows):
            return None
        o, h, low, c, v = rows[index].tolist()
        return None if c < 0 else (o, h, low, c, v)

    def _grid(self, path: Path, instrument: Instrument, columns: Columns) -> tuple[int, Ints]:
        """The first open time, and ticks and lots [n, 5] on the grid, -1 where a bar is missing."""
        earliest, latest = self.first_instant - self.timeframe_ms, self._latest
        wanted = (columns.times >= earliest) & (columns.times <= latest)
        times, values = columns.times[wanted], columns.values[:, wanted]
        if not len(times):
            raise DataFileError(
                path, f"no candle between {iso(self.first_instant)} and {iso(latest)}; "
                f"it holds {iso(int(columns.times[0]))} to {iso(int(columns.times[-1]))}"
            )  # fmt: skip
        steps = np.array([[float(instrument.tick_size)]] * 4 + [[float(instrument.lot_size)]])
        units = np.rint(values / steps).astype(np.int64)
        high = int(units[:4].max())
        if high > instrument.max_ticks:
            raise DataFileError(path, f"a price of {values[:4].max()}; allowed: up to {instrument.max_price}")
        if units[:4].min() < 1:
            lowest, tick = values[:4].min(), instrument.tick_size
            raise DataFileError(path, f"a price of {lowest}, no tick of {tick}; allowed: from {tick}")
        first = int(times[0])
        rows = np.full(((int(times[-1]) - first) // self.timeframe_ms + 1, 5), -1, np.int64)
        rows[(times - first) // self.timeframe_ms] = units.T
        return first, rows


def candle_path(folder: Path, exchange: str, symbol: str, timeframe: str) -> Path:
    """Where a series lies: in the candle store, in the folder's ``candles/``, or in the folder itself."""
    place = _place(folder)
    stored = place / exchange / symbol.replace("/", "_") / f"{timeframe}.arrow"
    return stored if stored.is_file() else place / f"{exchange}-{symbol.replace('/', '_')}-{timeframe}.parquet"


def available(folder: Path, exchange: str, timeframe: str) -> tuple[str, ...]:
    """Symbols of an exchange and timeframe that a folder, or a home's candle store, has.

    Raises:
        DataFileError: the folder is not there or has none; the message says what it has.
    """
    place = _place(folder)
    if not place.is_dir():
        raise DataFileError(folder, "no such folder; allowed: one with candles/EXCHANGE-BASE_QUOTE-TIMEFRAME.parquet")
    there = series_in(folder)
    found = sorted({s.symbol for s in there if (s.exchange, s.timeframe) == (exchange, timeframe)})
    if not found:
        others = ", ".join(sorted({f"{s.exchange} {s.timeframe}" for s in there})) or "none"
        raise DataFileError(place, f"no candles of {exchange} at {timeframe}; it has: {others}")
    return tuple(found)


def series_in(folder: Path) -> list[Series]:
    """Every series that a folder, or a home's candle store, has, sorted; none where there is no folder."""
    place = _place(folder)
    return sorted({s for path in (*place.glob("*.parquet"), *place.glob("*/*/*.arrow")) if (s := series_of(path))})


def _place(folder: Path) -> Path:
    return folder / "candles" if (folder / "candles").is_dir() else folder


def chosen(asked: Sequence[str], there: tuple[str, ...]) -> tuple[str, ...]:
    """The asked symbols, or all that are there.

    Raises:
        UnknownSymbolError: one that was asked for is not there.
    """
    for symbol in asked:
        if symbol not in there:
            raise UnknownSymbolError(symbol, there)
    return tuple(asked) or there


class Stretch(NamedTuple):
    """The first and the last instant of a replay, ms UTC."""

    first_decision: int
    last_instant: int


def whole_stretch(folder: Path, exchange: str, timeframe: str, symbols: Sequence[str]) -> Stretch:
    """From where every symbol has its history to where the last candle of all has closed.

    A series that is shorter than a history keeps nobody waiting: its symbol joins as it comes. Where all are shorter,
    decisions begin with the first candle of the one that begins last.

    Raises:
        DataFileError: a file is missing, empty or damaged.
    """
    step = timeframe_ms(timeframe)
    times = [read_candles(candle_path(folder, exchange, symbol, timeframe)).times for symbol in symbols]
    spans = [(int(t.min()), int(t.max()) + step) for t in times]  # First opening, last closing.
    known = [first + HISTORY * step for first, last in spans if first + HISTORY * step <= last]
    return Stretch(max(known, default=max(first for first, _ in spans) + step), max(last for _, last in spans))


def finest_grid(symbol: str, values: Floats) -> Instrument:
    """The finest decimal grid that the prices and volumes of a series need."""
    return Instrument(
        symbol,
        Decimal(1).scaleb(-_decimals(values[:4])),
        Decimal(1).scaleb(-_decimals(values[4:])),
        max_price=Decimal(repr(float(values[1].max()))) * 100,
    )


def _decimals(values: Floats) -> int:
    """How many decimals it takes to write every value; at most 8."""
    for digits in range(8):
        scaled = values * 10.0**digits
        if (np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.abs(scaled) + 1e-6).all():
            return digits
    return 8


def _declared(folder: Path) -> dict[str, Instrument]:
    """Instruments from an ``instruments.json`` beside the data, where there is one."""
    path = folder / "instruments.json"
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text())
        return {
            symbol: Instrument(symbol, Decimal(e["tick_size"]), Decimal(e["lot_size"]), Decimal(e["max_price"]))
            for symbol, e in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        allowed = '{"BTC/USDT": {"tick_size": "0.01", "lot_size": "0.00001", "max_price": "1000000"}}'
        raise DataFileError(path, f"{error!r}; allowed: {allowed}") from error

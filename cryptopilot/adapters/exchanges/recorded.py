"""Recorded candles as a market: files named EXCHANGE-BASE_QUOTE-TIMEFRAME.parquet, replayed instant by instant."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.errors import DataFileError, InvalidValueError, UnknownSymbolError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.timeframe import iso, timeframe_ms, timeframe_text
from cryptopilot.ports.candles import Closed
from cryptopilot.rules.features import LONGEST

HISTORY = max(1000, 40 * LONGEST)
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """A candle file: open times in ms UTC [n], open, high, low, close, volume [5, n]."""

    times: Ints
    values: Floats


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

    Raises:
        DataFileError: a file is missing, empty, damaged, out of order or holds candles that cannot be.
    """

    label = "REPLAY"

    def __init__(self, recording: Recording) -> None:
        self.name = f"replay:{recording.exchange}"
        self.timeframe_ms = timeframe_ms(recording.timeframe)
        step = self.timeframe_ms
        if recording.until <= recording.start:
            raise InvalidValueError("to", iso(recording.until), f"after from ({iso(recording.start)})")
        self.first_decision = -(-recording.start // step) * step
        self.first_instant = self.first_decision - HISTORY * step
        self.last_instant: int | None = recording.until // step * step
        declared = _declared(recording.folder)
        self._rows: dict[str, tuple[int, Ints]] = {}
        found: dict[str, Instrument] = {}
        for symbol in sorted(recording.symbols):
            path = candle_path(recording.folder, recording.exchange, symbol, recording.timeframe)
            columns = read_parquet(path)
            check_order(path, columns, step)
            found[symbol] = declared.get(symbol) or finest_grid(symbol, columns.values)
            self._rows[symbol] = self._grid(path, found[symbol], columns)
        self.instruments: Mapping[str, Instrument] = found

    def closed(self, instant: int) -> Closed:
        return Closed(
            {s: Bar(instant - self.timeframe_ms, *row) for s in self._rows if (row := self._row(s, instant))},
            {},
        )

    def opened(self, instant: int) -> Mapping[str, Opening]:
        after = instant + self.timeframe_ms
        return {s: Opening(row[0], row[4]) for s in self._rows if (row := self._row(s, after))}

    def _row(self, symbol: str, closing: int) -> tuple[int, int, int, int, int] | None:
        """Open, high, low, close and volume of the bar that closes at an instant, or None."""
        first, rows = self._rows[symbol]
        index = (closing - self.timeframe_ms - first) // self.timeframe_ms
        if not 0 <= index < len(rows):
            return None
        o, h, low, c, v = rows[index].tolist()
        return None if c < 0 else (o, h, low, c, v)

    def _grid(self, path: Path, instrument: Instrument, columns: Columns) -> tuple[int, Ints]:
        """The first open time and [n, 5] ticks and lots on the timeframe's grid, -1 where a bar is missing."""
        assert self.last_instant is not None
        wanted = (columns.times >= self.first_instant - self.timeframe_ms) & (columns.times <= self.last_instant)
        times, values = columns.times[wanted], columns.values[:, wanted]
        if not len(times):
            raise DataFileError(
                path, f"no candle between {iso(self.first_instant)} and {iso(self.last_instant)}; "
                f"it holds {iso(int(columns.times[0]))} to {iso(int(columns.times[-1]))}"
            )  # fmt: skip
        steps = np.array([[float(instrument.tick_size)]] * 4 + [[float(instrument.lot_size)]])
        units = np.rint(values / steps).astype(np.int64)
        high = int(units[:4].max())
        if high > instrument.max_ticks:
            raise DataFileError(path, f"a price of {values[:4].max()}; allowed: up to {instrument.max_price}")
        first = int(times[0])
        rows = np.full(((int(times[-1]) - first) // self.timeframe_ms + 1, 5), -1, np.int64)
        rows[(times - first) // self.timeframe_ms] = units.T
        return first, rows


def candle_path(folder: Path, exchange: str, symbol: str, timeframe: str) -> Path:
    """Where a series lies: in the folder's ``candles/``, or in the folder itself."""
    name = f"{exchange}-{symbol.replace('/', '_')}-{timeframe}.parquet"
    inner = folder / "candles" / name
    return inner if (folder / "candles").is_dir() else folder / name


def available(folder: Path, exchange: str, timeframe: str) -> tuple[str, ...]:
    """Symbols of an exchange and timeframe that a folder has files for.

    Raises:
        DataFileError: the folder is not there or has none; the message says what it has.
    """
    place = folder / "candles" if (folder / "candles").is_dir() else folder
    if not place.is_dir():
        raise DataFileError(folder, "no such folder; allowed: one with candles/EXCHANGE-BASE_QUOTE-TIMEFRAME.parquet")
    suffix = f"-{timeframe}.parquet"
    found = sorted(
        p.name[len(exchange) + 1 : -len(suffix)].replace("_", "/")
        for p in place.glob(f"{exchange}-*{suffix}")
        if p.name.count("-") == 2
    )
    if not found:
        series = sorted({f"{p.name.split('-')[0]} {p.stem.split('-')[-1]}" for p in place.glob("*-*-*.parquet")})
        raise DataFileError(place, f"no candles of {exchange} at {timeframe}; it has: {', '.join(series) or 'none'}")
    return tuple(found)


def chosen(asked: Sequence[str], there: tuple[str, ...]) -> tuple[str, ...]:
    """The asked symbols, or all that are there.

    Raises:
        UnknownSymbolError: one that was asked for is not there.
    """
    for symbol in asked:
        if symbol not in there:
            raise UnknownSymbolError(symbol, there)
    return tuple(asked) or there


def read_parquet(path: Path) -> Columns:
    """A candle file's columns.

    Raises:
        DataFileError: missing, empty, damaged, or without the columns.
    """
    import pyarrow as pa  # noqa: PLC0415  # 40 MB that only files need.
    from pyarrow import parquet  # noqa: PLC0415

    if not path.is_file():
        raise DataFileError(path, "no such file")
    try:
        table = parquet.read_table(path, columns=list(COLUMNS))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataFileError(path, f"not a candle file with columns {', '.join(COLUMNS)}: {error}") from error
    if not table.num_rows:
        raise DataFileError(path, "it holds no candle")
    values = np.stack([table[name].to_numpy().astype(np.float64) for name in COLUMNS[1:]])
    return Columns(table["timestamp"].to_numpy().astype(np.int64), values)


def check_order(path: Path, columns: Columns, step: int) -> None:
    """Refuse a file whose rows are unsorted, doubled, off the grid, or cannot be.

    Raises:
        DataFileError: names the first row that is wrong.
    """
    times, (o, h, low, c, v) = columns.times, columns.values
    problems = (
        ("is not after the row before it", np.r_[False, np.diff(times) <= 0]),
        (f"is not on the grid of {timeframe_text(step)}", times % step != 0),
        ("has a value that is not a finite number", ~np.isfinite(columns.values).all(axis=0)),
        (
            "breaks 0 < low <= open, close <= high",
            ~((low > 0) & (low <= np.minimum(o, c)) & (np.maximum(o, c) <= h)),
        ),
        ("has a negative volume", v < 0),
    )
    for what, wrong in problems:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataFileError(
                path,
                f"row {row} ({iso(int(times[row]))}) {what}, {int(wrong.sum())} in all; "
                f"run: cryptopilot data check {path}",
            )


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
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        allowed = '{"BTC/USDT": {"tick_size": "0.01", "lot_size": "0.00001", "max_price": "1000000"}}'
        raise DataFileError(path, f"{error!r}; allowed: {allowed}") from error

"""Readers of candle files: Parquet, CSV, JSON as ccxt and freqtrade write it, Feather and Arrow.

A reader gives what a file says and judges no row; `cryptopilot.quant.quality.inspect` does that.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryptopilot.domain.errors import DataFileError
from cryptopilot.domain.series import timeframe_of
from cryptopilot.domain.timeframe import timeframe_text
from cryptopilot.quant.quality import NAMES, Columns, Ints, inspect

TIME_NAMES = ("timestamp", "open_time", "open time", "time", "datetime", "date")
COLUMNS = f"{'|'.join(TIME_NAMES)}, {', '.join(NAMES)}"
ROW = f"[time, {', '.join(NAMES)}]"
EMPTY = "it holds no candle"
WIDTHS = (6, 12)
"""Fields of a row without a header: ours, or the twelve of Binance's archives, which begin with ours."""

_UNITS = ("s", "ms", "us", "ns")
_BOUNDS = np.array([10**11, 10**14, 10**17], np.int64)
"""Where a time since 1970 stops being seconds, milliseconds, microseconds; good for 1973 to 5138."""

_VALUE = re.compile(r"[-+]?\d[-+:.\dTtZzEe ]*")


def read_candles(path: Path) -> Columns:
    """A candle file's columns, as they stand in the file.

    Times may be whole seconds, milliseconds, microseconds or nanoseconds since 1970 (told by their size, one
    unit a file) or dates; a date without a zone is UTC. A missing price or volume is NaN.

    Raises:
        DataFileError: missing, empty, damaged, of another kind, or without the columns.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataFileError(path, f"ending {path.suffix!r}; allowed: {', '.join(READERS)}")
    if not path.is_file():
        raise DataFileError(path, "no such file")
    try:
        columns = reader(path)
    except OSError as error:
        raise DataFileError(path, f"cannot be read: {_line(error)}") from error
    if not len(columns.times):
        raise DataFileError(path, EMPTY)
    return columns


def check_order(path: Path, columns: Columns, step: int) -> None:
    """Refuse a file in which a row is wrong; gaps are allowed.

    Args:
        step: its timeframe in ms.
    Raises:
        DataFileError: names the first wrong row.
    """
    refusal = inspect(columns, step).refusal()
    if refusal is not None:
        told = "" if timeframe_of(path) else f" --timeframe {timeframe_text(step)}"
        raise DataFileError(path, f"{refusal}; run: cryptopilot data check {path}{told}")


def candle_files(place: Path) -> list[Path]:
    """The candle files at a place, sorted: itself, or those of a folder, of its ``candles/``, or of a store.

    Raises:
        DataFileError: there is none.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataFileError(place, "no such file or folder")
    folder = place / "candles" if (place / "candles").is_dir() else place
    found = (p for pattern in ("*", "*/*.arrow", "*/*/*.arrow") for p in folder.glob(pattern))
    files = sorted(p for p in found if p.is_file() and p.suffix.lower() in READERS and not _beside(p))
    if not files:
        raise DataFileError(folder, f"no candle file in it; allowed endings: {', '.join(READERS)}")
    return files


def _beside(path: Path) -> bool:
    """Whether a file only speaks of candles: a hidden draft, a store's manifest, the instruments' grids."""
    manifest = path.suffix == ".json" and path.with_suffix(".arrow").exists()
    return path.name.startswith(".") or path.name == "instruments.json" or manifest


def _parquet(path: Path) -> Columns:
    import pyarrow as pa  # noqa: PLC0415  # 40 MB that only files need.
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(path) as file:
            names = _roles(path, file.schema_arrow.names)
            return _columns(path, file.read(columns=list(names)), names)
    except (pa.ArrowException, UnicodeDecodeError) as error:  # The latter from a damaged column name.
        raise DataFileError(path, f"not a Parquet file of candles: {_line(error)}") from error


def _arrow(path: Path) -> Columns:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import feather  # noqa: PLC0415

    try:
        table = feather.read_table(path, memory_map=False)
        names = _roles(path, table.column_names)
        return _columns(path, table.select(list(names)), names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataFileError(path, f"not an Arrow or Feather file of candles: {_line(error)}") from error


def _csv(path: Path) -> Columns:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    first = _first_row(path)
    headed = not _VALUE.fullmatch(first[0])
    if not headed and len(first) not in WIDTHS:
        raise DataFileError(path, f"{len(first)} fields without a header; allowed: {WIDTHS[0]}, {ROW}, or {WIDTHS[1]}")
    header = first if headed else ["timestamp", *NAMES, *(f"more {n}" for n in range(len(first) - 6))]
    names = _roles(path, header)
    floats = {name: pa.float64() for name, role in names.items() if role != "timestamp"}
    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(column_names=None if headed else header),
            convert_options=arrow_csv.ConvertOptions(include_columns=list(names), column_types=floats),
        )
        return _columns(path, table, names)
    except pa.ArrowException as error:
        raise DataFileError(path, f"not a CSV file of candles: {_line(error)}") from error


def _first_row(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            row = next((row for row in csv.reader(file) if row), [])
    except (ValueError, csv.Error) as error:
        raise DataFileError(path, f"not a CSV file of candles: {_line(error)}") from error
    if not row:
        raise DataFileError(path, "it is empty")
    return row


def _json(path: Path) -> Columns:
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataFileError(path, f"not a JSON file: {_line(error)}") from error
    if not isinstance(rows, list):
        raise DataFileError(path, f"a JSON {type(rows).__name__}; allowed: a list of {ROW}")
    for number, row in enumerate(rows):
        if not (isinstance(row, list) and len(row) == 6 and all(isinstance(x, int | float | None) for x in row)):
            raise DataFileError(path, f"row {number} is {str(row)[:80]}; allowed: {ROW}, numbers")
    try:
        values = np.array([row[1:] for row in rows], np.float64).reshape(-1, 5).T
    except OverflowError as error:
        raise DataFileError(path, f"a number beyond 64 bits: {error}") from error
    return Columns(_milliseconds(path, [row[0] for row in rows]), np.ascontiguousarray(values))


READERS: Mapping[str, Callable[[Path], Columns]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".json": _json,
    ".feather": _arrow,
    ".arrow": _arrow,
}
"""Who reads which ending."""


def _roles(path: Path, found: Sequence[str]) -> dict[str, str]:
    """Which of a file's columns is which of ours, in our order."""
    plain = [name.strip().lower() for name in found]
    time = next((name for name in TIME_NAMES if name in plain), "timestamp")
    roles = {time: "timestamp", **{name: name for name in NAMES}}
    if any(plain.count(name) != 1 for name in roles):
        raise DataFileError(path, f"columns {', '.join(found)[:200]}; allowed: {COLUMNS}, each once")
    return {found[plain.index(name)]: role for name, role in roles.items()}


def _columns(path: Path, table: Any, names: Mapping[str, str]) -> Columns:
    """An Arrow table's columns as arrays."""
    import pyarrow as pa  # noqa: PLC0415

    if not table.num_rows:
        raise DataFileError(path, EMPTY)
    by_role = {role: table[name] for name, role in names.items()}
    times = by_role["timestamp"]
    if pa.types.is_temporal(times.type):
        times = times.cast(pa.timestamp("ms", getattr(times.type, "tz", None))).cast(pa.int64())
    elif not (pa.types.is_integer(times.type) or pa.types.is_floating(times.type)):
        raise DataFileError(
            path, f"times of type {times.type}; allowed: whole numbers, or dates such as 2022-01-31 12:00:00"
        )
    values = np.empty((5, table.num_rows))
    for row, name in enumerate(NAMES):
        values[row] = by_role[name].cast(pa.float64()).to_numpy()
    if times.null_count:
        row = times.is_null().to_pylist().index(True)
        raise DataFileError(path, f"row {row} has no time")
    return Columns(_milliseconds(path, times.to_numpy()), values)


def _milliseconds(path: Path, given: Any) -> Ints:
    """Times since 1970 in ms, whichever unit they came in.

    Raises:
        DataFileError: one is not a whole number, finer than a millisecond, or of another unit than most.
    """
    raw = np.asarray(given)
    if raw.dtype.kind not in "iu":
        wrong = np.array([not (isinstance(x, int | float) and float(x).is_integer()) for x in raw.tolist()], np.bool_)
        _refuse(path, raw, wrong, "a whole number")
    try:
        times = raw.astype(np.int64)
    except OverflowError as error:
        raise DataFileError(path, f"a time beyond 64 bits: {error}") from error
    units = np.searchsorted(_BOUNDS, times, side="right")
    unit = int(np.bincount(units, minlength=1).argmax())
    _refuse(path, raw, units != unit, f"a time in {_UNITS[unit]} as in most rows")
    if unit == 0:
        seconds: Ints = times * 1000
        return seconds
    scale = 1000 ** (unit - 1)
    _refuse(path, raw, times % scale != 0, "whole milliseconds")
    whole: Ints = times // scale
    return whole


def _refuse(path: Path, raw: Any, wrong: Any, allowed: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataFileError(path, f"row {row} has the time {raw.tolist()[row]!r}; allowed: {allowed}")


def _line(error: Exception) -> str:
    """The first line of what a library says."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]

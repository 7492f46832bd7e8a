"""Candle series for tests: right by construction, so that every defect in them is one that was put there."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from cryptopilot.domain.timeframe import HOUR
from cryptopilot.quant.quality import NAMES, Columns

START = 1_577_836_800_000
"""2020-01-01T00:00:00Z."""


def bars(count: int, *, start: int = START, step: int = HOUR, seed: int = 7) -> Columns:
    """A walk of *count* bars without a gap, whose opens are the closes before them."""
    draw = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.01, count))), 2) + 1
    opening = np.r_[100.0, close[:-1]][:count]
    reach = np.round(draw.uniform(0.01, 0.9, (2, count)), 2)
    high, low = np.maximum(opening, close) + reach[0], np.minimum(opening, close) - reach[1]
    volume = np.round(draw.uniform(0, 50, count), 4)
    return Columns(start + step * np.arange(count, dtype=np.int64), np.stack([opening, high, low, close, volume]))


def chosen(columns: Columns, rows: Iterable[int]) -> Columns:
    """Some rows of a series, in the order given."""
    index = np.array(list(rows), np.int64)
    return Columns(columns.times[index], columns.values[:, index].copy())


def changed(columns: Columns, name: str, row: int, value: float) -> Columns:
    """A series with one value replaced."""
    values = columns.values.copy()
    values[NAMES.index(name), row] = value
    return Columns(columns.times, values)


def same(left: Columns, right: Columns) -> bool:
    return np.array_equal(left.times, right.times) and np.array_equal(left.values, right.values)


def table(columns: Columns, time_name: str = "timestamp") -> pa.Table:
    names = (time_name, *NAMES)
    return pa.table(dict(zip(names, (columns.times, *columns.values), strict=True)))


def write_parquet(path: Path, columns: Columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table(columns), path)
    return path


def rows_of(columns: Columns) -> list[list[float]]:
    """Rows as ccxt and freqtrade write them."""
    return [[t, *v] for t, v in zip(columns.times.tolist(), columns.values.T.tolist(), strict=True)]


def write_json(path: Path, columns: Columns) -> Path:
    path.write_text(json.dumps(rows_of(columns)))
    return path


subsets = st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True).map(sorted)
"""Rows of a series of sixty bars, in order: at least one."""

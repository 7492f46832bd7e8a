"""What is wrong with a candle series, row by row, and what is missing from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import ALLOWED, iso, timeframe_ms, timeframe_text

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PRICES = ("open", "high", "low", "close")
NAMES = (*PRICES, "volume")
END = 253_402_300_800_000
"""The first instant of the year 10000, in ms UTC: no candle is as late, and no calendar goes on."""

RUN = 16
"""So many equal distances in a row, each of several steps, are another timeframe and not a thin market."""


class Columns(NamedTuple):
    """A candle series as it was found.

    Args:
        times: open times in ms UTC, int64 [n]; values: open, high, low, close, volume, float64 [5, n].
    """

    times: Ints
    values: Floats


class Defect(StrEnum):
    """What can be wrong with a row."""

    TIME = "time"
    DISORDER = "disorder"
    DUPLICATE = "duplicate"
    OFF_GRID = "off_grid"
    TIMEFRAME = "timeframe"
    NOT_FINITE = "not_finite"
    NEGATIVE = "negative"
    OHLC = "ohlc"


class Gap(NamedTuple):
    """Bars that are not there: the open time of the first in ms UTC, and how many."""

    first_missing: int
    bars: int


class Finding(NamedTuple):
    """One defect of one row: its index from 0, its timestamp as found, and a sentence's second half."""

    defect: Defect
    row: int
    time: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Every gap and every wrong row of a series.

    Args:
        step: the timeframe in ms; gaps: int64 [g, 2], first missing open time in ms UTC and missing bars,
        oldest first; wrong: for each defect that occurs, its row indices, int64, ascending; hint: what may
        have happened, or empty.
    """

    columns: Columns
    step: int
    gaps: Ints
    wrong: Mapping[Defect, Ints]
    hint: str

    @property
    def rows(self) -> int:
        return len(self.columns.times)

    @property
    def span(self) -> tuple[int, int] | None:
        """The earliest and the latest open time; None without rows."""
        times = self.columns.times
        return (int(times.min()), int(times.max())) if len(times) else None

    @property
    def missing(self) -> int:
        """How many bars the gaps make together."""
        return int(self.gaps[:, 1].sum())

    @property
    def clean(self) -> bool:
        """Whether no row is wrong. Gaps are no defect: what did not trade is not there."""
        return not self.wrong

    def listed_gaps(self) -> list[Gap]:
        return [Gap(*pair) for pair in self.gaps.tolist()]

    def findings(self) -> Iterator[Finding]:
        """Every defect in the order of rows; a row may have several."""
        for row, defect in sorted((row, d) for d, rows in self.wrong.items() for row in rows.tolist()):
            yield self._finding(defect, row)

    def refusal(self) -> str | None:
        """One sentence on the first wrong row and how many there are; None when clean."""
        if self.clean:
            return None
        row, defect = min((int(rows[0]), d) for d, rows in self.wrong.items())
        first, total = self._finding(defect, row), sum(len(rows) for rows in self.wrong.values())
        hint = f"; {self.hint}" if self.hint else ""
        return f"row {row} ({moment(first.time)}) {first.text}; defects in all: {total}{hint}"

    def _finding(self, defect: Defect, row: int) -> Finding:
        values = dict(zip(NAMES, self.columns.values[:, row].tolist(), strict=True))
        match defect:
            case Defect.TIME:
                text = "lies outside the years 1970 to 9999"
            case Defect.DISORDER:
                text = f"is before the row before it ({moment(int(self.columns.times[row - 1]))})"
            case Defect.DUPLICATE:
                text = "repeats the time of an earlier row"
            case Defect.OFF_GRID:
                text = f"is not on the grid of {timeframe_text(self.step)}"
            case Defect.TIMEFRAME:
                text = f"begins a run of bars further apart than {timeframe_text(self.step)}: another timeframe"
            case Defect.NOT_FINITE:
                text = "has " + ", ".join(f"{n} {v}" for n, v in values.items() if not np.isfinite(v))
            case Defect.NEGATIVE:
                text = "has " + ", ".join(f"{n} {v}" for n, v in values.items() if v < 0)
            case Defect.OHLC:
                text = "breaks 0 < low <= open, close <= high: " + ", ".join(f"{n} {values[n]}" for n in PRICES)
        return Finding(defect, row, int(self.columns.times[row]), text)


def inspect(columns: Columns, step: int) -> Report:
    """Name every gap and every wrong row of a series. Linear in its length where it is sorted.

    A gap lies between two bars on the grid; what comes before the first and after the last is not judged.
    Time and value are judged apart: a row can be at fault in both. A price that is not finite or is negative
    is named as such, and its row's prices are then not compared.

    Args:
        columns: n may be 0; step: a timeframe in ms.
    Raises:
        InvalidValueError: *step* is not the length of a timeframe, or the shapes are not [n] and [5, n].
    """
    times, values = columns
    if step not in {timeframe_ms(name) for name in ALLOWED}:
        raise InvalidValueError("step", step, f"the milliseconds of one of {', '.join(ALLOWED)}")
    if times.ndim != 1 or values.shape != (5, len(times)):
        raise InvalidValueError("columns", (times.shape, values.shape), "times [n] with values [5, n]")
    sane = (times >= 0) & (times < END)
    on_grid = sane & (times % step == 0)
    earlier = np.zeros(len(times), np.bool_)
    earlier[1:] = times[1:] < times[:-1]
    order = np.argsort(times, kind="stable")
    repeats = np.zeros(len(times), np.bool_)
    repeats[1:] = times[order][1:] == times[order][:-1]
    present = order[~repeats]
    present = present[on_grid[present]]
    gaps, runs = _distances(times[present], step)
    finite = np.isfinite(values)
    priced = (finite[:4] & (values[:4] >= 0)).all(axis=0)
    o, h, low, c, _ = values
    broken = priced & ~_consistent(o, h, low, c)
    found: dict[Defect, Ints] = {
        Defect.TIME: np.flatnonzero(~sane),
        Defect.DISORDER: np.flatnonzero(earlier),
        Defect.DUPLICATE: np.sort(order[repeats]),
        Defect.OFF_GRID: np.flatnonzero(sane & ~on_grid),
        Defect.TIMEFRAME: np.sort(present[runs]),
        Defect.NOT_FINITE: np.flatnonzero(~finite.all(axis=0)),
        Defect.NEGATIVE: np.flatnonzero((values < 0).any(axis=0)),
        Defect.OHLC: np.flatnonzero(broken),
    }
    return Report(
        columns,
        step,
        gaps,
        {d: rows for d, rows in found.items() if len(rows)},
        _swapped(order, values, broken),
    )


def moment(time_ms: int) -> str:
    """A timestamp as text, also one that no calendar has."""
    return iso(time_ms) if 0 <= time_ms < END else f"{time_ms} ms"


def _consistent(o: Floats, h: Floats, low: Floats, c: Floats) -> Flags:
    """Whether 0 < low <= open, close <= high."""
    answer: Flags = (low > 0) & (low <= np.minimum(o, c)) & (np.maximum(o, c) <= h)
    return answer


def _distances(there: Ints, step: int) -> tuple[Ints, Ints]:
    """The gaps [g, 2] between ascending grid times, and the indices where runs of another timeframe begin."""
    steps = np.diff(there) // step
    at = np.flatnonzero(steps > 1)
    gaps = np.stack([there[at] + step, steps[at] - 1], axis=1)
    starts = np.flatnonzero(np.r_[True, steps[1:] != steps[:-1]][: len(steps)])
    lengths = np.diff(np.r_[starts, len(steps)])
    enough = (lengths >= RUN) | ((lengths == len(steps)) & (lengths >= 3))
    return gaps, starts[enough & (steps[starts] > 1)]


def _swapped(order: Ints, values: Floats, broken: Flags) -> str:
    """What the price columns seem to be, when one permutation of them repairs nearly all of many broken rows.

    Open and close cannot be told apart within a bar; of two such permutations the one is taken whose opens
    lie closer to the closes before them.
    """
    count = int(broken.sum())
    if count < 3 or 10 * count < len(broken):
        return ""
    prices = values[:4, order[broken[order]]]
    best, least = "", np.inf
    for names in permutations(PRICES):
        o, h, low, c = (prices[names.index(name)] for name in PRICES)
        if np.count_nonzero(_consistent(o, h, low, c)) >= 0.99 * count:
            jump = float(np.median(np.abs(o[1:] - c[:-1]) / 2))
            best, least = (", ".join(names), jump) if jump < least else (best, least)
    return f"columns look swapped: {best}" if best else ""

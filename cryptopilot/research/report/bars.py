"""Pictures of counts and sums: how trade results are distributed, and bars by name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cryptopilot.quant.metrics import Floats
from cryptopilot.research.report.svg import Scale, decimals, element, label, line, picture, step, ticks, titled
from cryptopilot.research.report.wording import change, printable, shortened, typeset

_WIDTH = 480
_MOST_BINS, _MOST_BARS = 30, 24
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 470.0, 26.0, 232.0
_BAR, _NAMES, _FROM, _TO = 24.0, 128.0, 136.0, 372.0
"""Height of a bar; where names end; between which places bars lie. Right of them stand the values."""


class Bar(NamedTuple):
    """A name from anywhere, a length, and how it reads."""

    name: str
    value: float
    shown: str


def histogram(gains: Floats) -> str:
    """How many trades came to how much of their cost, gains and losses apart, and the mean.

    Args:
        gains: float64 [n], fractions, at least one, finite.
    """
    low, high = min(float(gains.min()), -1e-4), max(float(gains.max()), 1e-4)
    width = step(low, high, _MOST_BINS)
    index = np.floor(gains / width + 1e-9).astype(np.int64)
    first = int(min(index.min(), -1))
    counts = np.bincount(index - first, minlength=1 - first).tolist()
    across = Scale(first * width, (first + len(counts)) * width, _LEFT, _RIGHT)
    up = Scale(0.0, float(max(counts)), _BOTTOM, _TOP)
    return picture(
        _WIDTH,
        260,
        "Distribution of trade results",
        *(_level(up(n), f"{n:,.0f}") for n in ticks(0.0, up.high, 4) if n == int(n)),
        *(_bin(across, up, (first + i) * width, width, n) for i, n in enumerate(counts) if n),
        _results(across),
        _mean(across, float(gains.mean())),
    )


def bars(title: str, values: Sequence[Bar], *, signed: bool = False) -> str:
    """Horizontal bars in the order given; of too many, the first and the last.

    Args:
        signed: gains and losses have colours of their own; else all bars have one.
    """
    chosen = values if len(values) <= _MOST_BARS else [*values[: _MOST_BARS // 2], *values[-_MOST_BARS // 2 :]]
    across = Scale.over([0.0, *(bar.value for bar in chosen)], _FROM, _TO)
    height = int(_BAR) * len(chosen) + 8
    drawn = [_bar(across, bar, 4.0 + _BAR * i, signed) for i, bar in enumerate(chosen)]
    return picture(_WIDTH, height, title, *drawn, line(across(0.0), 0.0, across(0.0), float(height), "base"))


def _level(y: float, shown: str) -> str:
    return line(_LEFT, y, _RIGHT, y, "grid") + label(_LEFT - 6.0, y + 4.0, shown, "end")


def _bin(across: Scale, up: Scale, start: float, width: float, n: int) -> str:
    x, y = across(start), up(float(n))
    places = decimals(0.0, 100.0 * width, 1)
    shown = typeset(f"{change(start, places)} to {change(start + width, places)}: {n:,}")
    wide = max(across(start + width) - x - 1.0, 1.0)
    return titled(
        shown, element("rect", x=x + 0.5, y=y, width=wide, height=_BOTTOM - y, class_="loss" if start < 0 else "gain")
    )


def _results(across: Scale) -> str:
    places = decimals(100.0 * across.low, 100.0 * across.high, 6)
    marks = ticks(across.low, across.high, 6)
    return "".join(label(across(gain), 252.0, typeset(change(gain, places)), "middle") for gain in marks)


def _mean(across: Scale, mean: float) -> str:
    """A line, and its name on the side that has more room."""
    x, right = across(mean), across(mean) < (_LEFT + _RIGHT) / 2.0
    shown, side = typeset(f"mean {change(mean)}"), 6.0 if right else -6.0
    name = label(x + side, 18.0, shown, "start" if right else "end", class_="strong")
    return line(x, 8.0, x, _BOTTOM, "mean") + name


def _bar(across: Scale, bar: Bar, y: float, signed: bool) -> str:
    ends = sorted((across(0.0), across(bar.value)))
    kind = ("loss" if bar.value < 0.0 else "gain") if signed else "plain"
    return titled(
        f"{printable(bar.name)}: {typeset(bar.shown)}",
        label(_NAMES, y + 16.0, shortened(bar.name, 18), "end"),
        element("rect", x=ends[0], y=y + 4.0, width=max(ends[1] - ends[0], 1.0), height=_BAR - 8.0, rx=2, class_=kind),
        label(float(_WIDTH), y + 16.0, typeset(bar.shown), "end", class_="strong"),
    )

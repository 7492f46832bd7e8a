"""Static SVG: elements with everything escaped, scales, and ticks at round places."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from cryptopilot.domain.timeframe import DAY, HOUR

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Scale(NamedTuple):
    """Leads from values low..high to places start..end of a picture."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Scale":
        """A scale that holds all values; of equal ones, a little around them."""
        low, high = min(values), max(values)
        margin = 0.0 if high > low else max(abs(high) * 0.01, 1e-9)
        return cls(low - margin, high + margin, start, end)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def step(low: float, high: float, about: int) -> float:
    """1, 2 or 5 times a power of ten, so that *about* of them lead from low to high."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * 0.999)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values from low to high."""
    distance = step(low, high, about)
    return [i * distance for i in range(math.ceil(low / distance - 1e-9), math.floor(high / distance + 1e-9) + 1)]


def decimals(low: float, high: float, about: int) -> int:
    """How many decimals tell the ticks between two values apart."""
    return max(0, -math.floor(math.log10(step(low, high, about)) + 1e-9))


def time_ticks(begun: int, ended: int) -> list[tuple[int, str]]:
    """At most thirteen round times between two, in ms UTC, with their names."""
    span = ended - begun
    if span > 60 * DAY:
        return _month_ticks(begun, ended)
    distance = next(d for d in (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY) if span <= 13 * d)
    times = range(-(-begun // distance) * distance, ended + 1, distance)
    return [(time, _day_name(time)) for time in times]


def element(name: str, *children: str, **attributes: object) -> str:
    """An element; children are markup already, attributes are not. ``class_`` is class, ``_`` within names is ``-``."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{named}>{''.join(children)}</{name}>"


def label(x: float, y: float, shown: str, anchor: str = "start", **attributes: object) -> str:
    return element("text", escape(shown), x=x, y=y, text_anchor=anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]]) -> str:
    """The data of a path through points, to a tenth of a unit."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def titled(shown: str, *children: str) -> str:
    """A group that says *shown* to whoever points at it."""
    return element("g", element("title", escape(shown)), *children)


def picture(width: int, height: int, title: str, *children: str) -> str:
    """A whole picture that fills the width it is given; *title* is what a screen reader says."""
    return element(
        "svg", element("title", escape(title)), *children, viewBox=f"0 0 {width} {height}", role="img", class_="chart"
    )


def _plain(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _month_ticks(begun: int, ended: int) -> list[tuple[int, str]]:
    first, last = (np.datetime64(time, "ms").astype("M8[M]").astype(int) for time in (begun, ended))
    distance = next((d for d in (1, 2, 3, 6) if last - first <= 12 * d), 12 * (-(-(last - first) // 144)))
    starts = range(-(-first // distance) * distance, last + 1, distance)
    named = [(int(np.datetime64(m, "M").astype("M8[ms]").astype(int)), m) for m in starts]
    return [(time, _month_name(m)) for time, m in named if begun <= time <= ended]


def _month_name(month: int) -> str:
    return f"{MONTHS[month % 12]}" if month % 12 else str(1970 + month // 12)


def _day_name(time: int) -> str:
    moment = np.datetime64(time, "ms").item()
    return f"{moment.day} {MONTHS[moment.month - 1]}" if time % DAY == 0 else f"{moment:%H:%M}"

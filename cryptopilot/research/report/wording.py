"""Figures as people read them. What is unknown is a dash, never a zero; what came from outside is made printable."""

import math
import re
from collections.abc import Callable
from decimal import Decimal

from cryptopilot.domain.timeframe import DAY, HOUR, MINUTE, iso

UNKNOWN = "–"
_SHOWN_DIGITS = 8
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")


def percent(value: float, digits: int = 2) -> str:
    """A fraction: 0.0213 is 2.13%."""
    return _known(value, lambda x: f"{_unsigned_zero(100.0 * x, digits):,.{digits}f}%")


def change(value: float, digits: int = 2) -> str:
    """A fraction that was gained or lost, with its sign: +2.13%; of nothing there is none."""
    shown = percent(value, digits)
    return f"+{shown}" if round(100.0 * value, digits) > 0.0 else shown


def ratio(value: float) -> str:
    return _known(value, lambda x: f"{_unsigned_zero(x, 2):,.2f}")


def count(value: float) -> str:
    """A whole number, or one that is rounded up to the next: what is needed is not needed in part."""
    return _known(value, lambda x: f"{math.ceil(x):,}")


def amount(value: Decimal | None, capital: Decimal) -> str:
    """Money with as many decimals as the size of the capital asks for: two from a thousand on."""
    if value is None:
        return UNKNOWN
    places = max(2, min(8, 4 - capital.adjusted()))
    return f"{round(value, places) + 0:,.{places}f}"  # Adding 0 takes the sign off a zero.


def digits(value: Decimal) -> str:
    """A price or a quantity to eight digits, without trailing zeros and without exponent."""
    rounded = round(value, max(0, _SHOWN_DIGITS - 1 - value.adjusted())) if value else Decimal(0)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(length_ms: float) -> str:
    """The two largest units: 12 d 4 h, 3 h 25 min, 45 min."""
    if math.isnan(length_ms):
        return UNKNOWN
    minutes = round(length_ms / MINUTE)
    days, hours = minutes * MINUTE // DAY, minutes * MINUTE % DAY // HOUR
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def moment(time_ms: int) -> str:
    """To the minute, UTC: 2022-01-31 12:05."""
    return iso(time_ms)[:16].replace("T", " ")


def day(time_ms: int) -> str:
    return iso(time_ms)[:10]


def typeset(text: str) -> str:
    """A text of ours with typographic minus signs before its numbers."""
    return _MINUS.sub("−", text)


def printable(name: str) -> str:
    """A name from outside, without anything that could move a cursor, colour a terminal or turn text around."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def shortened(name: str, length: int) -> str:
    """At most *length* characters of a printable name."""
    shown = printable(name)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def _known(value: float, shown: Callable[[float], str]) -> str:
    return shown(value) if not math.isnan(value) else UNKNOWN


def _unsigned_zero(value: float, places: int) -> float:
    """Rounded, and never minus zero."""
    return round(value, places) + 0.0

"""Closed bars on an instrument's grid."""

import math
from typing import NamedTuple

from cryptopilot.domain.errors import MalformedCandleError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.timeframe import iso
from cryptopilot.rules.arithmetic import MAX_BOOKED


class Bar(NamedTuple):
    """One closed OHLCV bar: open_time in ms UTC, prices in ticks, volume in lots.

    Made by `checked_bar`, or by a source that has already checked its whole file.
    """

    open_time: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Opening(NamedTuple):
    """The first price of a bar, in ticks, and the volume in lots that the bar offers to those who trade on it."""

    ticks: int
    bar_lots: int


def on_grid(value: float, step: float) -> int:
    """The grid step nearest to *value*, which is to be finite."""
    return round(value / step)


def checked_bar(instrument: Instrument, open_time: int, ohlcv: tuple[float, float, float, float, float]) -> Bar:
    """A bar from a source's raw doubles.

    Raises:
        MalformedCandleError: a value is NaN, infinite, negative, beyond the instrument's bounds, or
            not 0 < low <= open, close <= high.
    """
    for name, value in zip(("open", "high", "low", "close", "volume"), ohlcv, strict=True):
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise MalformedCandleError(
                instrument.symbol, iso(open_time), f"{name} is {value!r}; allowed: a finite number"
            )
    tick = float(instrument.tick_size)
    o, h, low, c = (on_grid(x, tick) for x in ohlcv[:4])
    volume = math.floor(ohlcv[4] / float(instrument.lot_size) + 1e-6)
    if not (0 < low <= min(o, c) and max(o, c) <= h):
        raise MalformedCandleError(
            instrument.symbol,
            iso(open_time),
            f"open, high, low, close {ohlcv[:4]}; allowed: 0 < low <= open, close <= high",
        )
    if h > instrument.max_ticks:
        raise MalformedCandleError(
            instrument.symbol, iso(open_time), f"high {ohlcv[1]}; allowed: up to {instrument.max_price}"
        )
    if not 0 <= volume < MAX_BOOKED:
        raise MalformedCandleError(instrument.symbol, iso(open_time), f"volume {ohlcv[4]}; allowed: 0 to 2**53 lots")
    return Bar(open_time, o, h, low, c, volume)

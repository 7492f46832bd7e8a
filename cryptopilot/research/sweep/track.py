"""One symbol's history as the sweep runs over it: arrays in which an uneventful bar is passed over quickly."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cryptopilot.quant.periods import closes
from cryptopilot.research.backtest import Setting
from cryptopilot.research.compiled import compiled_rules
from cryptopilot.research.history import ABSENT, Floats, History, Ints
from cryptopilot.research.layout import Array
from cryptopilot.rules.arithmetic import Scale
from cryptopilot.rules.fills import VOLATILITY_BARS, Costs, grid_volatility

STRIDE = 16
"""How many bars are passed over at once where none of them reaches stop or target."""

NEVER = 2**62
"""Stands for the low of a bar that is missing: no stop is as high."""


class Track(NamedTuple):
    """What is the same for every combination.

    Args:
        instants: int64 [m], ms UTC; bars: int64 [m + 1, 5], as `layout.Market` has them.
        lows, highs: int64 [m] of the bars, which a missing bar never reaches; floors, ceilings: the extremes of each
            STRIDE of them.
        marks: int64 [m], the last close known at each instant; volatility: float64 [m + 1], what slippage counts on,
            known at the instant before each bar begins to be met: entry t + 1 belongs to instant t.
        days: int64 [days], the last instant of each day of UTC.
    """

    instants: Array
    bars: Array
    lows: Array
    highs: Array
    floors: Array
    ceilings: Array
    marks: Array
    volatility: Array
    days: Array


class Terms(NamedTuple):
    """What every combination is run with: costs, and how a mandate sizes and protects. Its limits are not asked.

    Args:
        capital, max_order: atoms; fraction: the share of equity of a purchase.
        longest_ms: of a position, 0 without limit; slack: of an entry's limit; trailing: distance, 0 for none.
    """

    scale: Scale
    costs: Costs
    capital: int
    max_order: int
    fraction: float
    longest_ms: int
    slack: float
    trailing: float


def track_of(history: History, symbol: str, cache: Path | None = None) -> Track:
    """The decided part of one symbol's history."""
    s, begins = history.symbols.index(symbol), history.begins
    bars = np.ascontiguousarray(history.bars[begins:, s])
    instants, there = history.instants[begins:], bars[:-1, 3] != ABSENT
    lows, highs = np.where(there, bars[:-1, 2], NEVER), np.where(there, bars[:-1, 1], ABSENT)
    starts = np.arange(0, len(lows), STRIDE)
    days = closes(instants, np.arange(len(instants)), 0.0, "D").curve[1:].astype(np.int64)
    return Track(
        instants, bars, lows, highs, np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts),
        _marks(history, s), _volatility(history, s, cache), days,
    )  # fmt: skip


def terms_of(history: History, symbol: str, setting: Setting) -> Terms:
    """How a setting's mandate sizes and protects, under its costs."""
    mandate, costs = setting.mandate, setting.costs
    shares = (costs.half_spread, costs.impact, costs.latency_share, costs.volume_cap)
    limits = mandate.limits.numbers(setting.quote)
    return Terms(
        history.instruments[symbol].scale, Costs(int(costs.fee_ppm), *map(float, shares)), int(setting.capital),
        limits.max_order, float(limits.max_position), int(mandate.geometry.longest_ms), float(mandate.entry_slack),
        float(mandate.trailing),
    )  # fmt: skip


def _marks(history: History, s: int) -> Ints:
    """The last close at or before each instant, in ticks; 0 before the first."""
    last = np.maximum.accumulate(np.where(history.present[:, s], np.arange(len(history.instants)), -1))
    marks: Ints = np.where(last >= 0, history.bars[last, s, 3], 0)[history.begins :]
    return marks


def _volatility(history: History, s: int, cache: Path | None) -> Floats:
    found = np.empty(len(history.instants) - history.begins + 1)
    kernel: Any = compiled_rules(cache).driver(fill_volatility, allocates=False)
    kernel(np.ascontiguousarray(history.returns[:, s]), history.begins, found)
    return found


def fill_volatility(returns: Array, begins: int, found: Array) -> None:
    """Fill *found* [m + 1] with the volatility known before each instant's bar; to be compiled."""
    for i in range(len(found)):
        end = begins + i
        found[i] = grid_volatility(returns[max(0, end - VOLATILITY_BARS) : end])

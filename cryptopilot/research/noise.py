"""Other futures: the same columns up to a row, and something else, still valid, from there on."""

from collections.abc import Callable, Mapping

import numpy as np

from cryptopilot.ports.strategy import COLUMNS, Columns, Floats

CANDLE = ("open", "high", "low", "close", "volume")
IN_QUOTE = (
    "ema_fast", "ema_slow", "sma", "macd", "macd_signal", "bollinger_low", "bollinger_high", "atr",
)  # fmt: skip
"""Features that grow with the price."""

JUMP = 0.5
"""How far, as a fraction, a `jump` goes: far enough that whoever looks at the next bar decides otherwise."""

Future = Callable[[Columns, int, np.random.Generator], Columns]


def noise(columns: Columns, row: int, rng: np.random.Generator) -> Columns:
    """After *row* a walk of the returns that the columns have, in another order; every other column goes with it."""
    return _walked(columns, row, rng, 0.0)


def jump(columns: Columns, row: int, rng: np.random.Generator) -> Columns:
    """The same walk after a jump, upward or downward by chance."""
    return _walked(columns, row, rng, JUMP if rng.random() < 0.5 else -JUMP)


def unknown(columns: Columns, row: int, _rng: np.random.Generator) -> Columns:
    """Nothing moves, nothing is traded, and no feature or prediction is known."""
    last = float(columns.close[row])
    flat = dict.fromkeys(("open", "high", "low", "close"), last) | {"volume": 0.0}
    ahead = len(columns) - row - 1
    return _joined(columns, row, {n: np.full(ahead, flat.get(n, np.nan)) for n in COLUMNS[1:]})


def turned(columns: Columns, row: int, _rng: np.random.Generator) -> Columns:
    """The rows that came, the last one first."""
    return _joined(columns, row, {name: getattr(columns, name)[:row:-1] for name in COLUMNS[1:]})


def none(columns: Columns, row: int, _rng: np.random.Generator) -> Columns:
    """No row after it, as live."""
    return columns[: row + 1]


FUTURES: tuple[Future, ...] = (noise, jump, unknown, turned, none)


def _walked(columns: Columns, row: int, rng: np.random.Generator, first: float) -> Columns:
    """Rows drawn from all there are, moved to where a walk of their returns has come."""
    ahead = len(columns) - row - 1
    if ahead == 0:
        return columns
    drawn = rng.integers(1, len(columns), ahead)
    gains = columns.close[drawn] / columns.close[drawn - 1]
    gains[0] *= 1.0 + first
    close = columns.close[row] * np.cumprod(gains)
    scale = close / columns.close[drawn]
    begun = np.concatenate([columns.close[row : row + 1], close[:-1]])
    future = {name: getattr(columns, name)[drawn] for name in COLUMNS[1:]}
    future |= {name: future[name] * scale for name in ("high", "low", *IN_QUOTE)}
    future |= {"open": begun, "close": close}
    future["high"] = np.maximum(future["high"], np.maximum(begun, close))
    future["low"] = np.minimum(future["low"], np.minimum(begun, close))
    return _joined(columns, row, future)


def _joined(columns: Columns, row: int, future: Mapping[str, Floats]) -> Columns:
    arrays = (np.concatenate([getattr(columns, name)[: row + 1], future[name]]) for name in COLUMNS[1:])
    return Columns(columns.timeframe_ms, columns.closed_at, *arrays)

"""A strategy made ready: its declaration checked, its parameters complete, every answer judged before it is used."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.agents.strategies.per_candle import PerCandle
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.signal import SIDES
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.parameters import Parameter, Value, complete
from cryptopilot.ports.strategy import COLUMNS, LONGEST_LOOKBACK, Callbacks, Columns, StrategyError, Wishes
from cryptopilot.rules.signal_types import SIGNAL_TYPES
from cryptopilot.rules.wishes import REASONS

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
TAKEN = {*REASONS, *SIDES.values(), *(one.name for one in SIGNAL_TYPES)}
"""Names that a signal may bear for another reason."""

_KINDS = tuple(
    (name, np.dtype({"side": np.int8, "longest_ms": np.int64}.get(name, np.float64))) for name in Wishes._fields
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A strategy with the values of its parameters. It is a `ports.strategy.Strategy` itself.

    Args:
        values: of every parameter.
        signals: as its author wrote it; `wishes` asks it and judges the answer.
    """

    name: str
    version: str
    parameters: tuple[Parameter, ...]
    values: Mapping[str, Value]
    lookback: int
    signals: Callable[[Columns], Wishes]
    callbacks: Callbacks

    def wishes(self, symbol: str, columns: Columns) -> Wishes:
        """What it wishes for *symbol* at each row.

        Raises:
            StrategyError: it failed, or answered what no strategy may; names strategy, symbol and row.
        """
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # Unknown values are everyday guests here.
                found = self.signals(columns)
        except Exception as error:  # Somebody else's code: whatever it raises is its own failure.
            raise StrategyError(self.name, symbol, f"{type(error).__name__}: {error}") from error
        self._judge(symbol, columns, found)
        return found

    def _judge(self, symbol: str, columns: Columns, found: Wishes) -> None:
        if not isinstance(found, Wishes):
            raise StrategyError(self.name, symbol, f"signals answered {type(found).__name__}; allowed: Wishes")
        shape = (len(columns),)
        for name, kind in _KINDS:
            array = getattr(found, name)
            if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != shape:
                told = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise StrategyError(self.name, symbol, f"{name} is {told}; allowed: {kind} {shape}, one a row")
        for name, wrong, allowed in _faults(found):
            if wrong.any():
                row = int(np.argmax(wrong))
                where = f"{symbol}, row {row} ({iso(int(columns.closed_at[row]))})"
                raise StrategyError(self.name, where, f"{name} is {getattr(found, name)[row]}; allowed: {allowed}")


def _faults(found: Wishes) -> tuple[tuple[str, npt.NDArray[np.bool_], str], ...]:
    """Per field the rows at which its value is none: what a row that does not buy says beyond its side is nothing."""
    buying = found.side == 1
    infinite = {name: np.isinf(getattr(found, name)) for name in ("size", "stop", "target")}
    doubted = (found.confidence < 0.0) | (found.confidence > 1.0)
    return (
        ("side", (found.side < -1) | (found.side > 1), "-1, 0 or 1"),
        ("size", buying & (infinite["size"] | (found.size < 0.0)), "a share of equity from 0, or NaN"),
        ("stop", buying & infinite["stop"], "a finite fraction, or NaN"),
        ("target", buying & infinite["target"], "a finite fraction, or NaN"),
        ("longest_ms", buying & (found.longest_ms < -1), "milliseconds from 0, or -1"),
        ("confidence", buying & doubted, "0 to 1, or NaN"),
    )


def choose(kind: Any, values: Mapping[str, object] | None = None) -> "Chosen | Ensemble":
    """The strategy of a class, with *values* for its parameters and its defaults for the rest.

    Raises:
        StrategyError: the class is no strategy, or cannot be made; says what is missing or wrong.
        InvalidValueError: a value is not allowed, or no parameter has that name.
    """
    if kind is Ensemble:
        complete((), values or {})
        return Ensemble()
    called = getattr(kind, "__name__", repr(kind))
    if not isinstance(kind, type):
        raise StrategyError(called, "declaration", f"{type(kind).__name__}; allowed: a class")
    parameters = _told(kind, called, "parameters")
    if not (isinstance(parameters, tuple) and all(isinstance(one, Parameter) for one in parameters)):
        raise StrategyError(called, "parameters", f"{parameters!r}; allowed: a tuple of Parameter")
    values = complete(parameters, values or {})
    try:
        made: Any = kind(**values)
    except InvalidValueError:
        raise
    except Exception as error:  # Somebody else's constructor.
        raise StrategyError(called, "making it", f"{type(error).__name__}: {error}") from error
    name, version, lookback = _identity(made, called)
    return Chosen(name, version, parameters, values, lookback, _signals(made, name), _callbacks(made, name))


def _identity(made: Any, called: str) -> tuple[str, str, int]:
    """Its name, version and lookback."""
    name, version, lookback = (_told(made, called, what) for what in ("name", "version", "lookback"))
    if not (isinstance(name, str) and _NAME.fullmatch(name) and name not in TAKEN):
        allowed = "1 to 32 small letters, digits, - and _, beginning with a letter, and no reason for holding"
        raise StrategyError(called, "name", f"{name!r}; allowed: {allowed}")
    if not (isinstance(version, str) and version):
        raise StrategyError(name, "version", f"{version!r}; allowed: a text")
    if not (type(lookback) is int and 1 <= lookback <= LONGEST_LOOKBACK):
        raise StrategyError(name, "lookback", f"{lookback!r}; allowed: 1 to {LONGEST_LOOKBACK} rows")
    return name, version, lookback


def _told(strategy: Any, called: str, what: str) -> Any:
    if not hasattr(strategy, what):
        raise StrategyError(called, "declaration", f"{what} is missing")
    return getattr(strategy, what)


def _signals(made: Any, name: str) -> Callable[[Columns], Wishes]:
    """Its `signals`, or its `start` fed candle by candle; it has one of the two."""
    columns, candles = (callable(getattr(made, what, None)) for what in ("signals", "start"))
    if columns == candles:
        found = "both" if columns else "neither"
        raise StrategyError(name, "declaration", f"{found} of signals(columns) and start(); allowed: one")
    if columns:
        signals: Callable[[Columns], Wishes] = made.signals
        return signals
    reads = _told(made, name, "reads")
    if not (isinstance(reads, tuple) and reads and set(reads) <= set(COLUMNS)):
        raise StrategyError(name, "reads", f"{reads!r}; allowed: a tuple of {', '.join(COLUMNS)}")
    if made.lookback < 2:
        raise StrategyError(name, "lookback", f"{made.lookback}; allowed: 2 or more, for a strategy by candles")
    return PerCandle(made).signals


def _callbacks(made: Any, name: str) -> Callbacks:
    found = {what: getattr(made, what, None) for what in Callbacks._fields}
    for what, callback in found.items():
        if callback is not None and not callable(callback):
            raise StrategyError(name, what, f"{callback!r}; allowed: a method, or none of that name")
    return Callbacks(**found)

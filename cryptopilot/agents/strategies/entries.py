"""What a strategy's own callbacks make of an entry: smaller, differently stopped, or nothing."""

import math
from numbers import Real

import numpy as np

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.strategy import Callbacks, Entry, StrategyError
from cryptopilot.rules.signals import NEAREST, WIDEST_STOP


class CallbackFailedError(StrategyError):
    """A callback raised, or answered what it may not: the entry is not made. Names strategy, callback and entry."""

    def __init__(self, strategy: str, callback: str, entry: Entry, why: str) -> None:
        super().__init__(strategy, f"{callback} of {entry.symbol} at {iso(entry.instant)}", why)
        self.callback, self.entry = callback, entry


def answered(strategy: Chosen, entry: Entry) -> Entry | None:
    """The entry as the strategy's callbacks leave it, never larger; None when one of them refuses it.

    Raises:
        CallbackFailedError: one of them failed.
    """
    callbacks = strategy.callbacks
    if callbacks.stop is not None:
        stop = _number(strategy.name, callbacks, "stop", entry, NEAREST, WIDEST_STOP)
        entry = entry if stop == entry.stop else entry._replace(stop=stop)
    if callbacks.stake is not None:
        size = _number(strategy.name, callbacks, "stake", entry, 0.0, math.inf)
        entry = entry if size >= entry.size else entry._replace(size=size)
    if not entry.size > 0.0:
        return None
    if callbacks.confirm is not None:
        agreed = _asked(strategy.name, callbacks, "confirm", entry)
        if not isinstance(agreed, bool | np.bool_):
            raise CallbackFailedError(strategy.name, "confirm", entry, f"answered {agreed!r}; allowed: True or False")
        return entry if agreed else None
    return entry


def _number(strategy: str, callbacks: Callbacks, which: str, entry: Entry, low: float, high: float) -> float:
    found = _asked(strategy, callbacks, which, entry)
    number = float(found) if isinstance(found, Real) and not isinstance(found, bool) else math.nan
    if not (low <= number <= high and number < math.inf):
        bounds = f"a number from {low:g}" + (f" to {high:g}" if high < math.inf else "")
        raise CallbackFailedError(strategy, which, entry, f"answered {found!r}; allowed: {bounds}")
    return number


def _asked(strategy: str, callbacks: Callbacks, which: str, entry: Entry) -> object:
    try:
        return getattr(callbacks, which)(entry)
    except Exception as error:  # Somebody else's code.
        raise CallbackFailedError(strategy, which, entry, f"{type(error).__name__}: {error}") from error

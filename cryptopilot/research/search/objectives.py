"""What a search strives for: statistics of a run, each to be as high or as low as can be."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cryptopilot.domain.errors import InvalidValueError, RejectedError

HIGH, LOW = "maximise", "minimise"

WANTED: Mapping[str, str] = {
    "total_return": HIGH,
    "cagr": HIGH,
    "sharpe": HIGH,
    "sortino": HIGH,
    "calmar": HIGH,
    "system_quality": HIGH,
    "profit_factor": HIGH,
    "expectancy_ratio": HIGH,
    "win_rate": HIGH,
    "max_drawdown": LOW,
    "average_drawdown": LOW,
    "ulcer_index": LOW,
    "volatility": LOW,
    "turnover": LOW,
    "time_in_market": LOW,
}
"""The statistics that can be striven for, and which way."""


TRADES = "trades"
"""The statistic that says how many trades were closed."""


class UnusableError(RejectedError):
    """A run whose statistics a search cannot compare with others."""


class Objective(NamedTuple):
    """One statistic, and which way is better."""

    name: str
    wanted: str

    def better(self, one: float, other: float) -> bool:
        """Whether *one* is the better of two."""
        return one > other if self.wanted == HIGH else one < other


def objectives(text: str) -> tuple[Objective, ...]:
    """What ``sharpe,max_drawdown`` asks for.

    Raises:
        InvalidValueError: nothing, one that nobody knows, or one twice.
    """
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    if not names or len(set(names)) < len(names) or any(name not in WANTED for name in names):
        raise InvalidValueError("--objective", text, f"one or more of {', '.join(WANTED)}, each once")
    return tuple(Objective(name, WANTED[name]) for name in names)


def values(statistics: Mapping[str, float], wanted: Sequence[Objective], least_trades: int = 0) -> tuple[float, ...]:
    """The numbers of a run that a search compares.

    Raises:
        InvalidValueError: a run has no such statistic at all, so that no run will.
        UnusableError: one is unknown or infinite, for this run; or it closed fewer trades than *least_trades*.
    """
    if least_trades and not statistics[TRADES] >= least_trades:
        raise UnusableError(f"{statistics[TRADES]:g} trades closed, fewer than {least_trades}; the run is a failure")
    for objective in wanted:
        if objective.name not in statistics:
            raise InvalidValueError("--objective", objective.name, f"one of {', '.join(sorted(statistics))}")
    found = tuple(float(statistics[objective.name]) for objective in wanted)
    for objective, value in zip(wanted, found, strict=True):
        if not math.isfinite(value):
            raise UnusableError(f"{objective.name} is {value}, which compares with nothing; the run is a failure")
    return found

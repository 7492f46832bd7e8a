"""What passes between the server and a process that works for it: one errand in, lines of progress out.

Both sides import this, and only the worker imports the compiler.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from cryptopilot.runtime.settings import Settings

DOCUMENT, PAGE, LOG = "report.json", "report.html", "log"
"""Files in a job's folder: the two reports, and what the worker wrote to its error output."""

_CARRIED = (
    "market", "symbols", "timeframe", "capital", "strategy", "strategy_parameters", "home", "max_concurrent_trades",
    "min_confidence_threshold", "max_position_size", "max_daily_loss", "max_drawdown", "max_correlation",
    "stop_loss_percentage", "take_profit_percentage", "min_order", "max_order", "cooldown", "whitelist",
    "trade_execution_interval",
)  # fmt: skip
"""Settings that a backtest depends on. Secrets and the database's address are none of them (SECURITY.md, R14)."""


class Errand(msgspec.Struct, frozen=True):
    """A backtest to be run.

    Args:
        environment: settings by their environment names, as JSON values; start, until: texts, as `markets.Choice`.
        fee, latency_ms, trials: as `backtesting.Question`.
    """

    environment: dict[str, Any]
    exchange: str
    start: str
    until: str
    fee: str
    latency_ms: int
    trials: int


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker says: how far it is, or, last, its figures or why it failed."""

    doing: str = ""
    progress: float = 0.0
    figures: dict[str, Any] | None = None
    problem: str | None = None


class Limits(NamedTuple):
    """What a worker may use: bytes of address space, bytes of one file, wall seconds until it is ended."""

    memory: int = 6 * 2**30
    file: int = 256 * 2**20
    seconds: float = 1800.0


def carried(settings: Settings) -> dict[str, Any]:
    """The settings that a backtest depends on, by environment name, as JSON values; paths are absolute."""
    fields = type(settings).model_fields
    found: Mapping[str, Any] = settings.model_copy(update={"home": settings.home.resolve()}).model_dump(
        mode="json", include=set(_CARRIED)
    )
    return {str(fields[name].alias): value for name, value in found.items()}

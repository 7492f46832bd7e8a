"""The four stages of the pipeline, and what one run of a stage says it did."""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """An agent's turn."""

    COLLECTOR = "collector"
    PREDICTOR = "predictor"
    STRATEGY = "strategy"
    TRADER = "trader"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something a stage passed over, and why."""

    symbol: str
    why: str


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one run of one stage did at *instant*; produced counts predictions, signals or orders."""

    stage: Stage
    instant: int
    produced: int
    refused: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    duration_ms: float = 0.0


ALREADY_HANDLED = "this instant is already handled"
NOTHING_YET = "no instant has been collected yet"


@dataclass(slots=True)
class StageStatus:
    """How a stage has been doing; times are market time in ms UTC, durations wall milliseconds."""

    state: str = "idle"
    last_execution: int | None = None
    execution_count: int = 0
    skipped_count: int = 0
    error_count: int = 0
    last_error: str | None = None
    processing_time_ms: float | None = None

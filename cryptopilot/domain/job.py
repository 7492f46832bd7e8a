"""A job: work that somebody asked for, done beside the pipeline, with a result that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptopilot.domain.errors import RejectedError


class JobState(StrEnum):
    """Where a job stands; *interrupted* is one that was running when the server ended."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    REMOVED = "removed"
    """Only ever told, to those who listen; no job is kept in it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one user. Times are wall time in ms UTC.

    Args:
        question: what was asked, as it is shown; errand: the same, as the process that works on it is told.
        doing: what is being done; progress: how much is, 0 to 1. Neither is kept beyond the process.
        figures: what came of it, once it is done; problem: why it failed.
    """

    id: str
    user_id: str
    asked_at: int
    question: Mapping[str, Any]
    errand: str
    state: JobState = JobState.QUEUED
    begun_at: int | None = None
    ended_at: int | None = None
    doing: str = ""
    progress: float = 0.0
    figures: Mapping[str, Any] | None = None
    problem: str | None = None

    @property
    def waits_or_runs(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)


class QueueFullError(RejectedError):
    """A user has as many jobs waiting as one may have."""

    def __init__(self, most: int, retry_after_s: int) -> None:
        self.field, self.value, self.allowed = "queued backtests", most + 1, f"up to {most}"
        super().__init__(f"{self.field} of yours would be {self.value}; allowed: {self.allowed}")
        self.retry_after_s = retry_after_s

"""Jobs and where they stand; their reports are files, and how far a running one is lives in memory."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from cryptopilot.adapters.storage import audit
from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.owed import Line
from cryptopilot.adapters.storage.schema import backtests
from cryptopilot.domain.job import Job, JobState


class StoredJobs:
    """The jobs of a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Job]:
        """Every job, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(backtests).order_by(backtests.c.asked_at, backtests.c.id)).all()
        return [_job(row) for row in rows]

    def keep(self, job: Job, line: Line | None = None) -> None:
        """Keep a job as it stands now, in place of how it stood before, and *line* in the audit trail, or neither.

        Raises:
            JournalUnavailableError: the database did not take it.
        """
        with alone(self._engine) as connection:
            connection.execute(delete(backtests).where(backtests.c.id == job.id))
            connection.execute(insert(backtests).values(_row(job)))
            _write(connection, line)

    def remove(self, job_id: str, line: Line | None = None) -> None:
        """Keep a job no longer, and *line* in the audit trail, or neither happens.

        Raises:
            JournalUnavailableError: the database did not take it.
        """
        with alone(self._engine) as connection:
            connection.execute(delete(backtests).where(backtests.c.id == job_id))
            _write(connection, line)


def _write(connection: Connection, line: Line | None) -> None:
    if line is not None:
        audit.append(connection, *line)


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id, "user_id": job.user_id, "asked_at": job.asked_at, "begun_at": job.begun_at,
        "ended_at": job.ended_at, "state": job.state.value, "question": json.dumps(job.question),
        "errand": job.errand, "figures": None if job.figures is None else json.dumps(job.figures),
        "problem": job.problem,
    }  # fmt: skip


def _job(row: Any) -> Job:
    figures: Mapping[str, Any] | None = None if row.figures is None else json.loads(row.figures)
    return Job(
        row.id, row.user_id, row.asked_at, json.loads(row.question), row.errand, JobState(row.state), row.begun_at,
        row.ended_at, figures=figures, problem=row.problem, progress=float(row.state == JobState.DONE),
    )  # fmt: skip

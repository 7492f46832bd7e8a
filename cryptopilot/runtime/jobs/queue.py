"""The queue of backtests: who asked for what, what runs, and what came of it.

Everything known is in memory and written through to the database, so that looking never waits for either; a state that
the database does not take is kept in mind and written with the next one. One person's act is finished before the next
begins (`_acting`); what is known changes only for an instant at a time (`_knowing`), whoever changes it.
"""

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cryptopilot.adapters.storage.jobs import StoredJobs
from cryptopilot.adapters.storage.owed import Line as AuditLine
from cryptopilot.adapters.storage.pages import Cursor, Page
from cryptopilot.domain.errors import ConflictError, JournalUnavailableError, NotFoundError, ServiceClosedError
from cryptopilot.domain.job import Job, JobState, QueueFullError
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.control import Who
from cryptopilot.runtime.jobs.errand import DOCUMENT, PAGE, Errand, Limits, Line
from cryptopilot.runtime.jobs.process import Process

log = logging.getLogger("trading_pipeline")

WORKER = "cryptopilot.runtime.jobs.backtest"
QUEUED_EACH = 5
"""Backtests of one user that may wait; one more runs."""
KEPT_EACH = 50
"""Backtests of one user that are kept once they have ended, the newest."""
RETRY_AFTER_S = 30
"""When it is worth to ask again where too many wait: about what one backtest takes."""
_FAREWELL_S = 5.0


class Running(NamedTuple):
    """Whose job it is, its worker, and the thread that listens to it."""

    user_id: str
    worker: Process
    listener: threading.Thread


def at_once() -> int:
    """Backtests that run at the same time, all users together: the pipeline needs a processor too."""
    return max(1, (os.cpu_count() or 1) // 2)


class Jobs:
    """All backtests of one home. Methods may be called from any thread.

    Args:
        folder: of the reports, one folder a job.
    """

    def __init__(self, stored: StoredJobs, folder: Path) -> None:
        self._stored, self._folder = stored, folder
        self._most, self._limits = at_once(), Limits()
        self._acting, self._knowing = threading.RLock(), threading.Lock()
        self._known: dict[str, Job] = {}
        self._running: dict[str, Running] = {}
        self._unsaved: set[str] = set()
        self._told: dict[str, Job] = {}
        self._open = False
        self.wake: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Know what is stored. What was running when the last server ended was interrupted; what waited goes on.

        Raises:
            JournalUnavailableError: the database does not answer.
        """
        with self._acting:
            if self._open:
                return
            found = self._stored.all()
            with self._knowing:
                self._known = {job.id: job for job in found}
            self._open = True
            for job in found:
                if job.state is JobState.RUNNING:
                    self._interrupted(job)
            self._dispatch()

    def close(self) -> None:
        """End what runs; it is marked as interrupted. What waits goes on with the next start."""
        with self._acting:
            self._open = False
            running = list(self._running.items())
            for job_id, found in running:
                job = self._known.get(job_id)  # Cancelled and removed, perhaps.
                if job is not None and job.state is JobState.RUNNING:
                    self._interrupted(job)
                found.worker.kill()
        for _, found in running:
            found.listener.join(_FAREWELL_S)

    def submit(self, user_id: str, who: Who, question: Mapping[str, Any], errand: Errand) -> Job:
        """Let a backtest wait for its turn, durably.

        Raises:
            QueueFullError: QUEUED_EACH wait already. JournalUnavailableError: nothing is queued.
        """
        text = msgspec.json.encode(errand).decode()
        job = Job(secrets.token_hex(8), user_id, wall_ms(), question, text)
        with self._acting:
            self._require_open()
            if sum(one.state is JobState.QUEUED for one in self._of(user_id)) >= QUEUED_EACH:
                raise QueueFullError(QUEUED_EACH, RETRY_AFTER_S)
            self._stored.keep(job, _line(who, "backtest.run", job))
            self._know(job)
            self._dispatch()
        return self.get(user_id, job.id)

    def page(self, user_id: str, limit: int, after: Cursor | None) -> Page:
        """A user's jobs, newest first."""
        found = [job for job in self._of(user_id) if after is None or (job.asked_at, job.id) < after]
        more = len(found) > limit
        return Page(found[:limit], Cursor(found[limit - 1].asked_at, found[limit - 1].id) if more else None)

    def get(self, user_id: str, job_id: str) -> Job:
        """One job of that user.

        Raises:
            NotFoundError: they have none of that id, whoever else may.
        """
        job = self._known.get(job_id)
        if job is None or job.user_id != user_id:
            raise NotFoundError("backtest", job_id[:64], "GET /api/backtests lists yours")
        return job

    def document(self, user_id: str, job_id: str) -> bytes:
        """The report of a job that is done, as JSON; raises as `_report`."""
        return self._report(user_id, job_id, DOCUMENT)

    def html(self, user_id: str, job_id: str) -> bytes:
        """The same, as one page."""
        return self._report(user_id, job_id, PAGE)

    def drop(self, user_id: str, who: Who, job_id: str) -> Job:
        """Cancel a job that waits or runs, or remove one that has ended, with its report; how it stands then.

        Raises:
            NotFoundError: as `get`. JournalUnavailableError: nothing has changed.
        """
        with self._acting:
            self._require_open()
            job = self.get(user_id, job_id)
            if job.waits_or_runs:
                job = self._cancelled(job, who)
                self._dispatch()
            else:
                self._forget(job, _line(who, "backtest.remove", job))
                job = replace(job, state=JobState.REMOVED)
        return job

    def shown(self, user_id: str) -> list[Job]:
        """A user's jobs, oldest first."""
        return self._of(user_id)[::-1]

    def take(self) -> list[Job]:
        """The jobs that have changed since they were last taken, each as it stands now."""
        with self._knowing:
            told, self._told = self._told, {}
        return list(told.values())

    def _of(self, user_id: str) -> list[Job]:
        """Newest first."""
        with self._knowing:
            mine = [job for job in self._known.values() if job.user_id == user_id]
        return sorted(mine, key=lambda job: (job.asked_at, job.id), reverse=True)

    def _require_open(self) -> None:
        if not self._open:
            raise ServiceClosedError("backtests are not open yet, or are being closed; try again in a moment")

    def _report(self, user_id: str, job_id: str, name: str) -> bytes:
        """Raises NotFoundError: as `get`, or its file is gone; ConflictError: the job is not done."""
        job = self.get(user_id, job_id)
        if job.state is not JobState.DONE:
            raise ConflictError(f"backtest {job.id} is {job.state}; only one that is done has a report")
        try:
            return (self._folder / job.id / name).read_bytes()
        except OSError as error:
            raise NotFoundError("report", name, "its file is gone from the home; run the backtest again") from error

    def _know(self, job: Job) -> None:
        with self._knowing:
            self._known[job.id] = self._told[job.id] = job
        self.wake()

    def _change(self, job: Job) -> None:
        """Know how a job stands, and keep it as soon as the database takes it."""
        self._know(job)
        self._unsaved.add(job.id)
        for job_id in sorted(self._unsaved):
            try:
                self._stored.keep(self._known[job_id])
            except JournalUnavailableError as error:
                log.warning("backtest_not_kept", extra={"backtest": job_id, "error": str(error)})
                return
            self._unsaved.discard(job_id)

    def _dispatch(self) -> None:
        """Begin what may begin: the oldest first, one of each user at a time."""
        with self._knowing:
            waiting = [job for job in self._known.values() if job.state is JobState.QUEUED]
        for job in sorted(waiting, key=lambda job: (job.asked_at, job.id)):
            if self._open and len(self._running) < self._most and job.user_id not in self._busy():
                self._begin(job)

    def _busy(self) -> set[str]:
        return {running.user_id for running in self._running.values()}

    def _begin(self, job: Job) -> None:
        began = replace(job, state=JobState.RUNNING, begun_at=wall_ms(), doing="starting")
        self._change(began)
        try:
            worker = Process(WORKER, job.errand.encode(), self._folder / job.id)
        except OSError as error:
            problem = f"it could not be started: {error.strerror or error}"
            self._ended(began, Line(problem=problem))
            return
        listener = threading.Thread(target=self._listen, args=(began, worker), name=f"backtest-{job.id}", daemon=True)
        self._running[job.id] = Running(job.user_id, worker, listener)
        listener.start()

    def _listen(self, job: Job, worker: Process) -> None:
        """Follow a worker to its end, then let the next one begin."""
        last = worker.listen(lambda line: self._progressed(job.id, line), self._limits.seconds)
        with self._acting:
            del self._running[job.id]
            now = self._known.get(job.id)  # Cancelled and removed, perhaps.
            if now is not None and now.state is JobState.RUNNING:
                self._ended(now, last)
            self._dispatch()

    def _progressed(self, job_id: str, line: Line) -> None:
        with self._knowing:
            job = self._known.get(job_id)
            if job is None or job.state is not JobState.RUNNING:
                return
            share = max(job.progress, line.progress)
            self._known[job_id] = self._told[job_id] = replace(job, doing=line.doing[:40], progress=share)
        self.wake()

    def _ended(self, job: Job, last: Line) -> None:
        done = last.problem is None and all((self._folder / job.id / name).is_file() for name in (DOCUMENT, PAGE))
        if done:
            job = replace(job, state=JobState.DONE, progress=1.0, figures=last.figures)
        else:
            job = replace(job, state=JobState.FAILED, problem=last.problem or "it ended without its reports")
        self._change(replace(job, ended_at=wall_ms(), doing=""))
        self._thin(job.user_id)

    def _interrupted(self, job: Job) -> None:
        self._change(replace(job, state=JobState.INTERRUPTED, ended_at=wall_ms(), doing=""))

    def _cancelled(self, job: Job, who: Who) -> Job:
        """Stored first: what is told as cancelled stays so."""
        job = replace(job, state=JobState.CANCELLED, ended_at=wall_ms(), doing="")
        self._stored.keep(job, _line(who, "backtest.cancel", job))
        self._unsaved.discard(job.id)
        self._know(job)
        if job.id in self._running:
            self._running[job.id].worker.kill()
        self._thin(job.user_id)
        return job

    def _thin(self, user_id: str) -> None:
        """Forget the oldest of those that have ended, beyond KEPT_EACH."""
        ended: Sequence[Job] = [job for job in self._of(user_id) if not job.waits_or_runs]
        for job in ended[KEPT_EACH:]:
            try:
                self._forget(job)
            except JournalUnavailableError as error:
                log.warning("backtest_not_removed", extra={"backtest": job.id, "error": str(error)})

    def _forget(self, job: Job, line: AuditLine | None = None) -> None:
        self._stored.remove(job.id, line)
        self._unsaved.discard(job.id)
        shutil.rmtree(self._folder / job.id, ignore_errors=True)
        with self._knowing:
            del self._known[job.id]
            self._told[job.id] = replace(job, state=JobState.REMOVED)
        self.wake()


def _line(who: Who, action: str, job: Job) -> AuditLine:
    """What the audit trail says of an act."""
    detail = {"strategy": job.question["strategy"], "symbols": len(job.question["symbols"])}
    return AuditLine(wall_ms(), who.username, action, job.id, detail, who.address)

"""A backtest as it is shown."""

from cryptopilot.domain.job import Job
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.shapes.backtests import BacktestShape


def backtest(job: Job) -> BacktestShape:
    """Where a job stands; its errand, which names folders of this machine, is nobody's business."""
    return {
        "id": job.id,
        "state": job.state.value,
        "progress": job.progress,
        "doing": job.doing,
        "asked_at": iso(job.asked_at),
        "begun_at": None if job.begun_at is None else iso(job.begun_at),
        "ended_at": None if job.ended_at is None else iso(job.ended_at),
        "question": job.question,  # type: ignore[typeddict-item]  # As `asking.understood` wrote it, kept as JSON.
        "figures": job.figures,  # type: ignore[typeddict-item]  # As the worker's `figures` wrote them.
        "problem": job.problem,
    }

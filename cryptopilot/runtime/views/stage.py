"""What a stage says of one turn."""

from cryptopilot.domain.stage import StageReport
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.shapes.pipeline import StageAnswer


def stage_answer(report: StageReport) -> StageAnswer:
    """What a forced stage did."""
    return {
        "success": True,
        "stage": report.stage.value,
        "instant": iso(report.instant) if report.instant >= 0 else None,
        "produced": report.produced,
        "refused": list(report.refused),
        "skipped": [{"symbol": s.symbol, "why": s.why} for s in report.skipped],
        "duration_ms": report.duration_ms,
    }

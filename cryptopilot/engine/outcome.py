"""What an instant, or a stage's turn, came to: counted from what was said."""

from collections.abc import Iterable, Sequence

from cryptopilot.domain.events import InstantDecided
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.stage import Skipped, Stage, StageReport
from cryptopilot.rules.signals import HOLD


def decided(instant: int, judged: Sequence[Judged]) -> InstantDecided:
    signals: dict[str, int] = {}
    holds: dict[str, int] = {}
    refusals: dict[str, int] = {}
    for one in judged:
        kind = one.signal.signal_type
        signals[kind] = signals.get(kind, 0) + 1
        if one.signal.side == HOLD:
            holds[one.rule] = holds.get(one.rule, 0) + 1
        elif not one.approved:
            refusals[one.rule] = refusals.get(one.rule, 0) + 1
    known = sum(1 for j in judged if j.signal.direction_prob == j.signal.direction_prob)
    approved = sum(1 for j in judged if j.approved)
    return InstantDecided(instant, len(judged), known, signals, holds, refusals, approved, "", "")


def merged(stage: Stage, heard: Iterable[object]) -> StageReport:
    """The reports of every wallet's agent of a stage as one."""
    reports = [r for r in heard if isinstance(r, StageReport) and r.stage is stage]
    if len(reports) == 1:
        return reports[0]
    return StageReport(
        stage,
        max((r.instant for r in reports), default=-1),
        sum(r.produced for r in reports),
        tuple(x for r in reports for x in r.refused),
        tuple(x for r in reports for x in r.skipped),
    )


def passed_over(report: StageReport) -> bool:
    """Whether the stage found no instant to handle."""
    return bool(report.skipped) and all(isinstance(s, Skipped) and s.symbol == "*" for s in report.skipped)

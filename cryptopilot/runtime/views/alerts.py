"""What a person should know at once: told when the status turns from one state into another."""

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Literal

from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.shapes.pipeline import Status
from cryptopilot.runtime.shapes.stream import Alert

KEPT = 200
_Told = tuple[Literal["info", "warning", "critical"], str, str]


class Watch:
    """Compares each status with the one before."""

    def __init__(self) -> None:
        self._before: Status | None = None
        self._numbers = count(1)
        self._newest: deque[Alert] = deque(maxlen=KEPT)

    def newest(self) -> list[Alert]:
        """The alerts since the server's start, oldest first."""
        return list(self._newest)

    def changes(self, status: Status) -> list[Alert]:
        """The alerts of the step from the status before to *status*."""
        before, self._before = self._before, status
        now = iso(wall_ms())
        told: list[Alert] = [
            {"id": f"alert-{next(self._numbers)}", "at": now, "level": level, "code": code, "text": text}
            for level, code, text in _between(before, status)
        ]
        self._newest.extend(told)
        return told


def _between(before: Status | None, now: Status) -> Iterator[_Told]:
    yield from _risk(before, now)
    failed, fails = (before["failure"] if before else None), now["failure"]
    if fails and fails != failed:
        yield "critical", "failure", fails
    if failed and not fails:
        yield "info", "recovered", "The last instant was decided again as usual."
    away = before is not None and before["journal"] == "away"
    if now["journal"] == "away" and not away:
        yield "critical", "journal_away", "The database does not answer: no entries until it does; protection goes on."
    if away and now["journal"] == "ok":
        yield "info", "journal_back", "The database answers again; what was kept meanwhile has been written."
    known = before["source_errors"] if before else {}
    for source, error in now["source_errors"].items():
        if source not in known:
            yield "warning", "source_failed", f"{source}: {error}"
    silent = before["model_errors"] if before else {}
    for model, error in now["model_errors"].items():
        if model not in silent:
            yield "warning", "model_failed", f"{model} abstains: {error}"
    failed_on = before["strategy_errors"] if before else {}
    for symbol, error in now["strategy_errors"].items():
        if symbol not in failed_on:
            yield "warning", "strategy_failed", error


def _risk(before: Status | None, now: Status) -> Iterator[_Told]:
    was, risk = (before["risk"]["state"] if before else "active"), now["risk"]
    if risk["state"] == was:
        return
    if risk["state"] == "halted":
        yield "warning", "halted", f"Entries are halted by {risk['halted_by']}: {risk['halted_why']}"
    elif risk["state"] == "reducing":
        yield "warning", "reducing", "A loss limit is reached: no entries; positions are still left as planned."
    else:
        yield "info", "active", "Entries are allowed again."

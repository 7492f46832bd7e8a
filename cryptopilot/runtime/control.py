"""What people may do to a running pipeline. Each act says who did it, and is in the audit trail."""

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from cryptopilot.adapters.storage.audit import AuditTrail
from cryptopilot.adapters.storage.owed import Line
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.domain.errors import ConflictError, NotFoundError
from cryptopilot.domain.position import Position
from cryptopilot.domain.stage import Stage, StageReport
from cryptopilot.engine.clock import wall_ms
from cryptopilot.ports.journal import Booked
from cryptopilot.rules.protection import FORCED
from cryptopilot.runtime.board import Board
from cryptopilot.runtime.preferences import Changes, judged
from cryptopilot.runtime.service import PipelineService

_Act = TypeVar("_Act", bound=Callable[..., Any])


class Who(NamedTuple):
    """A signed-in user and where they ask from."""

    username: str
    address: str


class Left(NamedTuple):
    """Exits that were ordered, by order id, and symbols that are being left already."""

    orders: list[str]
    skipped: list[str]


def _in_turn(act: _Act) -> _Act:
    """One person acts at a time: what is found before an act still holds when it is done."""

    @wraps(act)
    def acting(self: "Control", *args: Any) -> Any:
        with self.acting:
            return act(self, *args)

    return cast("_Act", acting)


class Control:
    """Steers one service. Methods may be called from any thread; each returns once what it did is durable."""

    def __init__(self, service: PipelineService, audit: AuditTrail, stored: StoredSettings, board: Board) -> None:
        self._service, self._audit, self._stored, self._board = service, audit, stored, board
        self.acting = threading.Lock()

    @_in_turn
    def start(self, who: Who) -> None:
        """Let the stages decide.

        Raises:
            ConflictError: they do already.
        """
        if self._service.is_running:
            raise ConflictError("the pipeline is running already")
        self._service.start_pipeline(who.username)
        self._written(who, "pipeline.start", "pipeline", {})

    @_in_turn
    def stop(self, who: Who) -> None:
        """Decide no more; returns after the stage in hand. Protective orders stay.

        Raises:
            ConflictError: it is stopped already.
        """
        if not self._service.is_running:
            raise ConflictError("the pipeline is stopped already")
        self._service.stop_pipeline(who.username)
        self._written(who, "pipeline.stop", "pipeline", {})

    @_in_turn
    def force(self, who: Who, stage: Stage) -> StageReport:
        """Give a stage its turn now: same review, same limits."""
        report = self._service.run_stage(stage, who.username)
        found = {"produced": report.produced, "refused": len(report.refused), "instant": report.instant}
        self._written(who, f"force.{stage.value}", stage.value, found)
        return report

    @_in_turn
    def clear_cache(self, who: Who) -> dict[str, int]:
        """Forget what only speeds up looking."""
        cleared = self._service.clear_cache()
        self._written(who, "cache.clear", "cache", dict(cleared))
        return cleared

    @_in_turn
    def close(self, who: Who, trade_id: str) -> Left:
        """Order the exit of one position, at its next price.

        Raises:
            NotFoundError: no open position has that id; ConflictError: it is being left already.
        """

        def wanted() -> list[Position]:
            held = self._service.assembly.trader.account.positions.values()
            found = [p for p in held if p.trade_id == trade_id]
            if not found:
                raise NotFoundError("position", trade_id[:64], "GET /api/positions lists those that are open")
            return found

        left = self._leave(wanted)
        if left.skipped:
            raise ConflictError(f"{left.skipped[0]} is being left already; its order fills at the next price")
        self._written(who, "position.close", trade_id, {"orders": left.orders})
        return left

    @_in_turn
    def close_all(self, who: Who) -> Left:
        """Order the exit of every position, at its next price."""
        left = self._leave(lambda: list(self._service.assembly.trader.account.positions.values()))
        self._written(who, "position.close_all", "positions", {"orders": left.orders, "skipped": left.skipped})
        return left

    @_in_turn
    def halt(self, who: Who, why: str) -> None:
        """No entry from now on.

        Raises:
            ConflictError: entries are halted already.
        """
        trader, pipeline = self._service.assembly.trader, self._service.assembly.pipeline

        def halting() -> Iterator[Booked]:
            if trader.account.halted:
                raise ConflictError("entries are halted already")
            yield from trader.halt(pipeline.handled, who.username, why)

        pipeline.act(halting())
        self._written(who, "risk.halt", "entries", {"why": why})

    @_in_turn
    def resume(self, who: Who, why: str) -> None:
        """Let entries go on; daily loss and drawdown count from the present equity.

        Raises:
            ConflictError: nothing stands against entries.
        """
        trader, pipeline = self._service.assembly.trader, self._service.assembly.pipeline
        state = self._service.status()["risk"]["state"]

        def resuming() -> Iterator[Booked]:
            if state == "active" and not trader.account.halted:
                raise ConflictError("entries are allowed already")
            yield from trader.resume_entries(pipeline.handled, who.username, why)

        pipeline.act(resuming())
        self._written(who, "risk.resume", "entries", {"why": why, "from": state})

    @_in_turn
    def change(self, who: Who, wanted: Mapping[str, Any], action: str) -> Changes:
        """Change settings: judged whole, stored, applied, all or none.

        Raises:
            InvalidValueError: one is malformed or out of its range; ConflictError: one is set by the environment.
        """
        before = self._service.settings
        changes = judged(self._service.given, before, wanted)
        told = {c["name"]: {"before": c["before"], "after": c["after"]} for c in changes.changed}
        line = Line(wall_ms(), who.username, action, "settings", told, who.address)
        self._service.apply(changes.settings)
        try:
            self._stored.keep(changes.stored, who.username, line.at, line)
        except BaseException:
            self._service.apply(before)
            raise
        self._board.mark()
        return changes

    def _leave(self, wanted: Callable[[], list[Position]]) -> Left:
        """Order exits in one transaction; *wanted* is asked while nothing else moves."""
        trader, pipeline = self._service.assembly.trader, self._service.assembly.pipeline
        left = Left([], [])

        def leaving() -> Iterator[Booked]:
            for position in sorted(wanted(), key=lambda p: p.symbol):
                if position.symbol in trader.account.orders:
                    left.skipped.append(position.symbol)
                    continue
                for booked in trader.leave(position.symbol, pipeline.handled, FORCED):
                    left.orders.append(trader.account.orders[position.symbol].id)
                    yield booked

        pipeline.act(leaving())
        return left

    def _written(self, who: Who, action: str, subject: str, detail: Mapping[str, object]) -> None:
        """Write down what the journal has taken. It is done, and not to be told as failed: its line may wait."""
        self._board.mark()
        self._audit.write(Line(wall_ms(), who.username, action, subject, detail, who.address))

"""The service: one home, one market session, one pipeline. Doors and the published desk stand in front of it."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from cryptopilot.adapters.storage.database import DatabaseLock, connect, open_database
from cryptopilot.adapters.storage.pages import Pages
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.domain.errors import InvalidValueError, ServiceClosedError
from cryptopilot.domain.events import MandateSet
from cryptopilot.domain.stage import Stage, StageReport
from cryptopilot.domain.timeframe import timeframe_ms
from cryptopilot.engine.clock import stopwatch_ms, wall_ms
from cryptopilot.engine.runner import Runner
from cryptopilot.ports.journal import Batch, Booked
from cryptopilot.rules.signals import HOLD
from cryptopilot.runtime import markets
from cryptopilot.runtime.desk_log import log_batch
from cryptopilot.runtime.home import Home, describe_process
from cryptopilot.runtime.moment import Moment, moment_of
from cryptopilot.runtime.performance import Performance, Standing, statistics_of
from cryptopilot.runtime.preferences import effective
from cryptopilot.runtime.recent import PROPOSED, Reasoned, Recent, proposals, reasoned
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.shapes.pipeline import Status
from cryptopilot.runtime.shapes.statistics import Statistics
from cryptopilot.runtime.status import status_of
from cryptopilot.runtime.wiring import WALLET, Assembly, assemble_stored, beats_ms, clock_from, runner_for

OPERATOR = "operator"
"""Who acts where nobody has signed in: whoever runs the process."""

_PATIENCE_S = 1.0
"""How long somebody who looks waits for the instant in hand."""


_LOOKED_BACK = 300
"""Instants that are looked through for signals to buy or sell when a session is resumed."""

_CLOSED = "the pipeline is not open yet, or is being closed; try again in a moment"

_OVERDUE_MS = 10_000.0
"""An instant that takes longer than this means that something hangs."""


class PipelineService:
    """Opened once, closed once. Every public method may be called from any thread; stages take turns.

    Args:
        choice: which stretch of a replay; fresh: open a new session even where one could be resumed.
    Raises (open):
        SettingsError, InvalidValueError: something asked for is wrong; HomeTakenError: another process has the home;
        JournalUnavailableError: no database; JournalCorruptError: the books cannot be trusted.
    """

    def __init__(self, settings: Settings, choice: markets.Choice | None = None, *, fresh: bool = False) -> None:
        self.given = settings
        """As environment and command line say; `settings` holds what is stored besides."""
        self.settings = settings
        self._choice, self._fresh = choice or markets.Choice(), fresh
        self.home = Home(settings.home)
        self._engine: Engine | None = None
        self._doors: Engine | None = None
        self._lock: DatabaseLock | None = None
        self._assembly: Assembly | None = None
        self._runner: Runner | None = None
        self.opening_ms = 0.0
        self.resumed = False
        self._moment: Moment | None = None
        self._statistics: tuple[Standing, Statistics] | None = None

    def open(self) -> None:
        """Take the home, open the database, and recover the session; `run` lets market time go on."""
        if not self.settings.paper_trading:
            raise InvalidValueError("PIPELINE_PAPER_TRADING", "false", "true; live trading is not in this version")
        began = stopwatch_ms()
        self.home.take(describe_process())
        try:
            self.home.prepare_secrets()
            self.home.jwt_secret(self.settings.jwt_secret_key)
            self._engine = open_database(self.settings.url())
            self._doors = connect(self.settings.url())
            self._lock = DatabaseLock(self._engine, describe_process())
            self.settings = effective(self.given, StoredSettings(self._engine).all())
            self._begin(self._engine, self._lock.verify)
        except BaseException:
            self._release()
            raise
        self.opening_ms = stopwatch_ms() - began

    def halt(self) -> None:
        """Let market time run no further; what is in hand is finished first, and the folded state kept."""
        if self._runner is not None:
            self._runner.stop()

    def close(self) -> None:
        """Stop after what is in hand; keep the folded state; leave the home."""
        try:
            if self._runner is not None:
                self.halt()
                if self.finished and self._engine is not None and self._at_end():
                    Sessions(self._engine).end(self.assembly.session_id, wall_ms())
        finally:
            self._release()

    @property
    def assembly(self) -> Assembly:
        if self._assembly is None:
            raise ServiceClosedError(_CLOSED)
        return self._assembly

    @property
    def is_running(self) -> bool:
        return self._assembly is not None and self._assembly.pipeline.started

    @property
    def finished(self) -> bool:
        """Whether the market has come to its end, or the loop has failed."""
        return self._runner is not None and self._runner.finished.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended the loop, when that was not the market's end."""
        return self._runner.error if self._runner is not None else None

    def wait(self, seconds: float) -> bool:
        """Wait for the market's end; True when it has come."""
        return self._runner is not None and self._runner.finished.wait(seconds)

    def punctuality(self) -> tuple[int, int]:
        """Instants decided by this process, and how many of them after the next one was due."""
        return (self._runner.instants, self._runner.late) if self._runner is not None else (0, 0)

    def observe(self, observer: Callable[[Batch], None]) -> None:
        """Tell *observer* of every committed batch; it must not wait."""
        self.assembly.pipeline.observers.append(observer)

    def start_pipeline(self, who: str = OPERATOR) -> None:
        """Let the stages decide, from the next instant on."""
        self.assembly.pipeline.start(who)

    def stop_pipeline(self, who: str = OPERATOR) -> None:
        """Decide no more; returns after the stage in hand. Protection goes on while the process runs."""
        self.assembly.pipeline.stop(who)

    def run_stage(self, stage: Stage, who: str = OPERATOR) -> StageReport:
        """Give a stage its turn now: same review, same limits; an instant that is handled is skipped."""
        return self.assembly.pipeline.run_stage(stage, self._clock.now(), who)

    def clear_cache(self) -> dict[str, int]:
        """Forget what only speeds up looking, between two instants; the books are untouched."""
        with self.assembly.pipeline.quiet(_PATIENCE_S):
            cleared = {"predictions": len(self.recent.predictions), "news": len(self.recent.news)}
            self.recent.predictions = ()
            self.recent.news.clear()
            return cleared

    def status(self) -> Status:
        """How everything stands."""
        return self.moment().status

    def moment(self) -> Moment:
        """As of a moment between two instants; while one takes long, as of the last such moment, and marked *busy*."""
        with self.assembly.pipeline.quiet(_PATIENCE_S) as still:
            if still or self._moment is None:
                total = self.performance.now.total
                status = status_of(self.assembly, self._schedule, self.recent, total, self.settings, self.error)
                self._moment = moment_of(self.assembly, self.recent, total, status)
            else:
                self._moment = replace(self._moment, status={**self._moment.status, "busy": True})
            return self._moment

    def apply(self, settings: Settings) -> None:
        """Go on under other *settings* from the next stage on: beats at once, limits and exits as a new mandate.

        Raises:
            JournalUnavailableError: nothing has changed; PipelineStoppedError: the loop has ended.
        """
        assembly, mandate = self.assembly, settings.mandate()

        def set_mandate() -> Iterator[Booked]:
            yield Booked(WALLET, MandateSet(assembly.pipeline.handled, mandate))

        with assembly.pipeline.quiet(_OVERDUE_MS / 1000) as still:  # No instant may come between record and use.
            if not still:
                raise ServiceClosedError("an instant is in hand for too long; nothing was changed")
            if mandate != assembly.mandate:
                assembly.pipeline.act(set_mandate())
                assembly.use(mandate)
        for stage, every in beats_ms(settings).items():
            if every != self._schedule.beats_ms[stage]:
                self._schedule.set_beat(stage, every, self._clock.now())
        self.settings = settings

    @property
    def engine(self) -> Engine:
        """The database, for the doors: connections of their own, so that whoever looks takes none of the journal's."""
        if self._doors is None:
            raise ServiceClosedError(_CLOSED)
        return self._doors

    def reader(self) -> Reader:
        return Reader(self.engine, self.assembly.session_id, WALLET)

    def statistics(self) -> Statistics:
        """What the session has come to, as of the last committed batch."""
        now, kept = self.performance.now, self._statistics
        if kept is None or kept[0] is not now:
            kept = self._statistics = (now, statistics_of(self.assembly, self.recent, self.performance))
        return kept[1]

    def pages(self) -> Pages:
        return Pages(self.engine, self.assembly.session_id, WALLET)

    def ready(self) -> list[str]:
        """Why the service is not ready; empty when it is."""
        if self._assembly is None:
            return ["the pipeline has not been opened"]
        problems = []
        if self._assembly.pipeline.journal_away:
            problems.append("the journal is away: no entries, protection goes on")
        if self._assembly.pipeline.busy_ms > _OVERDUE_MS:
            problems.append("an instant has been in hand for more than ten seconds")
        if self.error is not None:
            problems.append(f"the pipeline has stopped: {self.error}")
        return problems

    def _begin(self, engine: Engine, guard: Callable[[], None]) -> None:
        wanted = markets.spec(self.settings, self._choice)
        sessions = Sessions(engine)
        found = None if self._fresh else sessions.resumable(self.settings.market, wanted)
        spec = found.spec if found else markets.drawn(wanted, self.settings.seed)
        market = markets.open_market(spec)
        clock_from(0, self.settings)  # A speed that cannot be is refused before anything is written.
        session = found or self._new_session(sessions, spec)
        self.resumed = found is not None
        sessions.wallet(WALLET, "Default", self.settings.mandate(), wall_ms())
        assembly = assemble_stored(engine, session, market, self.settings, guard=guard)
        recovered = assembly.recover()
        reader = Reader(engine, session.id, WALLET)
        halted = reader.halted() if assembly.trader.account.halted else None
        self.recent = Recent(reader.funnel(), halted, _acted(reader))
        self.performance = Performance.resumed(assembly, reader)
        assembly.pipeline.observers += (self.recent.observe, self.performance.observe)
        if self.settings.speed != "max":  # At full speed the summary says it.
            assembly.pipeline.observers.append(log_batch)
        self._runner, self._schedule, self._clock = runner_for(assembly, recovered, self.settings)
        self._assembly = assembly

    def run(self) -> None:
        """Let market time run, in a thread of its own."""
        assert self._runner is not None
        if not self.is_running:  # What the journal says of it must be true, or the session could not be reproduced.
            self.stop_pipeline()
        self._runner.start()

    def _new_session(self, sessions: Sessions, drawn: Mapping[str, Any]) -> MarketSession:
        quote = drawn["symbols"][0].partition("/")[2]
        label = markets.LABELS[drawn["market"]]
        return sessions.open(self.settings.market, label, drawn, quote, timeframe_ms(drawn["timeframe"]), wall_ms())

    def _at_end(self) -> bool:
        last = self.assembly.market.candles.last_instant
        return last is not None and self.assembly.pipeline.handled + self.assembly.market.candles.timeframe_ms > last

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
        for engine in (self._engine, self._doors):
            if engine is not None:
                engine.dispose()
        self._assembly, self._engine, self._doors, self._lock = None, None, None, None
        self.home.leave()


def _acted(reader: Reader) -> list[Reasoned]:
    """The latest signals to buy or sell, oldest first, as far back as it is quick to look."""
    found = deque[Reasoned]()
    for judged in reader.judged_before(_LOOKED_BACK):
        if any(j.signal.side != HOLD for j in judged):
            predictions = reader.predictions(judged[0].signal.instant)
            found.extendleft(reversed(proposals(reasoned(judged, predictions))))
        if len(found) >= PROPOSED:
            break
    return list(found)

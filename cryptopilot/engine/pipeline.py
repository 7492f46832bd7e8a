"""One instant is one event, one cascade and one transaction; then what it decided is sent, and fills are booked.

Order at an instant T: ranges of the bars closing at T, marks, then predict, signal and review as one cascade over all
symbols, then the openings of the bars beginning at T. Every symbol finishes a rank before the next rank begins.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cryptopilot.domain.errors import (
    JournalRefusedError,
    JournalUnavailableError,
    OutOfOrderError,
    PipelineStoppedError,
    TransientError,
)
from cryptopilot.domain.events import (
    BarsObserved,
    InstantClosed,
    InstantDecided,
    InstantGivenUp,
    MarketOpened,
    PredictionsMade,
    SignalsJudged,
    StageDue,
    StageForced,
    StagesStarted,
    StagesStopped,
)
from cryptopilot.domain.stage import Stage, StageReport, StageStatus
from cryptopilot.domain.tape import Checkpoint
from cryptopilot.engine.bus import Bus
from cryptopilot.engine.clock import stopwatch_ms
from cryptopilot.engine.desk import Desk
from cryptopilot.engine.outcome import decided, merged, passed_over
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.journal import Batch, Booked, Journal
from cryptopilot.ports.spill import Spill

log = logging.getLogger("trading_pipeline")

CHECKPOINT_EVERY = 500
"""Instants between two checkpoints: what a restart folds at most."""


class Pipeline:
    """Runs instants and stages, one at a time, whoever asks.

    Args:
        close: reads what became known with an instant; checkpoint: the folded state after it.
        observers: told of each batch once it is durable; they must not wait.
    """

    def __init__(
        self,
        bus: Bus,
        candles: CandleSource,
        close: Callable[[int], InstantClosed],
        checkpoint: Callable[[], Checkpoint],
        desks: Sequence[Desk],
        journal: Journal,
        spill: Spill,
    ) -> None:
        self._bus, self._candles, self._close, self._checkpoint = bus, candles, close, checkpoint
        self._desks, self._journal, self._spill = tuple(desks), journal, spill
        self._turn = threading.RLock()
        self._since_checkpoint = 0
        self._folding_ms = 0.0  # What predicting cost is spent while an instant is folded, before the stage's turn.
        self.observers: list[Callable[[Batch], None]] = []
        self.handled = -1
        self.started = False
        self.deciding: bool | None = None
        self.failure = ""
        self.fatal = ""
        self._number = 0
        self._began: float | None = None
        self._reading: InstantClosed | None = None
        self.stages = {stage: StageStatus() for stage in Stage}
        self.latency: dict[str, deque[float]] = {name: deque(maxlen=2000) for name in (*Stage, "instant", "commit")}

    def decide(self, instant: int) -> None:
        """Handle *instant* whole: protect, mark, and, when started, predict, signal, review; commit; send; fill.

        Raises:
            OutOfOrderError: it is not after the last one handled.
            JournalUnavailableError: the database did not take it; nothing was written, nothing was sent.
            Exception: a handler's error; nothing was written, nothing was sent. `protect` is still to be called.
        """
        with self._turn:
            self._in_order(instant)
            self._began = began = stopwatch_ms()
            self._drain()
            with self._all_or_nothing():
                closed = self._closed(instant)
                heard = self._bus.publish(closed)
                folding = stopwatch_ms()
                heard += self._bus.publish(BarsObserved(closed))
                self._folding_ms = stopwatch_ms() - folding
                if self.started:
                    for stage in Stage:
                        heard += self._run(StageDue(stage, instant))[0]
                batch = self._batch(instant, heard, closed)
                self._commit(batch)
            self.handled, self.failure = instant, ""
            self._tell(batch)
            self._send(instant)
            self.latency["instant"].append(stopwatch_ms() - began)
            self._began = None

    def protect(self, instant: int, failure: str) -> None:
        """Handle *instant* after `decide` has failed: stops, targets, marks and openings only.

        What happens is kept even while the journal is away: it waits in the spill.

        Raises:
            SpillFailedError: it could not be kept at all.
            Exception: the predictor's error in folding the instant, after all the rest is done.
        """
        with self._turn:
            self._in_order(instant)
            self._began = self._began or stopwatch_ms()
            self.failure = failure
            closed = self._closed(instant)
            heard = self._bus.publish(closed)
            self._bus.publish(InstantGivenUp(instant))
            batch = self._batch(instant, heard, closed)
            decided = InstantDecided(instant, 0, 0, {}, {}, {}, 0, "", "", failure)
            for desk in self._desks:
                batch.book(desk.trader.account.wallet_id, decided)
            self.handled = instant
            self._keep(batch)
            self._send(instant)
            self._began = None
            self._bus.publish(BarsObserved(closed))

    def run_stage(self, stage: Stage, now: int, who: str = "") -> StageReport:
        """Give *stage* its turn out of order: by its beat, or by force of *who*. Same review, same limits.

        Raises:
            JournalUnavailableError: nothing was written, nothing was sent.
            PipelineStoppedError: the loop has ended; nobody would protect what this could open.
        """
        with self._turn:
            self._going()
            with self._all_or_nothing():
                heard, report = self._run(StageDue(stage, now))
                batch = self._batch(self.handled, heard, None)
                if who and not passed_over(report):
                    forced = StageForced(self.handled, stage.value, now, who)
                    batch.events[:0] = [Booked(w, forced) for w in self._wallets]
                if batch:
                    self._drain()
                    self._commit(batch)
            if batch:
                self._tell(batch)
            if batch.judged:
                self._send(self.handled)
            return report

    def start(self, who: str) -> None:
        """Decide from the next instant on.

        Raises:
            JournalUnavailableError: it cannot be written down, so it does not happen.
        """
        with self._turn:
            self._going()
            if self.deciding is not True:
                self.act(Booked(w, StagesStarted(self.handled, who)) for w in self._wallets)
            self.started = self.deciding = True

    def stop(self, who: str) -> None:
        """Decide no more; returns after what is in hand."""
        with self._turn:
            self.started = False
            if self.deciding is not False:
                stopped = [Booked(w, StagesStopped(self.handled, who)) for w in self._wallets]
                self._keep(self._numbered(Batch(self.handled, events=stopped)))
            self.deciding = False

    def act(self, events: Iterable[Booked]) -> None:
        """Book what a person asked for, durably, then send what it intends."""
        with self._turn:
            self._going()
            batch = self._numbered(Batch(self.handled))
            with self._all_or_nothing():
                self._drain()
                batch.events += events
                self._commit(batch)
            self._tell(batch)
            self._send(self.handled)

    def give_up(self, error: BaseException) -> None:
        """The loop has ended on *error*: nothing is decided any more, and everybody is told so."""
        with self._turn:
            self.started, self.fatal = False, f"{type(error).__name__}: {error}"

    @contextmanager
    def quiet(self, seconds: float) -> Iterator[bool]:
        """A moment in which nothing changes, for those who read; False when it did not come within *seconds*."""
        taken = self._turn.acquire(timeout=seconds)
        try:
            yield taken
        finally:
            if taken:
                self._turn.release()

    def resume(self, instant: int, number: int, deciding: bool | None) -> None:
        """Go on after *instant* and batch *number*: send what a restart found unsent, meet openings still to meet.

        Args:
            deciding: whether the journal says that stages decide; None while it says nothing.
        """
        with self._turn:
            self.handled, self._number, self.deciding = instant, max(self._number, number), deciding
            self._send(instant)

    def save_checkpoint(self) -> None:
        """Keep the folded state, so that the next start folds nothing."""
        with self._turn:
            if self.handled >= 0 and not self._spill.batches():
                checkpoint = self._checkpoint()
                if checkpoint.market.instant == checkpoint.predictor.instant:
                    self._journal.commit(self._numbered(Batch(self.handled, checkpoint=checkpoint)))

    @property
    def _wallets(self) -> list[str]:
        return [desk.trader.account.wallet_id for desk in self._desks]

    @property
    def busy_ms(self) -> float:
        """How long the instant in hand has been in hand, in wall milliseconds; 0 when there is none."""
        began = self._began
        return 0.0 if began is None else stopwatch_ms() - began

    @property
    def journal_away(self) -> bool:
        """Whether facts wait in the spill for the journal to come back."""
        return bool(self._spill.batches())

    def _in_order(self, instant: int) -> None:
        if instant <= self.handled:
            raise OutOfOrderError(instant, self.handled)

    def _run(self, due: StageDue) -> tuple[list[object], StageReport]:
        """A stage's turn: what was said, and the stage's own report of it."""
        status = self.stages[due.stage]
        began = stopwatch_ms()
        try:
            heard = self._bus.publish(due)
        except Exception as error:
            status.state, status.last_error = "error", f"{type(error).__name__}: {error}"
            status.error_count += 1
            raise
        report = replace(merged(due.stage, heard), duration_ms=stopwatch_ms() - began)
        if report.produced or not passed_over(report):
            took = stopwatch_ms() - began + (self._folding_ms if due.stage is Stage.PREDICTOR else 0.0)
            status.state, status.last_execution = "ok", due.now
            status.execution_count += 1
            status.processing_time_ms = took
            self.latency[due.stage].append(took)
        else:
            status.skipped_count += 1
        return heard, report

    def _going(self) -> None:
        if self.fatal:
            raise PipelineStoppedError(f"the pipeline has stopped on {self.fatal}; restart it")

    def _closed(self, instant: int) -> InstantClosed:
        """What became known with an instant: read once, however often the instant is handled."""
        if self._reading is None or self._reading.instant != instant:
            self._reading = self._close(instant)
        return self._reading

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Whatever goes wrong within, books and venues stand as before, and the error reaches the caller."""
        saved = [desk.trader.save() for desk in self._desks]
        try:
            yield
        except BaseException:
            for desk, before in zip(self._desks, saved, strict=True):
                desk.trader.restore(before)
            raise

    def _numbered(self, batch: Batch) -> Batch:
        self._number += 1
        batch.number = self._number
        return batch

    def _batch(self, instant: int, heard: Iterable[object], closed: InstantClosed | None) -> Batch:
        """Everything of the cascade that is to be kept, in the order it happened."""
        batch = self._numbered(Batch(instant, news=closed.news if closed else ()))
        for event in heard:
            if isinstance(event, Booked):
                batch.events.append(event)
            elif isinstance(event, PredictionsMade):
                batch.predictions = event.predictions
            elif isinstance(event, SignalsJudged):
                batch.judged[event.wallet_id] = event.judged
        for wallet_id, judged in batch.judged.items():
            batch.book(wallet_id, decided(instant, judged))
        return batch

    def _commit(self, batch: Batch) -> None:
        """Make *batch* durable.

        Raises:
            JournalRefusedError: a batch that we gave up has arrived after all; only a restart can tell the two apart.
        """
        self._since_checkpoint += 1
        if self._since_checkpoint >= CHECKPOINT_EVERY and batch.checkpoint is None:
            checkpoint = self._checkpoint()
            if checkpoint.market.instant == checkpoint.predictor.instant:
                batch.checkpoint = checkpoint
        began = stopwatch_ms()
        if not self._journal.commit(batch):
            raise JournalRefusedError(f"batch {batch.number} is behind what the database holds; restart to recover")
        self.latency["commit"].append(stopwatch_ms() - began)
        if batch.checkpoint is not None:
            self._since_checkpoint = 0

    def _keep(self, batch: Batch) -> None:
        """Commit facts; while the journal is away, spill them."""
        try:
            self._drain()
            self._commit(batch)
        except JournalUnavailableError:
            self._spill.append(batch)
        else:
            self._tell(batch)

    def _drain(self) -> None:
        """Bring what waits in the spill into the journal, in order; what has arrived before is passed over."""
        waiting = self._spill.batches()
        for batch in waiting:
            if self._journal.commit(batch):
                self._tell(batch)
        if waiting:
            self._spill.clear()

    def _tell(self, batch: Batch) -> None:
        """Tell observers what is durable; whatever one of them does wrong stays its own affair."""
        for observer in self.observers:
            try:
                observer(batch)
            except Exception:  # The books are written; nobody who only looks may undo that.
                log.exception("observer_failed")

    def _send(self, instant: int) -> None:
        """Send what is durable, let waiting orders meet the openings at *instant*, and keep what came of it."""
        batch = Batch(instant, opened=True)
        for desk in self._desks:
            try:
                batch.events += desk.trader.on_sent(desk.outbox.dispatch(), instant)
            except TransientError as error:
                self.failure = str(error)
        if any(desk.trader.account.orders for desk in self._desks):
            openings = self._candles.opened(instant)
            batch.events += [e for e in self._bus.publish(MarketOpened(instant, openings)) if isinstance(e, Booked)]
        if batch.events:
            self._keep(self._numbered(batch))

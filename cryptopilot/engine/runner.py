"""The outermost loop: waits for what is due next and has the pipeline do it, until told to stop."""

import gc
import logging
import threading

from cryptopilot.domain.errors import IntegrityError, OutOfOrderError
from cryptopilot.engine.clock import MarketClock
from cryptopilot.engine.pipeline import Pipeline
from cryptopilot.engine.schedule import Schedule

log = logging.getLogger("trading_pipeline")


class Runner:
    """Runs in a thread of its own; `stop` returns once the stage in hand has ended.

    Args:
        last_instant: where the market ends; None for one without an end.
    """

    def __init__(self, pipeline: Pipeline, schedule: Schedule, clock: MarketClock, last_instant: int | None) -> None:
        self._pipeline, self._schedule, self._clock = pipeline, schedule, clock
        self._end = self._last = last_instant
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self.finished = threading.Event()
        self.error: BaseException | None = None
        self._stopped = False
        self.instants = 0
        self.late = 0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="pipeline", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand; the folded state is kept, so that the next start is quick."""
        if self._stopped:
            return
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._stopped = True
        if self.error is None:
            self._pipeline.save_checkpoint()

    def until(self, last_instant: int) -> None:
        """End after *last_instant*, or at the market's own end if that comes first."""
        self._last = last_instant if self._end is None else min(self._end, last_instant)

    def run(self) -> None:
        """Work in the caller's thread until the market ends or `stop` is called from another.

        What was folded until now lives as long as the session: the garbage collector leaves it out meanwhile, because
        walking it again and again is what the slowest instants were slow from.
        """
        gc.freeze()
        try:
            self._work()
        finally:
            gc.unfreeze()

    def _work(self) -> None:
        while not self._wake.is_set():
            instant = self._schedule.next_instant
            beat = self._schedule.next_beat()
            if instant <= beat:
                if self._last is not None and instant > self._last:
                    return
                if self._clock.wait_until(instant, self._wake):
                    self._handle(self._schedule.take_instant())
            elif self._clock.wait_until(beat, self._wake):
                self._beat()

    def _loop(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self.error = error
            self._pipeline.give_up(error)
            log.exception("pipeline_stopped")
        finally:
            self.finished.set()

    def _decide(self, instant: int) -> None:
        try:
            self._pipeline.decide(instant)
        except IntegrityError:
            raise
        except OutOfOrderError as error:
            log.warning("instant_out_of_order", extra={"instant": instant, "last": error.last})
        except Exception as error:
            log.exception("instant_given_up", extra={"instant": instant})
            self._protect(instant, f"{type(error).__name__}: {error}")

    def _handle(self, instant: int) -> None:
        self._decide(instant)
        self.instants += 1
        if self._clock.now() > instant + self._schedule.timeframe_ms:
            self.late += 1

    def _protect(self, instant: int, failure: str) -> None:
        try:
            self._pipeline.protect(instant, failure)
        except IntegrityError:
            raise
        except Exception as error:
            if self._pipeline.handled < instant:
                raise
            log.exception("prediction_failed", extra={"instant": instant, "error": str(error)})

    def _beat(self) -> None:
        now, stage = self._schedule.take_beat()
        if not self._pipeline.started:
            return
        try:
            self._pipeline.run_stage(stage, now)
        except IntegrityError:
            raise
        except Exception:
            log.exception("stage_failed", extra={"stage": stage})

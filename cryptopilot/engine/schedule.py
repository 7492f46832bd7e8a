"""When what is due: instants on the timeframe's grid, beats of the four stages."""

import heapq
import threading
from collections.abc import Mapping

from cryptopilot.domain.stage import Stage


class Schedule:
    """Grid instants decide; beats only ask whether an instant was left unhandled. Beats may be set from any thread.

    Args:
        timeframe_ms: length of the grid; beats_ms: how often each stage is woken, in market milliseconds.
        after: instants begin after this one, in ms UTC.
    """

    def __init__(self, timeframe_ms: int, beats_ms: Mapping[Stage, int], after: int) -> None:
        self.timeframe_ms = timeframe_ms
        self.beats_ms = dict(beats_ms)
        self.next_instant = after + timeframe_ms
        self._setting = threading.Lock()
        self._order = {stage: n for n, stage in enumerate(Stage)}
        self._due = [(after + every, self._order[stage], stage) for stage, every in self.beats_ms.items()]
        heapq.heapify(self._due)

    def next_beat(self) -> int:
        """When the next beat is due; far away when there are none."""
        return self._due[0][0] if self._due else 1 << 62

    def next_beat_of(self, stage: Stage) -> int:
        """When *stage* is woken next, in ms UTC."""
        return next((at for at, _, s in self._due if s is stage), 1 << 62)

    def take_beat(self) -> tuple[int, Stage]:
        """The next beat and its time; the one after it is planned."""
        with self._setting:
            at, order, stage = self._due[0]
            heapq.heapreplace(self._due, (at + self.beats_ms[stage], order, stage))
            return at, stage

    def take_instant(self) -> int:
        """The next instant; the one after it is planned."""
        instant = self.next_instant
        self.next_instant += self.timeframe_ms
        return instant

    def silence(self) -> None:
        """No beats from now on; instants alone decide."""
        self._due = []

    def set_beat(self, stage: Stage, every_ms: int, now: int) -> None:
        """Wake *stage* every *every_ms* from *now* on."""
        with self._setting:
            due = [d for d in self._due if d[2] is not stage] + [(now + every_ms, self._order[stage], stage)]
            heapq.heapify(due)
            self.beats_ms[stage], self._due = every_ms, due

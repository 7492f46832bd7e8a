"""The two clocks. Nothing else in the project reads the time.

The wall clock serves tokens, logs and durations. The market clock serves decisions: instants, beats, staleness. On
the sandbox and on replays it runs faster; on a virtual clock it runs when told to.
"""

import threading
import time
from typing import Protocol

from cryptopilot.domain.errors import InvalidValueError


def wall_ms() -> int:
    """Wall time in ms UTC."""
    return time.time_ns() // 1_000_000


def stopwatch_ms() -> float:
    """A reading for durations in wall milliseconds; only differences mean anything."""
    return time.perf_counter_ns() / 1e6


class MarketClock(Protocol):
    """Market time in ms UTC. It never goes backwards."""

    def now(self) -> int: ...

    def wait_until(self, instant: int, wake: threading.Event) -> bool:
        """Sleep until *instant*; False when *wake* was set before."""


class VirtualClock:
    """Jumps to wherever it is asked to wait: replays at full speed, and tests."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def wait_until(self, instant: int, wake: threading.Event) -> bool:
        if wake.is_set():
            return False
        self._now = max(self._now, instant)
        return True


class PacedClock:
    """Market time that starts at *start* now and runs at *speed* market seconds a second.

    It counts on the monotonic clock, so a step of the wall clock does not move it.
    """

    def __init__(self, start: int, speed: float) -> None:
        if not 0 < speed <= 1_000_000:
            raise InvalidValueError("speed", speed, "above 0, up to 1000000, or max")
        self._start, self._speed, self._zero = start, speed, time.monotonic_ns()

    def now(self) -> int:
        return self._start + int((time.monotonic_ns() - self._zero) * self._speed / 1e6)

    def wait_until(self, instant: int, wake: threading.Event) -> bool:
        while (left := instant - self.now()) > 0:
            if wake.wait(left / self._speed / 1000):
                return False
        return not wake.is_set()

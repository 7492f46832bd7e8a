"""Clocks, schedule and bus."""

import threading
import time
from collections.abc import Iterable

import pytest

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.stage import Stage
from cryptopilot.engine.bus import Bus
from cryptopilot.engine.clock import PacedClock, VirtualClock
from cryptopilot.engine.schedule import Schedule

BEATS = {Stage.COLLECTOR: 60, Stage.PREDICTOR: 300, Stage.STRATEGY: 300, Stage.TRADER: 60}


def test_a_virtual_clock_goes_where_it_is_told_and_never_back() -> None:
    clock, wake = VirtualClock(100), threading.Event()
    assert clock.wait_until(500, wake)
    assert clock.now() == 500
    assert clock.wait_until(200, wake)
    assert clock.now() == 500
    wake.set()
    assert not clock.wait_until(900, wake)
    assert clock.now() == 500


def test_a_paced_clock_runs_at_its_speed() -> None:
    clock, began = PacedClock(1_000_000, 1000.0), time.monotonic()
    assert clock.wait_until(1_000_000 + 100_000, threading.Event())
    assert 0.09 < time.monotonic() - began < 2
    assert clock.now() >= 1_100_000


def test_waiting_ends_when_woken() -> None:
    wake = threading.Event()
    threading.Timer(0.05, wake.set).start()
    assert not PacedClock(0, 1.0).wait_until(3_600_000, wake)


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e9, float("nan")])
def test_a_clock_of_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(InvalidValueError, match="speed"):
        PacedClock(0, speed)


def test_beats_come_in_the_order_of_time_then_of_the_river() -> None:
    schedule = Schedule(3600, BEATS, 0)
    taken = [schedule.take_beat() for _ in range(12)]
    assert taken == sorted(taken, key=lambda beat: (beat[0], list(Stage).index(beat[1])))
    assert [stage for at, stage in taken if at == 300] == list(Stage)
    assert schedule.next_beat() == 360


def test_instants_are_every_step_of_the_grid() -> None:
    schedule = Schedule(3600, BEATS, 7200)
    assert [schedule.take_instant() for _ in range(3)] == [10800, 14400, 18000]


def test_a_changed_beat_counts_from_now() -> None:
    schedule = Schedule(3600, BEATS, 0)
    schedule.set_beat(Stage.TRADER, 10, 1000)
    assert schedule.next_beat_of(Stage.TRADER) == 1010
    schedule.silence()
    assert schedule.next_beat() > 10**18


def test_handlers_run_in_the_order_they_joined_and_answers_are_heard_depth_first() -> None:
    bus = Bus()
    heard: list[str] = []

    def on_int(n: int) -> Iterable[object]:
        heard.append(f"int {n}")
        yield f"a{n}"
        yield f"b{n}"

    def on_text(text: str) -> Iterable[object]:
        heard.append(text)
        return ()

    def second(n: int) -> Iterable[object]:
        heard.append(f"second {n}")
        return ()

    bus.on(int, on_int)
    bus.on(int, second)
    bus.on(str, on_text)
    assert bus.publish(1) == [1, "a1", "b1"]
    assert heard == ["int 1", "a1", "b1", "second 1"]


def test_a_handlers_error_reaches_whoever_published() -> None:
    bus = Bus()

    def broken(_: int) -> Iterable[object]:
        raise ZeroDivisionError

    bus.on(int, broken)
    with pytest.raises(ZeroDivisionError):
        bus.publish(1)

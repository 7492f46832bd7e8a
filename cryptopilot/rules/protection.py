"""What protects a position: stop, target, trailing stop, time limit. Long positions, in ticks."""

import math

from cryptopilot.rules import rule

NOTHING, STOP, TARGET, SIGNAL_EXIT, TIME_LIMIT, FORCED = range(6)


@rule
def stop_below(mark_ticks: int, distance: float) -> int:
    """The stop *distance* (a fraction) below the mark, floored; at least one tick."""
    return max(1, math.floor(float(mark_ticks) * (1.0 - distance)))


@rule
def target_above(mark_ticks: int, distance: float) -> int:
    """The target *distance* (a fraction) above the mark, rounded up: never easier than declared."""
    return math.ceil(float(mark_ticks) * (1.0 + distance))


@rule
def trailed(stop_ticks: int, mark_ticks: int, distance: float) -> int:
    """A trailing stop after a new mark: it only rises; a distance of 0 leaves it where it is."""
    if not distance > 0.0:
        return stop_ticks
    return max(stop_ticks, stop_below(mark_ticks, distance))


@rule
def protective_exit(
    stop_ticks: int, target_ticks: int, open_ticks: int, high_ticks: int, low_ticks: int, entered_here: bool
) -> tuple[int, int]:
    """What a bar does to a protected long: (STOP or TARGET, the price before slippage), or (NOTHING, 0).

    Opening beyond stop or target fills at the open, unless the position began with this very bar; then only its range
    counts. When a bar reaches both, the stop came first. Nothing fills at a price that the bar did not show: a position
    entered beyond its own stop leaves at that open.
    """
    if not entered_here and open_ticks >= target_ticks:
        return TARGET, open_ticks
    if low_ticks <= stop_ticks:
        return STOP, min(stop_ticks, open_ticks)
    if high_ticks >= target_ticks:
        return TARGET, max(target_ticks, low_ticks)
    return NOTHING, 0


@rule
def time_is_up(instant: int, opened_at: int, longest_ms: int) -> bool:
    """Whether a position has been held for its whole time limit; 0 means no limit."""
    return longest_ms > 0 and instant - opened_at >= longest_ms

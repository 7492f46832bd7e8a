"""A curve fed point by point knows what the whole curve would say, in bounded memory."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cryptopilot.quant.metrics import deepest_drawdown, returns, sharpe, sortino
from cryptopilot.quant.running import MOST_POINTS, Curve, GrowingCurve, Point

HOURS = 24 * 365
curves = st.lists(st.integers(10**8, 10**13), min_size=1, max_size=200)


def grown(curve: Sequence[int]) -> GrowingCurve:
    growing = GrowingCurve()
    for at, equity in enumerate(curve):
        growing.add(at, equity)
    return growing


def assert_it_is_the_whole(found: Curve, curve: Sequence[int]) -> None:
    gains = returns(curve)
    for ratio, running in ((sharpe, found.moments.sharpe), (sortino, found.moments.sortino)):
        assert running(HOURS) == pytest.approx(ratio(gains, HOURS), rel=1e-9, abs=1e-9, nan_ok=True)
    fall = deepest_drawdown(curve)
    assert found.drawdown == fall.depth
    assert found.fallen_at == (fall.trough if fall.depth else None)
    assert (found.n, found.last) == (len(curve), Point(len(curve) - 1, curve[-1]))


@given(curves)
def test_ratios_and_drawdown_are_those_of_the_whole_curve(curve: list[int]) -> None:
    gains = returns(curve)
    # Nearly equal returns leave nothing but roundings to divide by, in either way.
    assume(gains.size < 2 or np.ptp(gains) == 0.0 or gains.std() > 1e-5 * abs(gains.mean()))
    assert_it_is_the_whole(grown(curve).curve(), curve)


def test_they_still_are_after_a_hundred_thousand_points() -> None:
    steps = np.random.default_rng(7).normal(1e-6, 1e-3, 100_000)
    curve = np.rint(1e12 * np.exp(np.cumsum(steps))).astype(int).tolist()
    found = grown(curve).curve()
    assert_it_is_the_whole(found, curve)
    assert MOST_POINTS // 2 < len(found.points()) <= MOST_POINTS


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5 * MOST_POINTS))
def test_a_thinned_curve_keeps_its_ends_and_even_steps_between_them(length: int) -> None:
    points = grown(range(1, length + 1)).curve().points()
    assert len(points) <= MOST_POINTS
    assert (points[0], points[-1]) == (Point(0, 1), Point(length - 1, length))
    steps = [b.at - a.at for a, b in pairwise(points)]
    assert len(set(steps[:-1])) <= 1
    assert steps == [1] * (length - 1) or (len(points) > MOST_POINTS // 2 and 0 < steps[-1] <= steps[0])


@pytest.mark.parametrize("length", [1, 1500, MOST_POINTS - 1, MOST_POINTS, 3 * MOST_POINTS])
def test_what_was_read_stays_as_it_was_however_far_the_curve_grows(length: int) -> None:
    growing = grown(range(1, length + 1))
    read = growing.curve()
    before = read.points()
    for at in range(length, length + 2 * MOST_POINTS):
        growing.add(at, at + 1)
    assert read.points() == before
    assert before[-1] == Point(length - 1, length)


def test_a_curve_without_points_knows_nothing() -> None:
    empty = GrowingCurve().curve()
    assert (empty.points(), empty.last, empty.fallen_at) == ([], None, None)
    assert math.isnan(empty.moments.sharpe(HOURS))
    assert math.isnan(empty.moments.sortino(HOURS))


def test_after_everything_is_lost_ratios_are_unknown_and_the_drawdown_is_whole() -> None:
    found = grown([100, 90, 0, 50, 60]).curve()
    assert (found.drawdown, found.fallen_at) == (1.0, 2)
    assert math.isnan(found.moments.sharpe(HOURS))
    assert math.isnan(found.moments.sortino(HOURS))

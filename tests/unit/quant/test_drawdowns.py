"""Every fall is found once, with its peak, its trough and its end."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.quant.drawdowns import Fall, average_drawdown, drawdown, falls, ulcer_index
from cryptopilot.quant.metrics import deepest_drawdown

curves = st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60)
BY_HAND = [100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 90.0]


def test_two_falls_by_hand_one_over_and_one_still_open() -> None:
    assert falls(BY_HAND) == (Fall(1.0 - 0.9, 0, 1, 3, True), Fall(0.5, 4, 5, 6, False))
    assert [fall.length for fall in falls(BY_HAND)] == [3, 2]
    assert average_drawdown(BY_HAND) == pytest.approx(0.3)


def test_the_ulcer_index_by_hand() -> None:
    assert ulcer_index(BY_HAND) == pytest.approx(math.sqrt((0.1**2 + 0.05**2 + 0.5**2 + 0.25**2) / 7))


@given(curves)
def test_falls_do_not_overlap_and_cover_exactly_the_time_under_water(curve: list[float]) -> None:
    under = drawdown(curve) > 0.0
    found = np.zeros(len(curve), bool)
    for fall in falls(curve):
        inside = slice(fall.peak + 1, fall.end if fall.recovered else fall.end + 1)
        assert not found[inside].any()
        found[inside] = True
        assert fall.depth == 1.0 - curve[fall.trough] / curve[fall.peak]
        assert curve[fall.trough] == min(curve[inside])
        assert not fall.recovered or curve[fall.end] >= curve[fall.peak]
    assert found.tolist() == under.tolist()


@given(curves)
def test_the_deepest_of_all_falls_is_the_deepest_drawdown(curve: list[float]) -> None:
    deepest = max(falls(curve), key=lambda fall: fall.depth, default=Fall(0.0, 0, 0, 0, True))
    assert deepest.depth == deepest_drawdown(curve).depth
    assert 0.0 <= ulcer_index(curve) <= deepest.depth + 1e-12


@given(curves, st.floats(0.01, 100.0))
def test_the_unit_of_money_changes_no_fall(curve: list[float], factor: float) -> None:
    other = [x * factor for x in curve]
    assert ulcer_index(other) == pytest.approx(ulcer_index(curve), abs=1e-12)
    assert drawdown(other) == pytest.approx(drawdown(curve), abs=1e-12)


def test_a_curve_that_never_fell_has_no_average_fall() -> None:
    assert math.isnan(average_drawdown([1.0, 2.0]))
    assert ulcer_index([1.0, 2.0]) == 0.0

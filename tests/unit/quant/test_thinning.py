"""A thinned curve is short, and shows what the long one did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.thinning import thinned

curves = st.lists(st.floats(-1e6, 1e6), max_size=300)


@given(curves, st.integers(4, 60))
def test_the_ends_and_the_extremes_are_kept_and_no_more_than_asked(curve: list[float], most: int) -> None:
    kept = thinned(curve, most)
    assert kept.size == min(len(curve), kept.size) <= most
    assert (np.diff(kept) > 0).all()
    if curve:
        left = [curve[i] for i in kept]
        assert (left[0], left[-1], min(left), max(left)) == (curve[0], curve[-1], min(curve), max(curve))


@given(curves, st.integers(4, 60))
def test_no_stretch_without_a_point_is_longer_than_its_share(curve: list[float], most: int) -> None:
    kept = thinned(curve, most)
    assert kept.size < 2 or np.diff(kept).max() <= 2 * (len(curve) / ((most - 2) // 2) + 1)


def test_a_short_curve_stays_as_it_is() -> None:
    assert thinned([3.0, 1.0, 2.0, 5.0], 4).tolist() == [0, 1, 2, 3]


def test_fewer_than_four_points_cannot_hold_both_ends_and_both_extremes() -> None:
    with pytest.raises(InvalidValueError, match="most is 3; allowed: at least 4"):
        thinned([1.0], 3)

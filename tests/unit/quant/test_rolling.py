"""Rolling figures: what they are, and that a value depends on its own window alone, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.rolling import highest, lowest, mean

NUMBERS = st.lists(st.floats(-1e6, 1e6), max_size=60).map(lambda xs: np.array(xs, np.float64))


@given(NUMBERS, st.integers(1, 70))
def test_each_value_is_that_of_its_own_window(x: np.ndarray[tuple[int], np.dtype[np.float64]], bars: int) -> None:
    for rolling, plain in ((highest, max), (lowest, min), (mean, lambda w: sum(w) / len(w))):
        found = rolling(x, bars)
        for t in range(len(x)):
            window = x[max(0, t - bars + 1) : t + 1].tolist()
            if len(window) < bars:
                assert np.isnan(found[t])
            else:
                assert found[t] == plain(window)
                assert rolling(x[t - bars + 1 : t + 1], bars)[-1] == found[t]


def test_what_is_not_known_is_not_known_as_long_as_it_is_in_the_window() -> None:
    x = np.array([1.0, np.nan, 3.0, 2.0, 5.0])
    for rolling in (highest, lowest, mean):
        assert np.isnan(rolling(x, 2)).tolist() == [True, True, True, False, False]


def test_a_window_has_at_least_one_bar() -> None:
    with pytest.raises(InvalidValueError, match="bars is 0"):
        highest(np.ones(3), 0)

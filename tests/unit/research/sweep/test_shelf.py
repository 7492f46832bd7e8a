"""Columns are the rules' own, and conditions hold where they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.research.features import feature_rows
from cryptopilot.research.sweep.declaration import PRICES, Term, condition
from cryptopilot.research.sweep.shelf import Shelf
from cryptopilot.rules.features import FAST, RSI_BARS, SLOW, Features


def a_shelf(close: list[float]) -> Shelf:
    return Shelf(dict.fromkeys(PRICES, np.array(close, np.float64)))


def holds(shelf: Shelf, text: str) -> list[bool]:
    found: list[bool] = shelf.holds(condition("here", text)).tolist()
    return found


def test_indicators_are_those_of_the_features() -> None:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 0.01, 300)))
    rows = feature_rows(close, close, close, close)
    shelf = a_shelf(close.tolist())
    for name, term in (("ema_fast", ("ema", FAST)), ("ema_slow", ("ema", SLOW)), ("rsi", ("rsi", RSI_BARS))):
        column = rows[:, Features._fields.index(name)]
        np.testing.assert_array_equal(shelf.column(Term(term[0], float(term[1]))), column)


def test_a_crossing_is_a_change_of_sides_between_two_known_bars() -> None:
    shelf = a_shelf([1.0, 3.0, 3.0, 2.0, 1.0, 2.0, 4.0, 4.0])
    assert holds(shelf, "close above 2") == [False, True, True, False, False, False, True, True]
    assert holds(shelf, "close crosses above 2") == [False, True, False, False, False, False, True, False]
    assert holds(shelf, "close crosses below 2") == [False, False, False, False, True, False, False, False]
    assert holds(shelf, "2 crosses above close") == holds(shelf, "close crosses below 2")


def test_what_is_unknown_fulfils_no_condition_and_its_first_known_bar_is_no_crossing() -> None:
    shelf = a_shelf([1.0, 2.0, 3.0, 4.0, 5.0])
    assert holds(shelf, "close above ema(3)") == [False, False, True, True, True]
    assert holds(shelf, "ema(3) below close") == [False, False, True, True, True]
    assert holds(shelf, "close crosses above ema(3)") == [False] * 5


@given(st.lists(st.integers(1, 6).map(float), min_size=1, max_size=40), st.integers(1, 6))
def test_crossings_are_what_two_comparisons_say_bar_by_bar(close: list[float], n: int) -> None:
    shelf = a_shelf(close)
    average = np.asarray(shelf.column(Term("ema", float(n)))).tolist()
    expected = [t > 0 and close[t] > average[t] and close[t - 1] <= average[t - 1] for t in range(len(close))]
    assert holds(shelf, f"close crosses above ema({n})") == expected


def test_a_full_shelf_gives_up_what_was_not_asked_for_longest_and_answers_the_same() -> None:
    close = np.arange(1.0, 200.0)
    prices = dict.fromkeys(PRICES, close)
    roomy, tight = Shelf(prices), Shelf(prices, room=5 * close.nbytes)
    for n in (*range(2, 12), 2):
        np.testing.assert_array_equal(tight.column(Term("ema", float(n))), roomy.column(Term("ema", float(n))))
    assert (tight.kept, roomy.kept) == (5, 10)

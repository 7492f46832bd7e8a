"""The rows that a strategy sees live: the newest ones, in order, over any number of bars and any restart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.agents.rows import Candle, Rows, Tape
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.strategy import COLUMNS
from cryptopilot.rules.features import Features


def push(tape: Tape, bar: int) -> None:
    """The bar's number is in every value, so that a value in a wrong place shows."""
    features = Features(*(100.0 * bar + column for column in range(len(Features._fields))))
    tape.push(bar * HOUR, Candle(bar + 0.1, bar + 0.2, bar + 0.3, features.close, bar + 0.5), features)
    tape.predicted(bar * HOUR, bar + 0.6, bar + 0.7, bar + 0.8)


@given(st.integers(1, 9), st.integers(0, 60), st.sets(st.integers(0, 60)))
def test_a_tape_holds_the_newest_rows_whenever_it_was_kept_and_restored(
    length: int, bars: int, restarts: set[int]
) -> None:
    tape = Tape(HOUR, length)
    for bar in range(1, bars + 1):
        push(tape, bar)
        if bar in restarts:
            state, tape = tape.state(), Tape(HOUR, length)
            tape.restore(state)
    columns = tape.columns(length)
    expected = np.arange(max(1, bars - length + 1), bars + 1)
    assert columns.closed_at.tolist() == (expected * HOUR).tolist()
    assert columns.volume.tolist() == [bar + 0.5 for bar in expected]
    assert columns.edge.tolist() == [bar + 0.8 for bar in expected]
    for name in Features._fields:
        place = Features._fields.index(name)
        assert getattr(columns, name).tolist() == [100.0 * bar + place for bar in expected]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 20))
def test_a_tape_that_is_shorter_than_its_state_takes_the_newest(kept: int, wanted: int, bars: int) -> None:
    tape, other = Tape(HOUR, kept), Tape(HOUR, wanted)
    for bar in range(1, bars + 1):
        push(tape, bar)
    other.restore(tape.state())
    fewer = min(kept, wanted)
    for name in COLUMNS:
        assert getattr(other.columns(fewer), name).tobytes() == getattr(tape.columns(fewer), name).tobytes()


def test_a_prediction_of_another_bar_is_not_taken_for_the_newest_ones() -> None:
    tape = Tape(HOUR, 3)
    tape.predicted(HOUR, 0.6, 0.7, 0.8)
    push(tape, 1)
    tape.push(2 * HOUR, Candle(1, 1, 1, 1, 1), Features(*[1.0] * len(Features._fields)))
    tape.predicted(HOUR, 0.1, 0.1, 0.1)
    assert np.isnan(tape.columns(3).probability).tolist() == [False, True]


def test_a_strategy_that_looks_at_no_columns_costs_no_rows() -> None:
    rows = Rows(["BTC/USDT"], HOUR, 0)
    rows.push("BTC/USDT", HOUR, Candle(1, 1, 1, 1, 1), Features(*[1.0] * len(Features._fields)))
    rows.predicted("BTC/USDT", HOUR, 0.5, 0.5, 0.5)
    assert rows.state() == {}

"""A curve is cut at midnight UTC, and nothing of it is lost between the pieces."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import DAY, HOUR, MINUTE, parse_time
from cryptopilot.quant.periods import Unit, closes

UNITS: list[Unit] = ["D", "M", "Y"]
START = parse_time("from", "2021-12-31T22:00:00Z")
steps = st.lists(st.integers(MINUTE, 40 * DAY), max_size=40)


def at(text: str) -> int:
    return parse_time("at", text)


def test_midnight_closes_the_day_before_it() -> None:
    hours = [at(f"2022-01-01T{hour}:00:00Z") for hour in ("06", "12")]
    found = closes([*hours, at("2022-01-02"), at("2022-01-02T06:00:00Z")], [11.0, 12.0, 15.0, 30.0], 10.0, "D")
    assert found.names == ("2022-01-01", "2022-01-02")
    assert found.curve.tolist() == [10.0, 15.0, 30.0]
    assert found.gains().tolist() == pytest.approx([0.5, 1.0])


def test_a_curve_that_begins_at_midnight_has_no_day_before_its_first() -> None:
    found = closes([at("2022-01-01"), at("2022-01-01T06:00:00Z"), at("2022-01-02")], [10.0, 11.0, 12.0], 10.0, "Y")
    assert found.names == ("2022",)
    assert found.curve.tolist() == [10.0, 12.0]


def test_a_year_of_hours_has_365_days_and_twelve_months() -> None:
    instants = np.arange(at("2022-01-01"), at("2023-01-01") + 1, HOUR)
    curve = np.linspace(1.0, 2.0, instants.size)
    assert [len(closes(instants, curve, 1.0, unit).names) for unit in UNITS] == [365, 12, 1]
    assert closes(instants, curve, 1.0, "M").names[-1] == "2022-12"


def test_a_day_that_nobody_looked_at_kept_its_value() -> None:
    found = closes([at("2022-01-01T12:00:00Z"), at("2022-01-03T12:00:00Z")], [11.0, 22.0], 10.0, "D")
    assert found.names == ("2022-01-01", "2022-01-02", "2022-01-03")
    assert found.gains().tolist() == pytest.approx([0.1, 0.0, 1.0])


@pytest.mark.parametrize("unit", UNITS)
@given(steps=steps, draw=st.data())
def test_the_pieces_lead_from_the_beginning_to_the_end_and_each_is_named_after_its_close(
    unit: Unit, steps: list[int], draw: st.DataObject
) -> None:
    instants = (START + np.cumsum([0, *steps])).tolist()
    worth = st.lists(st.floats(1.0, 1e6), min_size=len(instants), max_size=len(instants))
    curve = draw.draw(worth)
    found = closes(instants, curve, 100.0, unit)
    assert 100.0 * np.prod(1.0 + found.gains()) == pytest.approx(curve[-1])
    form = {"D": "%Y-%m-%d", "M": "%Y-%m", "Y": "%Y"}[unit]
    moments = [datetime.fromtimestamp(max(t - 1, START) / 1000, UTC).strftime(form) for t in instants]
    last = dict(zip(moments, curve, strict=True))
    assert {name: found.curve[i + 1] for i, name in enumerate(found.names) if name in last} == last
    assert set(last) <= set(found.names)
    assert list(found.names) == sorted(found.names)


@pytest.mark.parametrize("instants", [[], [2, 1], [1, 1]])
def test_instants_that_do_not_ascend_are_refused(instants: list[int]) -> None:
    with pytest.raises(InvalidValueError, match="instants is"):
        closes(instants, [1.0] * len(instants), 1.0, "D")

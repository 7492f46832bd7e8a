"""Figures read as people write them, and what is unknown is never a zero."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.timeframe import DAY, HOUR, MINUTE
from cryptopilot.research.report.svg import Scale, decimals, step, ticks, time_ticks
from cryptopilot.research.report.wording import (
    UNKNOWN,
    amount,
    change,
    count,
    digits,
    duration,
    percent,
    ratio,
    shortened,
    typeset,
)
from tests.fakes.backtests import START

RICH, POOR = Decimal(10_000), Decimal("0.5")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.02125), "2.12%"),
        (percent(-0.00001), "0.00%"),
        (change(0.5, 1), "+50.0%"),
        (change(-12.5), "-1,250.00%"),
        (change(0.00001), "0.00%"),
        (ratio(-0.001), "0.00"),
        (ratio(1234.5), "1,234.50"),
        (count(1500), "1,500"),
        (count(100.1), "101"),
        (amount(Decimal("-1234.5678"), RICH), "-1,234.57"),
        (amount(Decimal("-0.001"), RICH), "0.00"),
        (amount(Decimal("0.01234567"), POOR), "0.01235"),
        (amount(None, RICH), UNKNOWN),
        (digits(Decimal("0.00001234567891")), "0.000012345679"),
        (digits(Decimal("20000.10")), "20000.1"),
        (digits(Decimal("123456789.5")), "123456790"),
        (digits(Decimal(100)), "100"),
        (digits(Decimal(0)), "0"),
        (duration(12 * DAY + 4 * HOUR + 59 * MINUTE), "12 d 4 h"),
        (duration(3 * HOUR + 25 * MINUTE), "3 h 25 min"),
        (duration(45 * MINUTE), "45 min"),
        (typeset("from -1.5% to 3 on 2022-01-02, A-3"), "from −1.5% to 3 on 2022-01-02, A-3"),
        (shortened("A" * 30, 5), "AAAA…"),
    ],
)
def test_figures_read_as_people_write_them(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize("wording", [percent, change, ratio, count, duration])
def test_what_is_unknown_is_a_dash(wording: object) -> None:
    assert callable(wording)
    assert wording(math.nan) == UNKNOWN


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_lie_inside_and_are_about_as_many_as_asked(low: float, span: float, about: int) -> None:
    high = low + span
    found = ticks(low, high, about)
    assert len(found) <= about + 1
    distance = step(low, high, about)
    assert all(low - 1e-6 * distance <= tick <= high + 1e-6 * distance for tick in found)
    assert len({f"{tick:.{decimals(low, high, about)}f}" for tick in found}) == len(found)


@given(st.integers(0, 10**11), st.integers(MINUTE, 4000 * DAY))
def test_time_ticks_lie_inside_and_are_at_most_thirteen(after: int, span: int) -> None:
    begun, ended = START + after, START + after + span
    found = time_ticks(begun, ended)
    assert len(found) <= 13
    assert all(begun <= time <= ended for time, _ in found)


def test_months_of_a_year_are_named_and_january_by_its_year() -> None:
    assert [name for _, name in time_ticks(START, START + 365 * DAY)] == (
        ["2022", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "2023"]
    )


def test_a_scale_of_one_value_still_has_room_for_it() -> None:
    assert Scale.over([5.0, 5.0], 0.0, 100.0)(5.0) == pytest.approx(50.0)

"""Inspection finds exactly what is wrong with a series, and names where."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.adapters.exchanges.files import candle_files, read_candles
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.series import series_of
from cryptopilot.domain.timeframe import HOUR, MINUTE
from cryptopilot.quant.quality import NAMES, Columns, Defect, Gap, inspect
from tests.unit.series import START, bars, changed, chosen, subsets

HOURS = bars(60)


def found(columns: Columns, step: int = HOUR) -> dict[Defect, list[int]]:
    return {defect: rows.tolist() for defect, rows in inspect(columns, step).wrong.items()}


def test_a_right_series_is_clean_and_says_its_span() -> None:
    report = inspect(HOURS, HOUR)
    assert report.clean
    assert report.refusal() is None
    assert (report.rows, report.span) == (60, (START, START + 59 * HOUR))
    assert report.listed_gaps() == []
    assert list(report.findings()) == []


def test_a_series_without_rows_has_neither_span_nor_gaps_nor_defects() -> None:
    report = inspect(chosen(HOURS, []), HOUR)
    assert (report.rows, report.span, report.missing, report.clean) == (0, None, 0, True)


@given(subsets)
def test_every_missing_bar_is_in_exactly_one_gap(rows: list[int]) -> None:
    report = inspect(chosen(HOURS, rows), HOUR)
    named = [gap.first_missing + i * HOUR for gap in report.listed_gaps() for i in range(gap.bars)]
    inner = range(rows[0], rows[-1] + 1)
    assert named == [START + row * HOUR for row in inner if row not in rows]
    assert report.missing == len(named)
    assert set(report.wrong) <= {Defect.TIMEFRAME}


def test_gaps_are_found_in_a_series_that_is_out_of_order_and_has_doubles() -> None:
    report = inspect(chosen(HOURS, [5, 0, 1, 1, 2, 7]), HOUR)
    assert report.listed_gaps() == [Gap(START + 3 * HOUR, 2), Gap(START + 6 * HOUR, 1)]
    assert found(report.columns) == {Defect.DISORDER: [1], Defect.DUPLICATE: [3]}


@given(st.permutations(list(range(12))))
def test_a_row_is_out_of_order_exactly_when_it_is_before_its_predecessor(order: list[int]) -> None:
    rows = [i for i in range(1, 12) if order[i] < order[i - 1]]
    assert found(chosen(HOURS, order)) == ({Defect.DISORDER: rows} if rows else {})


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_a_row_is_a_double_exactly_when_an_earlier_row_has_its_time(order: list[int]) -> None:
    doubles = [i for i, row in enumerate(order) if row in order[:i]]
    assert found(chosen(HOURS, order)).get(Defect.DUPLICATE, []) == doubles


@given(
    st.dictionaries(st.integers(0, 59), st.sampled_from(NAMES), max_size=12),
    st.sampled_from((float("nan"), float("inf"), float("-inf"))),
)
def test_every_value_that_is_not_finite_is_named(places: dict[int, str], value: float) -> None:
    columns = HOURS
    for row, name in places.items():
        columns = changed(columns, name, row, value)
    wrong = found(columns)
    assert wrong.pop(Defect.NOT_FINITE, []) == sorted(places)
    assert wrong.pop(Defect.NEGATIVE, []) == (sorted(places) if value == float("-inf") else [])
    assert wrong == {}
    for finding in inspect(columns, HOUR).findings():
        assert f"has {places[finding.row]} {value}" in finding.text
        assert finding.time == START + finding.row * HOUR


@given(st.dictionaries(st.integers(0, 59), st.sampled_from(("low", "open", "close", "high")), max_size=5))
def test_every_bar_that_cannot_be_is_named_with_its_prices(places: dict[int, str]) -> None:
    columns = HOURS
    for row, name in places.items():
        columns = changed(columns, name, row, 0.5 if name == "high" else 500.0)
    report = inspect(columns, HOUR)
    assert found(columns) == ({Defect.OHLC: sorted(places)} if places else {})
    assert all("breaks 0 < low <= open, close <= high" in finding.text for finding in report.findings())


@pytest.mark.parametrize(("name", "defect"), [("volume", Defect.NEGATIVE), ("low", Defect.NEGATIVE)])
def test_a_negative_value_is_named_as_such(name: str, defect: Defect) -> None:
    assert found(changed(HOURS, name, 3, -1.0)) == {defect: [3]}


def test_a_price_of_zero_cannot_be_but_a_volume_of_zero_can() -> None:
    assert found(changed(HOURS, "low", 3, 0.0)) == {Defect.OHLC: [3]}
    assert found(changed(HOURS, "volume", 3, 0.0)) == {}


def test_a_bar_off_the_grid_is_named_and_the_bar_it_should_be_is_missing() -> None:
    times = HOURS.times.copy()
    times[4] += 60_000
    report = inspect(Columns(times, HOURS.values), HOUR)
    assert found(report.columns) == {Defect.OFF_GRID: [4]}
    assert report.listed_gaps() == [Gap(START + 4 * HOUR, 1)]


@pytest.mark.parametrize("time", [-HOUR, 2**63 - 1, -(2**63), 253_402_300_800_000])
def test_a_time_that_no_calendar_has_is_named_and_makes_no_gap(time: int) -> None:
    times = HOURS.times.copy()
    times[59] = time
    report = inspect(Columns(times, HOURS.values), HOUR)
    assert found(report.columns)[Defect.TIME] == [59]
    assert report.listed_gaps() == []
    assert f"{time} ms" in str(report.refusal())


def test_bars_of_a_longer_timeframe_are_not_taken_for_gaps_alone() -> None:
    four_hours = bars(30, step=4 * HOUR)
    assert found(four_hours) == {Defect.TIMEFRAME: [0]}
    mixed = Columns(
        np.r_[HOURS.times, four_hours.times + 60 * HOUR],
        np.concatenate([HOURS.values, four_hours.values], axis=1),
    )
    assert found(mixed) == {Defect.TIMEFRAME: [60]}


def test_bars_of_a_shorter_timeframe_are_off_the_grid() -> None:
    assert found(bars(5, step=20 * MINUTE, start=START)) == {Defect.OFF_GRID: [1, 2, 4]}


def test_a_thin_market_is_no_other_timeframe() -> None:
    present = np.flatnonzero(np.random.default_rng(3).random(5000) < 0.3)
    assert found(chosen(bars(5000), present.tolist())) == {}


@given(st.permutations(["open", "high", "low", "close"]))
def test_swapped_columns_are_recognised_and_named_in_the_order_they_stand_in(order: list[str]) -> None:
    swapped = np.concatenate([HOURS.values[[NAMES.index(name) for name in order]], HOURS.values[4:]])
    shuffled = np.random.default_rng(5).permutation(60)
    report = inspect(Columns(HOURS.times[shuffled], swapped[:, shuffled]), HOUR)
    hidden = order.index("high") == 1 and order.index("low") == 2  # Open and close alone leave no trace in a bar.
    assert report.hint == ("" if hidden else f"columns look swapped: {', '.join(order)}")


def test_a_few_broken_bars_are_no_swap() -> None:
    assert inspect(changed(changed(HOURS, "open", 3, 500.0), "open", 9, 500.0), HOUR).hint == ""


def test_a_refusal_names_the_first_wrong_row_and_counts_all_defects() -> None:
    wrong = changed(changed(HOURS, "volume", 9, float("nan")), "volume", 4, -2.0)
    assert inspect(wrong, HOUR).refusal() == "row 4 (2020-01-01T04:00:00Z) has volume -2.0; defects in all: 2"


def test_a_step_that_is_no_timeframe_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="step is 7; allowed"):
        inspect(HOURS, 7)
    with pytest.raises(InvalidValueError, match=r"columns is .*; allowed: times \[n\]"):
        inspect(Columns(HOURS.times[:-1], HOURS.values), HOUR)


@pytest.mark.data
def test_every_recorded_series_is_clean_apart_from_its_declared_gaps(market_data: Path) -> None:
    declared = {}
    for line in (market_data / "MANIFEST.csv").read_text().splitlines():
        fields = line.split(",")
        if fields[0].startswith("candles/"):
            declared[fields[0].removeprefix("candles/")] = [int(fields[i]) for i in (3, 6, 7, 8)]
    files = candle_files(market_data)
    assert {path.name for path in files} == set(declared)
    for path in files:
        series = series_of(path)
        assert series is not None
        report = inspect(read_candles(path), series.step_ms)
        lengths = report.gaps[:, 1].tolist()
        assert report.refusal() is None, path.name
        assert [report.rows, len(lengths), sum(lengths), max(lengths, default=0)] == declared[path.name], path.name


@pytest.mark.data
def test_the_defect_that_was_seen_in_the_wild_is_found_when_put_into_real_bars(market_data: Path) -> None:
    """Low, high, open, close under the names open, high, low, close, and unsorted.

    The recorded file is named after this defect, but its rows are in order and consistent, as the first half
    shows; so the defect is made from it.
    """
    rows = np.array(json.loads((market_data / "defects" / "coinbase-4h-columns-swapped.json").read_text()))
    times, (o, h, low, c, v) = rows[:, 0].astype(np.int64), rows[:, 1:].T
    assert inspect(Columns(times, np.stack([o, h, low, c, v])), 4 * HOUR).clean
    order = np.random.default_rng(1).permutation(len(times))
    report = inspect(Columns(times[order], np.stack([low, h, o, c, v])[:, order]), 4 * HOUR)
    assert report.hint == "columns look swapped: low, high, open, close"
    assert {Defect.DISORDER, Defect.OHLC} == set(report.wrong)
    assert len(report.wrong[Defect.OHLC]) > 0.9 * len(times)

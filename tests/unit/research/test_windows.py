"""Walking forward: nothing is ever tested that was learned from, or that touches it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.windows import Scheme, Span, Window

HOUR = 3_600_000


@st.composite
def walks(draw: st.DrawFn) -> tuple[Scheme, Span]:
    """A scheme in hours, and data that has room for it."""
    train, test = draw(st.integers(1, 60)), draw(st.integers(1, 30))
    purge, embargo = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    step = draw(st.none() | st.integers(test, 60))
    scheme = Scheme(
        HOUR,
        train * HOUR,
        test * HOUR,
        None if step is None else step * HOUR,
        purge * HOUR,
        embargo * HOUR,
        draw(st.booleans()),
    )
    begin = draw(st.integers(0, 1000)) * HOUR
    return scheme, Span(begin, begin + (train + purge + embargo + draw(st.integers(1, 300))) * HOUR)


def instants(span: Span) -> list[int]:
    return list(range(span.begin, span.end, HOUR))


@given(walks())
def test_no_tested_instant_lies_within_purge_and_embargo_of_a_trained_one(walk: tuple[Scheme, Span]) -> None:
    scheme, data = walk
    for window in scheme.windows(data):
        last_trained, first_tested = instants(window.train)[-1], instants(window.test)[0]
        assert first_tested - last_trained > scheme.gap_ms


@given(walks())
def test_tests_come_in_order_and_never_overlap(walk: tuple[Scheme, Span]) -> None:
    scheme, data = walk
    for one, next_one in pairwise(scheme.windows(data)):
        assert one.test.end <= next_one.test.begin
        assert next_one.test.begin - one.test.begin == scheme.step


@given(walks())
def test_without_a_step_of_their_own_tests_cover_all_that_follows_the_first_training(
    walk: tuple[Scheme, Span],
) -> None:
    scheme, data = walk
    plain = Scheme(HOUR, scheme.train_ms, scheme.test_ms, None, scheme.purge_ms, scheme.embargo_ms, scheme.anchored)
    tested = [instant for window in plain.windows(data) for instant in instants(window.test)]
    assert tested == list(range(data.begin + plain.train_ms + plain.gap_ms, data.end, HOUR))


@given(walks())
def test_every_training_has_its_length_or_begins_with_the_data(walk: tuple[Scheme, Span]) -> None:
    scheme, data = walk
    for number, window in enumerate(scheme.windows(data)):
        assert data.begin <= window.train.begin
        grown = number * scheme.step if scheme.anchored else 0
        assert window.train.end - window.train.begin == scheme.train_ms + grown


@given(walks())
def test_every_instant_of_a_window_is_one_of_the_data(walk: tuple[Scheme, Span]) -> None:
    scheme, data = walk
    known = set(instants(data))
    for window in scheme.windows(data):
        assert {*instants(window.train), *instants(window.test)} <= known
        assert instants(window.test), "a test without an instant"


def test_two_months_of_training_a_day_apart_from_a_month_of_test() -> None:
    day = 24 * HOUR
    scheme = Scheme(HOUR, 60 * day, 30 * day, purge_ms=12 * HOUR, embargo_ms=12 * HOUR)
    assert scheme.windows(Span(0, 110 * day)) == (
        Window(Span(0, 60 * day), Span(61 * day, 91 * day)),
        Window(Span(30 * day, 90 * day), Span(91 * day, 110 * day)),
    )


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("train", {"train_ms": 0}),
        ("train", {"train_ms": HOUR + 1}),
        ("test", {"test_ms": -HOUR}),
        ("step", {"step_ms": HOUR}),
        ("purge", {"purge_ms": -HOUR}),
        ("embargo", {"embargo_ms": HOUR // 2}),
    ],
)
def test_a_length_that_is_not_allowed_is_named(name: str, lengths: dict[str, int]) -> None:
    with pytest.raises(InvalidValueError, match=f"{name} in ms is .*a multiple of the timeframe"):
        Scheme(**({"timeframe_ms": HOUR, "train_ms": 9 * HOUR, "test_ms": 3 * HOUR} | lengths))  # type: ignore[arg-type]


def test_data_without_room_for_one_window_is_refused_with_what_it_takes() -> None:
    scheme = Scheme(HOUR, 9 * HOUR, 3 * HOUR, purge_ms=2 * HOUR)
    with pytest.raises(InvalidValueError, match=f"span in ms is {11 * HOUR}; allowed: {12 * HOUR} or more"):
        scheme.windows(Span(0, 11 * HOUR))

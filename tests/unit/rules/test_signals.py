"""What is done about a prediction, and why nothing is."""

import itertools
from collections.abc import Sequence
from types import FunctionType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.rules import signal_types
from cryptopilot.rules.features import Features
from cryptopilot.rules.signal_types import PROPOSALS, SIGNAL_TYPES
from cryptopilot.rules.signals import BUY, HELD, HOLD, SELL, Proposal, SignalRule, SignalType, Situation, Terms
from tests.unit.rules.twins import both

NAN = float("nan")
ACTS = "acts"
CALM = Features(*[1.0] * len(Features._fields))._replace(atr=0.01)
RISING = Situation(0.75, 0.9, False, NAN, False, False, CALM)
"""A clear buy."""
TERMS = Terms(band=0.125, least_confidence=0.5, max_position=0.1, stop=0.02, target=0.04, longest_ms=3_600_000)
_signal_of, possible = both(signal_types.signal_of), both(signal_types.possible)


def signal_of(situation: Situation, terms: Terms = TERMS) -> tuple[int, str]:
    """The side and the name of what is signalled."""
    place, proposal = _signal_of(situation, terms)
    return proposal.side, SIGNAL_TYPES[place].name


CASES: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({}, (BUY, ACTS)),
    ({"probability": NAN}, (HOLD, "unknown_prediction")),
    ({"probability": NAN, "pending": True, "holding": True}, (HOLD, "unknown_prediction")),
    ({"pending": True}, (HOLD, "order_pending")),
    ({"pending": True, "probability": 0.1, "holding": True}, (HOLD, "order_pending")),
    # The band around a half says nothing, its ends included.
    ({"probability": 0.625}, (HOLD, "no_edge")),
    ({"probability": 0.626}, (BUY, ACTS)),
    ({"probability": 0.5}, (HOLD, "no_edge")),
    ({"probability": 0.375}, (HOLD, "no_edge")),
    ({"probability": 0.374}, (HOLD, "no_position")),
    ({"probability": 0.375, "holding": True}, (HOLD, "position_open")),
    ({"probability": 0.374, "holding": True}, (SELL, ACTS)),
    # A position is not added to.
    ({"holding": True}, (HOLD, "position_open")),
    # An exit by signal takes its least confidence, and passes at it.
    ({"probability": 0.2, "holding": True, "confidence": 0.5}, (SELL, ACTS)),
    ({"probability": 0.2, "holding": True, "confidence": 0.499}, (HOLD, "weak_opposite")),
    ({"probability": 0.2, "holding": True, "confidence": NAN}, (HOLD, "weak_opposite")),
    # An expected edge that is calibrated has to be there; one that is not is not asked for.
    ({"calibrated": True, "edge": 0.001}, (BUY, ACTS)),
    ({"calibrated": True, "edge": 0.0}, (HOLD, "no_edge")),
    ({"calibrated": True, "edge": NAN}, (HOLD, "no_edge")),
    ({"calibrated": False, "edge": -1.0}, (BUY, ACTS)),
    # Whether a confidence suffices for an entry is for the review to say; that it is known, is not.
    ({"confidence": 0.0}, (BUY, ACTS)),
    ({"confidence": NAN}, (HOLD, "unknown_confidence")),
]
"""What is done in a situation that differs from a clear buy; a type that is added needs cases here."""


@pytest.mark.parametrize(("situation", "answer"), CASES)
def test_a_prediction_is_acted_on_or_held_with_a_reason(situation: dict[str, Any], answer: tuple[int, str]) -> None:
    assert signal_of(RISING._replace(**situation)) == answer


def test_every_type_has_its_cases() -> None:
    assert {name for _, (_, name) in CASES} == {one.name for one in SIGNAL_TYPES}


NUMBERS = st.floats(0.0, 1.0) | st.just(NAN)


BANDS = st.floats(0.0, 0.5)  # What a mandate may hold.


SITUATIONS = st.builds(
    Situation, NUMBERS, NUMBERS, st.booleans(), NUMBERS, st.booleans(), st.booleans(), st.just(CALM)
)  # fmt: skip


@given(SITUATIONS, st.builds(Terms, BANDS, NUMBERS.filter(lambda x: x == x), *(st.just(x) for x in TERMS[2:])))
def test_only_what_is_held_is_sold_and_only_what_is_not_is_bought(situation: Situation, terms: Terms) -> None:
    side, reason = signal_of(situation, terms)
    assert (side == HOLD) == (reason != ACTS)
    assert side != SELL or (situation.holding and situation.probability < 0.5)
    assert side != BUY or (not situation.holding and situation.probability > 0.5)
    assert side == HOLD or not situation.pending


@given(SITUATIONS)
def test_the_last_type_applies_always_so_that_there_is_always_an_answer(situation: Situation) -> None:
    assert both(PROPOSALS[-1])(situation, TERMS) == HELD


def test_a_purchase_has_its_size_and_the_mandate_s_geometry() -> None:
    assert _signal_of(RISING, TERMS)[1] == Proposal(True, BUY, 0.1 * 0.9, 0.02, 0.04, 3_600_000)


# -- Whatever type is added, the books have the last word

PURCHASE = Proposal(True, BUY, 0.05, 0.02, 0.04, 0)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"stop": 0.001}, True),
        ({"stop": 0.0009}, False),
        ({"stop": 0.5}, True),
        ({"stop": 0.51}, False),
        ({"stop": NAN}, False),
        ({"target": 0.001}, True),
        ({"target": 0.0009}, False),
        ({"target": 5.0}, True),
        ({"target": 5.1}, False),
        ({"target": NAN}, False),
        ({"longest_ms": -1}, False),
        ({"side": 2}, False),
    ],
)
def test_a_purchase_needs_a_stop_and_a_target_that_are_known_and_within_bounds(
    changes: dict[str, Any], allowed: bool
) -> None:
    assert possible(RISING, PURCHASE._replace(**changes)) == allowed


@pytest.mark.parametrize(
    ("holding", "pending", "allowed"),
    [
        (False, False, {HOLD, BUY}),
        (True, False, {HOLD, SELL}),
        (False, True, {HOLD}),
        (True, True, {HOLD}),
    ],
)
def test_what_is_held_may_be_sold_what_is_not_may_be_bought_and_nothing_while_an_order_is_at_work(
    holding: bool, pending: bool, allowed: set[int]
) -> None:
    situation = RISING._replace(holding=holding, pending=pending)
    assert {side for side in (BUY, HOLD, SELL) if possible(situation, PURCHASE._replace(side=side))} == allowed


# -- No type can be lost or change places unnoticed


def _situations() -> list[Situation]:
    either = (False, True)
    grid = itertools.product((NAN, 0.1, 0.5, 0.9), (NAN, 0.1, 0.9), either, (NAN, 0.1), either, either)
    return [*(Situation(*one, CALM) for one in grid), *(RISING._replace(**situation) for situation, _ in CASES)]


def _answers(types: Sequence[SignalType]) -> list[tuple[str, Proposal]]:
    """What that list of types makes of every kind of situation."""
    rules: tuple[SignalRule, ...] = tuple(one.propose for one in types)
    names = {**vars(signal_types), "PROPOSALS": rules}
    judge = FunctionType(cast("FunctionType", signal_types.signal_of).__code__, names)
    answers = (judge(situation, TERMS) for situation in _situations())
    return [(types[place].name, proposal) for place, proposal in answers]


@pytest.mark.parametrize("lost", SIGNAL_TYPES, ids=lambda t: t.propose.__name__)
def test_a_type_that_is_lost_is_noticed(lost: SignalType) -> None:
    assert _answers([one for one in SIGNAL_TYPES if one is not lost]) != _answers(SIGNAL_TYPES)


def test_a_type_put_before_the_others_answers_first_and_after_them_only_what_they_leave() -> None:
    eager = SignalType("EAGER", "always", _eagerly)
    first = [name for name, _ in _answers([eager, *SIGNAL_TYPES])]
    free = [not (s.holding or s.pending) for s in _situations()]
    assert [name == "EAGER" for name in first] == free
    assert _answers([*SIGNAL_TYPES, eager]) == _answers(SIGNAL_TYPES)


def _eagerly(s: Situation, terms: Terms) -> Proposal:
    return PURCHASE

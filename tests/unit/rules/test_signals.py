"""What is done about a prediction, and why nothing is."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.rules import signals as rules
from cryptopilot.rules.signals import (
    ACTS,
    BUY,
    HOLD,
    NO_EDGE,
    NO_POSITION,
    ORDER_PENDING,
    POSITION_OPEN,
    SELL,
    UNKNOWN_CONFIDENCE,
    UNKNOWN_PREDICTION,
    WEAK_OPPOSITE,
)
from tests.unit.rules.twins import both

NAN = float("nan")
signal_of = both(rules.signal_of)


class Situation(NamedTuple):
    """The arguments of `signal_of`; as it stands, a clear buy."""

    probability: float = 0.75
    confidence: float = 0.9
    calibrated: bool = False
    edge: float = NAN
    holding: bool = False
    pending: bool = False
    band: float = 0.125
    least_confidence: float = 0.5


@pytest.mark.parametrize(
    ("situation", "answer"),
    [
        ({}, (BUY, ACTS)),
        ({"probability": NAN}, (HOLD, UNKNOWN_PREDICTION)),
        ({"probability": NAN, "pending": True, "holding": True}, (HOLD, UNKNOWN_PREDICTION)),
        ({"pending": True}, (HOLD, ORDER_PENDING)),
        ({"pending": True, "probability": 0.1, "holding": True}, (HOLD, ORDER_PENDING)),
        # The band around a half says nothing, its ends included.
        ({"probability": 0.625}, (HOLD, NO_EDGE)),
        ({"probability": 0.626}, (BUY, ACTS)),
        ({"probability": 0.5}, (HOLD, NO_EDGE)),
        ({"probability": 0.375}, (HOLD, NO_EDGE)),
        ({"probability": 0.374}, (HOLD, NO_POSITION)),
        ({"probability": 0.375, "holding": True}, (HOLD, POSITION_OPEN)),
        ({"probability": 0.374, "holding": True}, (SELL, ACTS)),
        # A position is not added to.
        ({"holding": True}, (HOLD, POSITION_OPEN)),
        # An exit by signal takes its least confidence, and passes at it.
        ({"probability": 0.2, "holding": True, "confidence": 0.5}, (SELL, ACTS)),
        ({"probability": 0.2, "holding": True, "confidence": 0.499}, (HOLD, WEAK_OPPOSITE)),
        ({"probability": 0.2, "holding": True, "confidence": NAN}, (HOLD, WEAK_OPPOSITE)),
        # An expected edge that is calibrated has to be there; one that is not is not asked for.
        ({"calibrated": True, "edge": 0.001}, (BUY, ACTS)),
        ({"calibrated": True, "edge": 0.0}, (HOLD, NO_EDGE)),
        ({"calibrated": True, "edge": NAN}, (HOLD, NO_EDGE)),
        ({"calibrated": False, "edge": -1.0}, (BUY, ACTS)),
        # Whether a confidence suffices for an entry is for the review to say; that it is known, is not.
        ({"confidence": 0.0}, (BUY, ACTS)),
        ({"confidence": NAN}, (HOLD, UNKNOWN_CONFIDENCE)),
    ],
)
def test_a_prediction_is_acted_on_or_held_with_a_reason(situation: dict[str, Any], answer: tuple[int, int]) -> None:
    assert signal_of(*Situation(**situation)) == answer


NUMBERS = st.floats(0.0, 1.0) | st.just(NAN)


BANDS = st.floats(0.0, 0.5)  # What a mandate may hold.


@given(
    st.builds(
        Situation, NUMBERS, NUMBERS, st.booleans(), NUMBERS, st.booleans(), st.booleans(), BANDS, st.floats(0.0, 1.0)
    )
)
def test_only_what_is_held_is_sold_and_only_what_is_not_is_bought(situation: Situation) -> None:
    side, reason = signal_of(*situation)
    assert (side == HOLD) == (reason != ACTS)
    assert side != SELL or (situation.holding and situation.probability < 0.5)
    assert side != BUY or (not situation.holding and situation.probability > 0.5)
    assert side == HOLD or not situation.pending

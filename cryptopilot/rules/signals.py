"""What a prediction can lead to: buying, selling, and the reasons for holding. `signal_types` puts them in order.

A proposal says whether it applies and what it asks for. That only what is held is sold, and only what is not held is
bought, is seen to where they are put in order; no proposal has to.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from cryptopilot.rules import rule
from cryptopilot.rules.features import Features
from cryptopilot.rules.sizing import size_fraction

BUY, HOLD, SELL = 1, 0, -1

NEAREST = 0.001
WIDEST_STOP = 0.5
WIDEST_TARGET = 5.0
"""How near and how far, as fractions of the mark, a stop and a target may be."""


class Situation(NamedTuple):
    """What a signal is decided from: one symbol at one instant. NaN is unknown.

    Args:
        probability: that a long ends in profit; confidence: its rank in [0, 1].
        calibrated: whether *edge*, the expected profit after costs, is to be believed.
        holding: a position is open; pending: an order of the symbol is at work.
    """

    probability: float
    confidence: float
    calibrated: bool
    edge: float
    holding: bool
    pending: bool
    features: Features


class Terms(NamedTuple):
    """What the mandate asks of signals: fractions, and milliseconds.

    Args:
        band: distance from 0.5 within which a prediction says nothing.
        least_confidence: what an exit by signal takes; entries are judged by the review.
        max_position: the largest share of equity.
        stop, target, longest_ms: the mandate's geometry; a longest_ms of 0 is no time limit.
    """

    band: float
    least_confidence: float
    max_position: float
    stop: float
    target: float
    longest_ms: int


class Proposal(NamedTuple):
    """What a signal type would do: its side, and for a purchase the share of equity, stop, target and time limit."""

    applies: bool
    side: int
    size: float
    stop: float
    target: float
    longest_ms: int


SignalRule: TypeAlias = Callable[[Situation, Terms], Proposal]


class SignalType(NamedTuple):
    """One kind of signal.

    Args:
        name: what its signals are known by: the reason of a HOLD, the published signal_type of one that acts.
        words: why it applies, for people.
    """

    name: str
    words: str
    propose: SignalRule


PASSED_OVER = Proposal(False, HOLD, 0.0, 0.0, 0.0, 0)
"""What a type answers that does not apply."""

HELD = Proposal(True, HOLD, 0.0, 0.0, 0.0, 0)


@rule
def hold_if(applies: bool) -> Proposal:
    """Do nothing, if it applies."""
    return HELD if applies else PASSED_OVER


@rule
def speaks_for_rise(s: Situation, terms: Terms) -> bool:
    """Whether the prediction leaves its band upward; an expected edge that is calibrated has to be there too."""
    return s.probability > 0.5 + terms.band and not (s.calibrated and not s.edge > 0.0)


@rule
def sell(s: Situation, terms: Terms) -> Proposal:
    """Leave: a fall is expected, surely enough."""
    if not (s.probability < 0.5 - terms.band and s.confidence >= terms.least_confidence):
        return PASSED_OVER
    return Proposal(True, SELL, 0.0, 0.0, 0.0, 0)


@rule
def buy(s: Situation, terms: Terms) -> Proposal:
    """Enter with the mandate's geometry: a rise is expected. Whether surely enough is for the review to say."""
    if not (speaks_for_rise(s, terms) and s.confidence == s.confidence):
        return PASSED_OVER
    size = size_fraction(s.confidence, terms.max_position)
    return Proposal(True, BUY, size, terms.stop, terms.target, terms.longest_ms)


@rule
def unknown_prediction(s: Situation, terms: Terms) -> Proposal:
    """Every predictor abstained."""
    return hold_if(not s.probability == s.probability)


@rule
def order_pending(s: Situation, terms: Terms) -> Proposal:
    """An order of the symbol is at work."""
    return hold_if(s.pending)


@rule
def no_position(s: Situation, terms: Terms) -> Proposal:
    """A fall is expected and there is nothing to sell."""
    return hold_if(s.probability < 0.5 - terms.band and not s.holding)


@rule
def weak_opposite(s: Situation, terms: Terms) -> Proposal:
    """A fall is expected of what is held, but not surely enough."""
    return hold_if(s.probability < 0.5 - terms.band and s.holding and not s.confidence >= terms.least_confidence)


@rule
def position_open(s: Situation, terms: Terms) -> Proposal:
    """A position is not added to."""
    return hold_if(s.holding)


@rule
def unknown_confidence(s: Situation, terms: Terms) -> Proposal:
    """A rise is expected, and how surely is unknown."""
    return hold_if(speaks_for_rise(s, terms) and not s.confidence == s.confidence)


@rule
def no_edge(s: Situation, terms: Terms) -> Proposal:
    """Nothing speaks for doing anything: what remains."""
    return hold_if(True)


ACTS = "acts"
"""The name of selling and buying by prediction; their published signal_type is their side: BUY or SELL."""

SELLING_BY_PREDICTION = SignalType(ACTS, "the prediction leaves its neutral band", sell)
BUYING_BY_PREDICTION = SignalType(ACTS, "the prediction leaves its neutral band", buy)
REASONS_TO_HOLD = (
    SignalType("unknown_prediction", "every predictor abstained", unknown_prediction),
    SignalType("order_pending", "an order of this symbol is still at work", order_pending),
    SignalType("no_position", "a fall is expected and there is nothing to sell", no_position),
    SignalType("weak_opposite", "a fall is expected, but not surely enough to leave the position", weak_opposite),
    SignalType("position_open", "a position is already open and the prediction does not oppose it", position_open),
    SignalType("unknown_confidence", "too few earlier predictions to rank this one", unknown_confidence),
    SignalType("no_edge", "the prediction is too close to even", no_edge),
)
"""In the order in which they are asked; the last one always applies."""

"""What the predictor believes about one symbol at one instant, and why."""

from dataclasses import dataclass
from typing import NamedTuple

from cryptopilot.domain.ids import decision_id
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.rules.features import Features


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a position would end: target and stop as fractions of the entry, and a time limit."""

    target: float = 0.04
    stop: float = 0.02
    hours: int = 72

    @property
    def longest_ms(self) -> int:
        return self.hours * HOUR


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model says of itself: its name, its version, and what each part of its score is called."""

    name: str
    version: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnsembleCard:
    """The models that are combined, in order, and their declared weights."""

    name: str
    version: str
    models: tuple[ModelCard, ...]
    weights: tuple[float, ...]


class Evidence(NamedTuple):
    """Everything a model may look at for one symbol: known at the instant, nothing later."""

    symbol: str
    features: Features
    own_news: float
    market_news: float


class Prediction(NamedTuple):
    """One belief. Probability, confidence and score are NaN when unknown; expected_edge is NaN while uncalibrated.

    Args:
        parts: per model its weighted parts, in the order of the ensemble's card; NaN parts mean it abstained.
        news_ids: the headlines that still weigh, newest first.
    """

    symbol: str
    instant: int
    direction_prob: float
    confidence: float
    score: float
    expected_edge: float
    calibrated: bool
    features: Features
    parts: tuple[tuple[float, ...], ...]
    news_ids: tuple[str, ...]

    @property
    def id(self) -> str:
        return decision_id("", self.symbol, self.instant, "prediction")


def made_by(prediction: Prediction, card: EnsembleCard) -> bool:
    """Whether the prediction has the parts that *card* names; one kept from before a model was added has not."""
    return [len(parts) for parts in prediction.parts] == [len(model.parts) for model in card.models]


class Contribution(NamedTuple):
    """How much one part of one model moved the ensemble's score."""

    model: str
    part: str
    value: float


def contributions(prediction: Prediction, card: EnsembleCard) -> list[Contribution]:
    """Each part's share of the score, strongest first; they add up to the score."""
    known = [
        (model, weight, parts)
        for model, weight, parts in zip(card.models, card.weights, prediction.parts, strict=True)
        if all(x == x for x in parts)
    ]
    total = sum(weight for _, weight, _ in known)
    found = [
        Contribution(model.name, name, weight * value / total)
        for model, weight, parts in known
        for name, value in zip(model.parts, parts, strict=True)
    ]
    return sorted(found, key=lambda c: -abs(c.value))


def abstained(prediction: Prediction, card: EnsembleCard) -> list[str]:
    """The models that had nothing to say."""
    return [
        model.name for model, parts in zip(card.models, prediction.parts, strict=True) if not all(x == x for x in parts)
    ]


def reasoning(prediction: Prediction, card: EnsembleCard) -> str:
    """The prediction in words: the three strongest parts and who abstained."""
    if prediction.direction_prob != prediction.direction_prob:
        return "unknown: " + ", ".join(f"{name} abstains" for name in abstained(prediction, card))
    leading = "; ".join(
        f"{c.part} {'supports' if c.value > 0 else 'opposes'} a rise ({c.value:+.3f})"
        for c in contributions(prediction, card)[:3]
    )
    silent = abstained(prediction, card)
    tail = f"; {', '.join(silent)} abstain{'s' if len(silent) == 1 else ''}" if silent else ""
    return f"{'rise' if prediction.score > 0 else 'fall'} {abs(prediction.score):.2f}: {leading}{tail}"

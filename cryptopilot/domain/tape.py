"""One symbol's recent bars and the states folded from them: what live steps and checkpoints keep."""

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptopilot.domain.market import MarketState
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.features import (
    BAND_BARS,
    FEATURES_START,
    LONG,
    SMOOTH,
    STOCHASTIC_BARS,
    Features,
    FeatureState,
    fast_stochastic,
    feature_row,
    feature_step,
    smoothed,
)
from cryptopilot.rules.indicators import momentum, signed_volume
from cryptopilot.rules.scores import RANK_WINDOW, rank


@dataclass(slots=True)
class Tape:
    """Windows oldest first, exact in length once full; everything a row of features is computed from."""

    state: FeatureState
    closes: list[float]
    highs: list[float]
    lows: list[float]
    volumes: list[float]
    signed: list[float]
    returns: list[float]
    fast_k: list[float]
    slow_k: list[float]

    @classmethod
    def new(cls) -> "Tape":
        return cls(FEATURES_START, [], [], [], [], [], [], [], [])

    def advance(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar: prices in quote, volume in base."""
        closes = self.closes
        previous = closes[-1] if closes else close
        self.state = feature_step(self.state, high, low, close)
        if closes:
            _slide(self.returns, momentum(close, previous), BAND_BARS)
        _slide(closes, close, LONG + 1)
        _slide(self.highs, high, STOCHASTIC_BARS)
        _slide(self.lows, low, STOCHASTIC_BARS)
        _slide(self.volumes, volume, BAND_BARS)
        _slide(self.signed, signed_volume(close, previous, volume), BAND_BARS)
        _slide(self.fast_k, fast_stochastic(self.highs, self.lows, close), SMOOTH)
        _slide(self.slow_k, smoothed(self.fast_k), SMOOTH)

    def row(self) -> Features:
        """The features at the newest bar."""
        return feature_row(self.state, self.closes, self.volumes, self.signed, self.returns, self.fast_k, self.slow_k)


@dataclass(slots=True)
class RankTape:
    """The strengths of a symbol's last RANK_WINDOW predictions, by age and by size.

    Arrays, because a search through a thousand floats in a list is a thousand places in memory.
    """

    by_age: "array[float]"
    ordered: "array[float]"

    @classmethod
    def of(cls, by_age: Iterable[float]) -> "RankTape":
        aged = array("d", by_age)
        return cls(aged, array("d", sorted(aged)))

    def place(self, strength: float) -> float:
        """The rank of a new strength among those before it, which it then joins; NaN joins nothing."""
        place = rank(self.ordered, strength)
        if strength == strength:
            if len(self.by_age) == RANK_WINDOW:
                del self.ordered[bisect_left(self.ordered, self.by_age.pop(0))]
            self.by_age.append(strength)
            insort(self.ordered, strength)
        return place


@dataclass(slots=True)
class NewsTape:
    """A coin's news level and the ids of the headlines that still weigh, newest first."""

    level: float = UNKNOWN
    recent: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PredictorState:
    """What the predictor has folded up to *instant*.

    Args:
        rows: per symbol the rows that a strategy sees, as `agents.rows.Tape.state` writes them.
        lookback: how many of them were kept at most; 0 where the strategy looked at none.
    """

    instant: int
    tapes: dict[str, Tape]
    strengths: dict[str, list[float]]
    news: dict[str, NewsTape]
    rows: dict[str, bytes] = field(default_factory=dict)
    lookback: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that is folded from bars and news, so that a restart need not fold from the beginning."""

    instant: int
    market: MarketState
    predictor: PredictorState


def _slide(window: list[float], x: float, length: int) -> None:
    window.append(x)
    if len(window) > length:
        del window[0]

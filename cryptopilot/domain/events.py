"""What happened, in the past tense. Book events move the books: the journal keeps and chains them for ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.order import Order
from cryptopilot.domain.position import Position
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged, Signal
from cryptopilot.domain.stage import Stage

# -- The market speaks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InstantClosed:
    """Every bar that closed at *instant*, those that came late before it, and the news first seen since the last."""

    instant: int
    bars: Mapping[str, Bar]
    late: Mapping[str, tuple[Bar, ...]]
    news: tuple[NewsItem, ...]


@dataclass(frozen=True, slots=True)
class BarsObserved:
    """An instant whose protective work is done: what is to be predicted from."""

    closed: InstantClosed


@dataclass(frozen=True, slots=True)
class InstantGivenUp:
    """An instant whose decisions were given up: nobody decides it any more."""

    instant: int


@dataclass(frozen=True, slots=True)
class MarketOpened:
    """The first prices of the bars that begin at *instant*."""

    instant: int
    openings: Mapping[str, Opening]


@dataclass(frozen=True, slots=True)
class StageDue:
    """A stage's turn has come: by its instant, by its beat or by force. *now* is market time in ms UTC."""

    stage: Stage
    now: int


# -- The stages answer -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    instant: int


@dataclass(frozen=True, slots=True)
class PredictionsMade:
    instant: int
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class SignalsRaised:
    """Sorted: exits first, then confidence down, then symbol; HOLDs last."""

    instant: int
    wallet_id: str
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class SignalsJudged:
    """Every signal of an instant with its verdict."""

    instant: int
    wallet_id: str
    judged: tuple[Judged, ...]


# -- The books move ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deposited:
    at: int
    atoms: int
    cash: int


@dataclass(frozen=True, slots=True)
class Marked:
    """The account at an instant, open positions at their marks: atoms."""

    at: int
    equity: int
    cash: int
    day_base: int
    peak: int


@dataclass(frozen=True, slots=True)
class OrderIntended:
    """Approved and reserved; to be sent once this is durable."""

    at: int
    order: Order
    reserved: int


@dataclass(frozen=True, slots=True)
class OrderSent:
    at: int
    order_id: str
    symbol: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    at: int
    order_id: str
    symbol: str
    why: str


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """One execution and what it did to the books: prices in ticks, quantities in lots, money in atoms.

    Args:
        reason: why an exit left (rules.protection); 0 for an entry.
        cash, position: afterwards; no position when everything is sold.
    """

    at: int
    order_id: str
    symbol: str
    trade_id: str
    side: int
    lots: int
    ticks: int
    fee: int
    fee_ppm: int
    reason: int
    done: bool
    cash: int
    position: Position | None
    realised: int


@dataclass(frozen=True, slots=True)
class ProtectionMoved:
    at: int
    symbol: str
    stop_ticks: int
    target_ticks: int


@dataclass(frozen=True, slots=True)
class EntriesHalted:
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class EntriesResumed:
    """A named person lets entries go on; peak and day base start again from the present equity."""

    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class MandateSet:
    """What the wallet is asked to do from now on."""

    at: int
    mandate: Mandate


@dataclass(frozen=True, slots=True)
class StagesStarted:
    """From the next instant on the stages decide."""

    at: int
    who: str


@dataclass(frozen=True, slots=True)
class StagesStopped:
    """From now on the stages decide nothing, unless one is forced; protection goes on."""

    at: int
    who: str


@dataclass(frozen=True, slots=True)
class StageForced:
    """A stage had its turn by hand at market time *now*, and found something to do."""

    at: int
    stage: str
    now: int
    who: str


@dataclass(frozen=True, slots=True)
class InstantDecided:
    """What an instant came to: counts by kind and by refusing rule, and the roots of its prunable segments."""

    at: int
    predictions: int
    known: int
    signals: Mapping[str, int]
    holds: Mapping[str, int]
    refusals: Mapping[str, int]
    approved: int
    prediction_root: str
    signal_root: str
    failure: str = ""


BookEvent = (
    Deposited
    | Marked
    | OrderIntended
    | OrderSent
    | OrderCancelled
    | OrderFilled
    | ProtectionMoved
    | EntriesHalted
    | EntriesResumed
    | MandateSet
    | StagesStarted
    | StagesStopped
    | StageForced
    | InstantDecided
)

BOOK_EVENTS: dict[str, type[BookEvent]] = {
    kind.__name__: kind
    for kind in (
        Deposited,
        Marked,
        OrderIntended,
        OrderSent,
        OrderCancelled,
        OrderFilled,
        ProtectionMoved,
        EntriesHalted,
        EntriesResumed,
        MandateSet,
        StagesStarted,
        StagesStopped,
        StageForced,
        InstantDecided,
    )
}


@dataclass(slots=True)
class Funnel:
    """How many got how far, and what stopped the rest; summed over instants."""

    instants: int = 0
    predictions: int = 0
    known: int = 0
    signals: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    approved: int = 0
    filled: int = 0

    def plus(self, event: InstantDecided) -> "Funnel":
        """This funnel and one more instant; this one stays as it is."""
        return Funnel(
            self.instants + 1,
            self.predictions + event.predictions,
            self.known + event.known,
            _summed(self.signals, event.signals),
            _summed(self.holds, event.holds),
            _summed(self.refusals, event.refusals),
            self.approved + event.approved,
            self.filled,
        )


def _summed(ours: Mapping[str, int], theirs: Mapping[str, int]) -> dict[str, int]:
    total = dict(ours)
    for name, count in theirs.items():
        total[name] = total.get(name, 0) + count
    return total

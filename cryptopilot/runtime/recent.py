"""What happened lately, kept in memory for those who look: fed by committed batches only."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptopilot.domain.events import (
    EntriesHalted,
    EntriesResumed,
    Funnel,
    InstantDecided,
    OrderCancelled,
    OrderFilled,
    OrderIntended,
    OrderSent,
)
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.ports.journal import Batch
from cryptopilot.rules.signals import HOLD

KEPT = 200

PROPOSED = 50
"""Signals to buy or sell that are kept."""


class Reasoned(NamedTuple):
    """A judged signal, and the prediction that it came from where that is known."""

    judged: Judged
    belief: Prediction | None


class Recent:
    """The newest of everything, and the funnel; what trades have come to is for `Performance` to say.

    Args:
        funnel: over the session so far.
        halted: who halted entries, and why, while they are.
        acted: the latest signals to buy or sell, oldest first.
    """

    def __init__(self, funnel: Funnel, halted: EntriesHalted | None = None, acted: Sequence[Reasoned] = ()) -> None:
        self.funnel = funnel
        self.halted = halted
        self.moved = 0
        """Grows whenever an order or a fill has changed what the books show."""
        self.predictions: tuple[Prediction, ...] = ()
        self.judged: tuple[Judged, ...] = ()
        self.acted: tuple[Reasoned, ...] = tuple(acted)[-PROPOSED:]
        """Replaced, never changed; before `judged`, so that who reads that first misses none."""
        self.fills: deque[OrderFilled] = deque(maxlen=KEPT)
        self.news: deque[NewsItem] = deque(maxlen=KEPT)

    def observe(self, batch: Batch) -> None:
        self.predictions = batch.predictions or self.predictions
        for judged in batch.judged.values():
            self.acted = (*self.acted, *proposals(reasoned(judged, self.predictions)))[-PROPOSED:]
            self.judged = judged
        self.news.extend(batch.news)
        for _, event in batch.events:
            self.moved += isinstance(event, OrderIntended | OrderSent | OrderFilled | OrderCancelled)
            if isinstance(event, InstantDecided):
                self.funnel = self.funnel.plus(event)
            elif isinstance(event, OrderFilled):
                self.fills.append(event)
                self.funnel.filled += event.side > 0
            elif isinstance(event, EntriesHalted):
                self.halted = event
            elif isinstance(event, EntriesResumed):
                self.halted = None


def reasoned(judged: Sequence[Judged], predictions: Sequence[Prediction]) -> list[Reasoned]:
    """The signals of an instant, each with its prediction among those of the same instant."""
    beliefs = {(p.symbol, p.instant): p for p in predictions}
    return [Reasoned(j, beliefs.get((j.signal.symbol, j.signal.instant))) for j in judged]


def proposals(signals: Iterable[Reasoned]) -> list[Reasoned]:
    """Those that are to buy or sell."""
    return [s for s in signals if s.judged.signal.side != HOLD]

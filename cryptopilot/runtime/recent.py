"""What happened lately, kept in memory for those who look: fed by committed batches only."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
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
    """The newest of everything, and running totals that start from what the database says.

    Args:
        funnel: over the session so far; trades, won: closed trades so far.
        realised, fees: of all trades so far, in atoms; begun: what open trades have realised so far, by id.
        halted: who halted entries, and why, while they are.
        acted: the latest signals to buy or sell, oldest first.
    """

    def __init__(
        self, funnel: Funnel, trades: int, won: int, realised: int, fees: int, begun: Mapping[str, int],
        halted: EntriesHalted | None = None, acted: Sequence[Reasoned] = (),
    ) -> None:  # fmt: skip
        self.funnel, self.trades, self.won, self.realised, self.fees = funnel, trades, won, realised, fees
        self.halted = halted
        self.moved = 0
        """Grows whenever an order or a fill has changed what the books show."""
        self.predictions: tuple[Prediction, ...] = ()
        self.judged: tuple[Judged, ...] = ()
        self.acted: tuple[Reasoned, ...] = tuple(acted)[-PROPOSED:]
        """Replaced, never changed; before `judged`, so that who reads that first misses none."""
        self.fills: deque[OrderFilled] = deque(maxlen=KEPT)
        self.news: deque[NewsItem] = deque(maxlen=KEPT)
        self._profit = dict(begun)

    @property
    def settled(self) -> int:
        """What closed trades have realised, in atoms: all that is realised but the part of trades still open."""
        return self.realised - sum(self._profit.copy().values())

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
                self._filled(event)
            elif isinstance(event, EntriesHalted):
                self.halted = event
            elif isinstance(event, EntriesResumed):
                self.halted = None

    def _filled(self, event: OrderFilled) -> None:
        self.fills.append(event)
        self.fees += event.fee
        if event.side > 0:
            self.funnel.filled += 1
            return
        self.realised += event.realised
        profit = self._profit.pop(event.trade_id, 0) + event.realised
        if event.position is not None:
            self._profit[event.trade_id] = profit
        else:
            self.trades += 1
            self.won += profit > 0


def reasoned(judged: Sequence[Judged], predictions: Sequence[Prediction]) -> list[Reasoned]:
    """The signals of an instant, each with its prediction among those of the same instant."""
    beliefs = {(p.symbol, p.instant): p for p in predictions}
    return [Reasoned(j, beliefs.get((j.signal.symbol, j.signal.instant))) for j in judged]


def proposals(signals: Iterable[Reasoned]) -> list[Reasoned]:
    """Those that are to buy or sell."""
    return [s for s in signals if s.judged.signal.side != HOLD]

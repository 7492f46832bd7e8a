"""What happened lately, kept in memory for those who look: fed by committed batches only."""

from collections import deque
from collections.abc import Mapping

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


class Recent:
    """The newest of everything, and running totals that start from what the database says.

    Args:
        funnel: over the session so far; trades, won: closed trades so far.
        realised, fees: of all trades so far, in atoms; begun: what open trades have realised so far, by id.
        halted: who halted entries, and why, while they are.
    """

    def __init__(
        self, funnel: Funnel, trades: int, won: int, realised: int, fees: int, begun: Mapping[str, int],
        halted: EntriesHalted | None = None,
    ) -> None:  # fmt: skip
        self.funnel, self.trades, self.won, self.realised, self.fees = funnel, trades, won, realised, fees
        self.halted = halted
        self.moved = 0
        """Grows whenever an order or a fill has changed what the books show."""
        self.predictions: tuple[Prediction, ...] = ()
        self.judged: tuple[Judged, ...] = ()
        self.acted: deque[Judged] = deque(maxlen=KEPT)
        self.fills: deque[OrderFilled] = deque(maxlen=KEPT)
        self.news: deque[NewsItem] = deque(maxlen=KEPT)
        self._profit = dict(begun)

    def observe(self, batch: Batch) -> None:
        self.predictions = batch.predictions or self.predictions
        for judged in batch.judged.values():
            self.judged = judged
            self.acted.extend(j for j in judged if j.signal.side != HOLD)
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

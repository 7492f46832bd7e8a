"""Strategy: predictions into signals, each with its size, its protection and its reason."""

from collections.abc import Iterable

from cryptopilot.domain.account import Account
from cryptopilot.domain.events import InstantClosed, InstantGivenUp, PredictionsMade, SignalsRaised, StageDue
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Signal
from cryptopilot.domain.stage import ALREADY_HANDLED, NOTHING_YET, Skipped, Stage, StageReport
from cryptopilot.rules.protection import stop_below, target_above
from cryptopilot.rules.signal_types import SIGNAL_TYPES, signal_of
from cryptopilot.rules.signals import BUY, HOLD, SELL, Situation, Terms

_ORDER = {SELL: 0, BUY: 1, HOLD: 2}


class StrategyAgent:
    """One per wallet."""

    def __init__(self, mandate: Mandate, account: Account, view: MarketView, timeframe_ms: int) -> None:
        self._mandate, self._account, self._view, self._step = mandate, account, view, timeframe_ms
        self._waiting: PredictionsMade | None = None
        self._last = -1

    def on_predictions(self, event: PredictionsMade) -> Iterable[object]:
        self._waiting = event
        return ()

    def on_due(self, event: StageDue) -> Iterable[object]:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            why = ALREADY_HANDLED if self._last >= 0 else NOTHING_YET
            yield StageReport(Stage.STRATEGY, self._last, 0, skipped=(Skipped("*", why),))
            return
        self._last = waiting.instant
        terms = self._mandate.terms()
        signals = sorted(
            (self._signal(p, terms) for p in waiting.predictions),
            key=lambda s: (_ORDER[s.side], -s.confidence if s.confidence == s.confidence else 0.0, s.symbol),
        )
        yield SignalsRaised(waiting.instant, self._account.wallet_id, tuple(signals))
        holds = tuple(Skipped(s.symbol, s.reason) for s in signals if s.side == HOLD)
        yield StageReport(Stage.STRATEGY, waiting.instant, len(signals), skipped=holds)

    def on_closed(self, event: InstantClosed) -> Iterable[object]:
        """Predictions of an earlier instant that waited for their turn are stale now."""
        self._waiting = None
        return ()

    def on_given_up(self, event: InstantGivenUp) -> Iterable[object]:
        self._waiting, self._last = None, event.instant
        return ()

    def use(self, mandate: Mandate) -> None:
        """Go on with another mandate from the next turn on."""
        self._mandate = mandate

    def _signal(self, p: Prediction, terms: Terms) -> Signal:
        account, symbol = self._account, p.symbol
        situation = Situation(
            p.direction_prob, p.confidence, p.calibrated, p.expected_edge, symbol in account.positions,
            symbol in account.orders, p.features,
        )  # fmt: skip
        place, proposal = signal_of(situation, terms)
        mark = self._view.mark(symbol)
        stop, target = 0, 0
        if proposal.side == BUY:
            stop, target = stop_below(mark, proposal.stop), target_above(mark, proposal.target)
        return Signal(
            account.wallet_id, symbol, p.instant, proposal.side, SIGNAL_TYPES[place].name, p.direction_prob,
            p.confidence, mark, proposal.size, stop, target, proposal.longest_ms, p.instant + self._step,
        )  # fmt: skip

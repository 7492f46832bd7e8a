"""Strategy: predictions into signals, each with its size, its protection and its reason."""

from collections.abc import Iterable

from cryptopilot.agents.rows import Rows
from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.agents.strategies.entries import CallbackFailedError, answered
from cryptopilot.domain.account import Account
from cryptopilot.domain.events import InstantClosed, InstantGivenUp, PredictionsMade, SignalsRaised, StageDue
from cryptopilot.domain.instrument import money
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Signal
from cryptopilot.domain.stage import ALREADY_HANDLED, NOTHING_YET, Skipped, Stage, StageReport
from cryptopilot.ports.strategy import Entry, StrategyError
from cryptopilot.rules.protection import stop_below, target_above
from cryptopilot.rules.signal_types import SIGNAL_TYPES, signal_of
from cryptopilot.rules.signals import BUY, HELD, HOLD, SELL, Proposal, Situation, Terms
from cryptopilot.rules.wishes import (
    CALLBACK_FAILED,
    CALLBACK_REFUSED,
    OUTCOMES,
    STRATEGY_FAILED,
    Wish,
    granted,
)

_ORDER = {SELL: 0, BUY: 1, HOLD: 2}


class StrategyAgent:
    """One per wallet.

    Args:
        strategy: whose wishes become signals; the ensemble's are the signal types' own.
        rows: what a strategy over columns looks at; at least its lookback is kept there.
    """

    def __init__(
        self,
        mandate: Mandate,
        account: Account,
        view: MarketView,
        timeframe_ms: int,
        strategy: Chosen | Ensemble,
        rows: Rows,
    ) -> None:
        self._mandate, self._account, self._view, self._step = mandate, account, view, timeframe_ms
        self._strategy, self._rows = strategy, rows
        self._waiting: PredictionsMade | None = None
        self._last = -1
        self.errors: dict[str, str] = {}
        """By symbol, how the strategy failed on it when it was last asked."""

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
        signals = self._signals(waiting.predictions)
        yield SignalsRaised(waiting.instant, self._account.wallet_id, tuple(signals))
        holds = tuple(Skipped(s.symbol, self.errors.get(s.symbol, s.reason)) for s in signals if s.side == HOLD)
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

    def follow(self, strategy: Chosen | Ensemble) -> None:
        """Go on with another strategy from the next turn on."""
        self._strategy = strategy
        self.errors.clear()

    def _signals(self, predictions: Iterable[Prediction]) -> list[Signal]:
        terms, strategy = self._mandate.terms(), self._strategy
        if isinstance(strategy, Ensemble):
            return sorted((self._predicted(p, terms) for p in predictions), key=_place)
        asked = sorted((self._wished(p, terms, strategy) for p in predictions), key=lambda one: _place(one[0]))
        return sorted((self._entered(*one, strategy) for one in asked), key=_place)

    def _predicted(self, p: Prediction, terms: Terms) -> Signal:
        place, proposal = signal_of(self._situation(p), terms)
        return self._signal(p, SIGNAL_TYPES[place].name, proposal, p.confidence)

    def _wished(self, p: Prediction, terms: Terms, strategy: Chosen) -> tuple[Signal, Prediction, Proposal]:
        """What a strategy wishes, as far as mandate and books allow; its callbacks are still to be asked."""
        try:
            wish = self._wish(p, strategy)
        except StrategyError as error:
            self.errors[p.symbol] = str(error)
            return self._signal(p, STRATEGY_FAILED, HELD, p.confidence), p, HELD
        self.errors.pop(p.symbol, None)
        outcome, proposal = granted(self._situation(p), wish, terms)
        return self._signal(p, OUTCOMES[outcome] or strategy.name, proposal, wish.confidence), p, proposal

    def _wish(self, p: Prediction, strategy: Chosen) -> Wish:
        found = strategy.wishes(p.symbol, self._rows.columns(p.symbol, strategy.lookback))
        return Wish(*(array[-1].item() for array in found))

    def _entered(self, signal: Signal, p: Prediction, proposal: Proposal, strategy: Chosen) -> Signal:
        """The signal as the strategy's callbacks leave it: they are asked about purchases, in the review's order."""
        if signal.side != BUY:
            return signal
        try:
            entry = answered(strategy, self._entry(signal, proposal))
        except CallbackFailedError as error:
            self.errors[p.symbol] = str(error)
            return self._signal(p, CALLBACK_FAILED, HELD, signal.confidence)
        if entry is None:
            return self._signal(p, CALLBACK_REFUSED, HELD, signal.confidence)
        return self._signal(p, signal.reason, proposal._replace(size=entry.size, stop=entry.stop), signal.confidence)

    def _entry(self, signal: Signal, proposal: Proposal) -> Entry:
        account = self._account
        price = self._view.instruments[signal.symbol].price(signal.mark_ticks)
        return Entry(
            signal.symbol, signal.instant, price, proposal.size, proposal.stop, proposal.target, signal.confidence,
            float(money(account.equity, account.quote)), float(money(account.book().free_cash, account.quote)),
            len(account.positions),
        )  # fmt: skip

    def _situation(self, p: Prediction) -> Situation:
        account, symbol = self._account, p.symbol
        return Situation(
            p.direction_prob, p.confidence, p.calibrated, p.expected_edge, symbol in account.positions,
            symbol in account.orders, p.features,
        )  # fmt: skip

    def _signal(self, p: Prediction, reason: str, proposal: Proposal, confidence: float) -> Signal:
        mark = self._view.mark(p.symbol)
        stop, target = 0, 0
        if proposal.side == BUY:
            stop, target = stop_below(mark, proposal.stop), target_above(mark, proposal.target)
        return Signal(
            self._account.wallet_id, p.symbol, p.instant, proposal.side, reason, p.direction_prob, confidence, mark,
            proposal.size, stop, target, proposal.longest_ms, p.instant + self._step,
        )  # fmt: skip


def _place(signal: Signal) -> tuple[int, float, str]:
    """Exits first, then confidence down, then symbol; holds last."""
    known = signal.confidence == signal.confidence
    return _ORDER[signal.side], -signal.confidence if known else 0.0, signal.symbol

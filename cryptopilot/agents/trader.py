"""Trader: reviews, reserves, intends; books what the venue did; keeps positions protected."""

from collections.abc import Iterable, Iterator

from cryptopilot.domain.account import Account
from cryptopilot.domain.events import (
    BookEvent,
    EntriesHalted,
    EntriesResumed,
    InstantClosed,
    InstantGivenUp,
    MarketOpened,
    OrderCancelled,
    OrderIntended,
    OrderSent,
    ProtectionMoved,
    SignalsJudged,
    SignalsRaised,
    StageDue,
)
from cryptopilot.domain.ids import decision_id
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.order import Execution, Order
from cryptopilot.domain.risk import Approved, Refused, ReviewMoment, review
from cryptopilot.domain.signal import Judged, Signal
from cryptopilot.domain.stage import ALREADY_HANDLED, NOTHING_YET, Skipped, Stage, StageReport
from cryptopilot.engine.desk import Saved
from cryptopilot.engine.outbox import Outbox
from cryptopilot.ports.broker import Broker
from cryptopilot.ports.journal import Booked
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.fills import BUYING, SELLING, entry_limit
from cryptopilot.rules.protection import SIGNAL_EXIT, TIME_LIMIT, time_is_up, trailed
from cryptopilot.rules.signals import BUY, HOLD
from cryptopilot.rules.sizing import size_lots


class TraderAgent:
    """One per wallet. Whatever it yields as `Booked` has already changed the account, and is to be made durable.

    What was intended is sent only after that: the outbox is dispatched by the pipeline.
    """

    def __init__(self, mandate: Mandate, account: Account, view: MarketView, broker: Broker, outbox: Outbox) -> None:
        self.account = account
        self._view, self._broker, self._outbox = view, broker, outbox
        self._waiting: SignalsRaised | None = None
        self._last = -1
        self._met = -1
        self.use(mandate)

    def use(self, mandate: Mandate) -> None:
        """Go on with another mandate from the next order on; open positions keep the protection they have."""
        self._mandate = mandate
        self._numbers = mandate.limits.numbers(self.account.quote)

    # -- Ranks 0 and 1: protection, whether or not the pipeline is started --------------------------------------

    def on_closed(self, event: InstantClosed) -> Iterator[Booked]:
        """Rank 0: what the bars' ranges did to stops, targets and expiries. Signals that still wait expire now."""
        self._waiting = None
        for execution in self._broker.at_close(event):
            yield from self._book(execution)

    def on_marked(self, event: InstantClosed) -> Iterator[Booked]:
        """Rank 1: marks, trailing stops, time limits."""
        account, at = self.account, event.instant
        yield self._apply(account.marked(at, self._view.mark))
        for symbol in sorted(account.positions):
            position = account.positions[symbol]
            stop = position.stop_ticks
            if symbol in event.bars:
                stop = trailed(stop, self._view.mark(symbol), self._mandate.trailing)
            if stop != position.stop_ticks:
                yield self._apply(ProtectionMoved(at, symbol, stop, position.target_ticks))
                self._outbox.protect(account.positions[symbol].protection())
            if time_is_up(at, position.opened_at, position.longest_ms) and symbol not in account.orders:
                yield from self.leave(symbol, at, TIME_LIMIT)

    # -- Rank 2: the review ------------------------------------------------------------------------------------

    def on_signals(self, event: SignalsRaised) -> Iterable[object]:
        if event.wallet_id == self.account.wallet_id:
            self._waiting = event
        return ()

    def on_due(self, event: StageDue) -> Iterator[object]:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            why = ALREADY_HANDLED if self._last >= 0 else NOTHING_YET
            yield StageReport(Stage.TRADER, self._last, 0, skipped=(Skipped("*", why),))
            return
        self._last = waiting.instant
        judged: list[Judged] = []
        for signal in waiting.signals:
            events, verdict = self._judge(signal, event.now)
            yield from events
            judged.append(verdict)
        yield SignalsJudged(waiting.instant, self.account.wallet_id, tuple(judged))
        yield StageReport(
            Stage.TRADER,
            waiting.instant,
            sum(1 for j in judged if j.approved),
            refused=tuple(f"{j.signal.symbol} {j.rule}" for j in judged if j.signal.side != HOLD and not j.approved),
            skipped=tuple(Skipped(j.signal.symbol, j.rule) for j in judged if j.signal.side == HOLD),
        )

    def leave(self, symbol: str, at: int, reason: int) -> Iterator[Booked]:
        """Intend to sell everything held of *symbol* at the next price."""
        position = self.account.positions[symbol]
        order = Order(
            decision_id(self.account.wallet_id, symbol, at, "exit"), self.account.wallet_id, symbol, SELLING,
            position.lots, 0, 0, 0, 0, at, 0, reason, 0.0,
        )  # fmt: skip
        answer = self._review(order, at)
        if isinstance(answer, Approved):
            yield self._intend(answer, at)

    # -- Rank 3: fills -----------------------------------------------------------------------------------------

    def on_opened(self, event: MarketOpened) -> Iterator[Booked]:
        self._met = event.instant
        for execution in self._broker.at_open(event):
            yield from self._book(execution)

    def on_sent(self, approved: Iterable[Approved], at: int) -> Iterator[Booked]:
        """The venue has these orders now."""
        for one in approved:
            yield self._apply(OrderSent(at, one.order.id, one.order.symbol))

    # -- By hand, and after a stop -------------------------------------------------------------------------------

    def halt(self, at: int, who: str, why: str) -> Iterator[Booked]:
        """No entry from now on; entries at work are left to their next price."""
        yield self._apply(EntriesHalted(at, who, why))

    def resume_entries(self, at: int, who: str, why: str) -> Iterator[Booked]:
        yield self._apply(EntriesResumed(at, who, why))

    def recover(self, at: int, met: int) -> Iterator[Booked]:
        """Bring the venue in line with the books: adopt what was sent, review again what was only intended.

        Args:
            at: the last instant committed; met: the last one whose openings were.
        """
        account = self.account
        self._last, self._met = at, met
        self._broker.adopt(
            [o for o in account.orders.values() if o.id in account.sent],
            [p.protection() for p in account.positions.values()],
            met,
        )
        for symbol, order in list(account.orders.items()):  # As they were intended.
            if order.id in account.sent:
                continue
            account.orders.pop(symbol)
            held = account.reservations.pop(symbol, 0)
            answer = self._review(order, at)
            account.orders[symbol] = order
            if held:
                account.reservations[symbol] = held
            if isinstance(answer, Approved):
                self._outbox.intend(answer)
            else:
                yield self._apply(OrderCancelled(at, order.id, symbol, f"refused after a restart: {answer.rule}"))

    def on_given_up(self, event: InstantGivenUp) -> Iterable[object]:
        self._waiting, self._last = None, event.instant
        return ()

    def save(self) -> Saved:
        """How things stand, for `restore`."""
        return Saved(self.account.copy(), self._met)

    def restore(self, saved: Saved) -> None:
        """Stand as before an instant that was given up, and let the venue stand so too."""
        self.account.restore(saved.account)
        self._met, self._waiting = saved.met, None
        self._outbox.drop()
        self._broker.adopt(
            [o for o in self.account.orders.values() if o.id in self.account.sent],
            [p.protection() for p in self.account.positions.values()],
            saved.met,
        )

    # -- Within ------------------------------------------------------------------------------------------------

    def _judge(self, signal: Signal, now: int) -> tuple[list[Booked], Judged]:
        if signal.side == HOLD:
            return [], Judged(signal, False, signal.reason, UNKNOWN, UNKNOWN, "")
        if signal.side != BUY and (signal.symbol not in self.account.positions or signal.symbol in self.account.orders):
            return [], Judged(signal, False, "no_position", UNKNOWN, UNKNOWN, "")
        if signal.side != BUY:
            events = list(self.leave(signal.symbol, signal.instant, SIGNAL_EXIT))
            return events, Judged(signal, True, "", UNKNOWN, UNKNOWN, self.account.orders[signal.symbol].id)
        order = self._entry(signal)
        answer = self._review(order, now)
        if isinstance(answer, Refused):
            return [], Judged(signal, False, answer.rule, answer.limit, answer.found, "")
        return [self._intend(answer, signal.instant)], Judged(signal, True, "", UNKNOWN, UNKNOWN, order.id)

    def _entry(self, signal: Signal) -> Order:
        account = self.account
        limit = entry_limit(signal.mark_ticks, self._mandate.entry_slack)
        book = account.book()
        lots = size_lots(
            account.equity, signal.size, limit, account.scales[signal.symbol], self._numbers.max_order,
            book.free_cash, self._broker.fee_ppm,
        )  # fmt: skip
        return Order(
            decision_id(account.wallet_id, signal.symbol, signal.instant, "entry"), account.wallet_id, signal.symbol,
            BUYING, lots, limit, signal.stop_ticks, signal.target_ticks, signal.longest_ms, signal.instant,
            signal.expires_at, 0, signal.confidence,
        )  # fmt: skip

    def _review(self, order: Order, now: int) -> Approved | Refused:
        moment = ReviewMoment(now, self._view.age_ms(order.symbol, now), self._view.returns)
        return review(order, self.account, self._mandate.limits, self._numbers, moment, self._broker.fee_ppm)

    def _intend(self, approved: Approved, at: int) -> Booked:
        """Reserve, so that the next review counts it; remember for sending; and say so."""
        booked = self._apply(OrderIntended(at, approved.order, approved.reserved))
        self._outbox.intend(approved)
        return booked

    def _book(self, execution: Execution) -> Iterator[Booked]:
        if execution.lots == 0:
            yield self._apply(OrderCancelled(execution.at, execution.order_id, execution.symbol, execution.why))
            return
        yield self._apply(self.account.filled(execution, self._broker.fee_ppm))

    def _apply(self, event: BookEvent) -> Booked:
        self.account.apply(event)
        return Booked(self.account.wallet_id, event)

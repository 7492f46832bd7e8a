"""The books of one autowallet in one market session: cash, positions, working orders, and what they add up to.

`apply` is the only way the books change, and book events are the only thing it takes: the journal, folded, is the
account. Each event carries the result it had; applying it books it again through the rules and compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod

from cryptopilot.domain import events
from cryptopilot.domain.errors import LedgerMismatchError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.order import Execution, Order
from cryptopilot.domain.position import Position
from cryptopilot.domain.timeframe import DAY
from cryptopilot.rules.arithmetic import Scale, fee, notional, notional_up
from cryptopilot.rules.ledger import bought, sold
from cryptopilot.rules.limits import Book

MarkOf = Callable[[str], int]


@dataclass(slots=True)
class Account:
    """Money in atoms of *quote*. Marks come from outside; equity is as of the last `Marked`."""

    wallet_id: str
    quote: str
    scales: Mapping[str, Scale]
    deposited: int = 0
    cash: int = 0
    equity: int = 0
    day_base: int = 0
    peak: int = 0
    marked_at: int = -1
    halted: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    """Working orders by symbol: at most one each."""
    reservations: dict[str, int] = field(default_factory=dict)
    """Cash set aside for entries at work, by symbol."""
    sent: set[str] = field(default_factory=set)
    """Ids of working orders that the venue is known to have."""
    left_at: dict[str, int] = field(default_factory=dict)
    """When each symbol was last left: where its cooldown starts."""

    @classmethod
    def new(cls, wallet_id: str, quote: str, instruments: Mapping[str, Instrument]) -> "Account":
        return cls(wallet_id, quote, {s: i.scale for s, i in instruments.items()})

    def copy(self) -> "Account":
        """As it stands now; the values inside are frozen and shared."""
        twin = object.__new__(Account)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.positions, twin.orders = dict(self.positions), dict(self.orders)
        twin.reservations, twin.sent, twin.left_at = dict(self.reservations), set(self.sent), dict(self.left_at)
        return twin

    def restore(self, saved: "Account") -> None:
        """Stand again as *saved*, a `copy`, does."""
        twin = saved.copy()
        for name in self.__slots__:
            setattr(self, name, getattr(twin, name))

    def book(self) -> Book:
        """The account as the review sees it, everything approved so far reserved."""
        entries = sum(1 for o in self.orders.values() if not o.only_reduces and o.symbol not in self.positions)
        return Book(
            self.halted,
            self.equity,
            self.day_base,
            self.peak,
            self.cash - sum(self.reservations.values()),
            len(self.positions) + entries,
        )

    def engaged(self) -> list[str]:
        """Symbols held or about to be, in symbol order: what a new entry's correlation is judged against."""
        return sorted({*self.positions, *(s for s, o in self.orders.items() if not o.only_reduces)})

    def worth(self, mark: MarkOf) -> int:
        """Cash plus every position at its mark."""
        held = sum(notional(mark(s), p.lots, self.scales[s]) for s, p in self.positions.items())
        return self.cash + held

    def marked(self, at: int, mark: MarkOf) -> events.Marked:
        """The account at *at*: a new day's base at the first instant of a UTC day, then the peak."""
        equity = self.worth(mark)
        new_day = self.marked_at < 0 or at // DAY != self.marked_at // DAY
        return events.Marked(at, equity, self.cash, equity if new_day else self.day_base, max(self.peak, equity))

    def filled(self, execution: Execution, fee_ppm: int) -> events.OrderFilled:
        """What *execution* does to the books, as an event; nothing is changed yet.

        Raises:
            LedgerMismatchError: it sells more than is held, or fills an entry that we do not have.
        """
        symbol, scale = execution.symbol, self.scales[execution.symbol]
        position = self.positions.get(symbol)
        lots, cost = (position.lots, position.cost) if position else (0, 0)
        realised = 0
        if execution.side > 0:
            cash, lots, cost, _, charged = bought(
                self.cash, lots, cost, execution.ticks, execution.lots, fee_ppm, scale
            )
        else:
            if execution.lots > lots:
                raise LedgerMismatchError(f"{symbol} lots to sell", ours=lots, theirs=execution.lots)
            cash, lots, cost, _, charged, realised = sold(
                self.cash, lots, cost, execution.ticks, execution.lots, fee_ppm, scale
            )
        held = position or self._entered(execution)
        after = replace(held, lots=lots, cost=cost) if lots else None
        return events.OrderFilled(
            execution.at, execution.order_id, symbol, held.trade_id, execution.side, execution.lots, execution.ticks,
            charged, fee_ppm, execution.reason, execution.done, cash, after, realised,
        )  # fmt: skip

    def _entered(self, execution: Execution) -> Position:
        """The position that an entry's first fill begins."""
        order = self.orders.get(execution.symbol)
        if order is None or order.id != execution.order_id:
            raise LedgerMismatchError(f"fill {execution.order_id}", ours="no such order", theirs="a fill of it")
        return Position(
            order.id, self.wallet_id, order.symbol, 0, 0, execution.ticks,
            order.stop_ticks, order.target_ticks, order.longest_ms, execution.at,
        )  # fmt: skip

    def reserve_for(self, order: Order, fee_ppm: int) -> int:
        """Atoms to set aside while *order* works: its worst cost for an entry, nothing for an exit."""
        if order.only_reduces:
            return 0
        worst = notional_up(order.limit_ticks, order.lots, self.scales[order.symbol])
        return worst + fee(worst, fee_ppm)

    @singledispatchmethod
    def apply(self, event: events.BookEvent) -> None:
        """Let *event* change the books.

        Raises:
            LedgerMismatchError: the event's own result is not what the rules give.
        """

    @apply.register
    def _(self, event: events.Deposited) -> None:
        self.deposited += event.atoms
        self.cash += event.atoms
        self.equity += event.atoms
        self.day_base += event.atoms
        self.peak += event.atoms
        self._agree("cash", self.cash, event.cash)

    @apply.register
    def _(self, event: events.Marked) -> None:
        self._agree("cash at the mark", self.cash, event.cash)
        self.equity, self.day_base, self.peak, self.marked_at = (
            event.equity,
            event.day_base,
            event.peak,
            event.at,
        )

    @apply.register
    def _(self, event: events.OrderIntended) -> None:
        self.orders[event.order.symbol] = event.order
        if event.reserved:
            self.reservations[event.order.symbol] = event.reserved

    @apply.register
    def _(self, event: events.OrderSent) -> None:
        self.sent.add(event.order_id)

    @apply.register
    def _(self, event: events.OrderCancelled) -> None:
        self._close_order(event.symbol, event.order_id)

    @apply.register
    def _(self, event: events.OrderFilled) -> None:
        order = self.orders.get(event.symbol)
        again = self.filled(
            Execution(
                event.order_id, self.wallet_id, event.symbol, event.side, event.at, event.lots, event.ticks,
                event.reason, event.done,
            ),
            event.fee_ppm,
        )  # fmt: skip
        if again != event:
            raise LedgerMismatchError(f"fill {event.order_id}", ours=repr(again), theirs=repr(event))
        self.cash = event.cash
        if event.position is None:
            self.positions.pop(event.symbol, None)
            self.left_at[event.symbol] = event.at
        else:
            self.positions[event.symbol] = event.position
        if event.done:
            self._close_order(event.symbol, event.order_id)
        elif order is not None:
            self.orders[event.symbol] = replace(order, lots=order.lots - event.lots)

    @apply.register
    def _(self, event: events.ProtectionMoved) -> None:
        self.positions[event.symbol] = replace(
            self.positions[event.symbol], stop_ticks=event.stop_ticks, target_ticks=event.target_ticks
        )

    @apply.register
    def _(self, event: events.EntriesHalted) -> None:
        self.halted = True

    @apply.register
    def _(self, event: events.EntriesResumed) -> None:
        self.halted = False
        self.day_base = self.peak = self.equity

    @apply.register(events.MandateSet | events.StagesStarted | events.StagesStopped | events.StageForced)
    @apply.register(events.InstantDecided)
    def _(self, event: events.BookEvent) -> None:
        pass  # Records of what was asked and decided; what moved has events of its own.

    def _close_order(self, symbol: str, order_id: str) -> None:
        order = self.orders.get(symbol)
        if order is not None and order.id == order_id:
            del self.orders[symbol]
            self.reservations.pop(symbol, None)
            self.sent.discard(order_id)

    @staticmethod
    def _agree(what: str, ours: int, theirs: int) -> None:
        if ours != theirs:
            raise LedgerMismatchError(what, ours=ours, theirs=theirs)

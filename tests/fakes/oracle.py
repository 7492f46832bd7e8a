"""What must hold of any journal, whatever happened: asked after every scenario."""

from collections.abc import Iterable
from fractions import Fraction

from cryptopilot.domain.account import Account
from cryptopilot.domain.events import BookEvent, Deposited, Marked, OrderCancelled, OrderFilled, OrderIntended
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.rules.arithmetic import notional_up


def assert_books_hold(
    events: Iterable[BookEvent], account: Account, limits: RiskLimits, instruments: dict[str, Instrument]
) -> None:
    """Cash adds up in exact fractions, no order id serves twice, every position is protected, no limit was exceeded.

    Args:
        account: what the journal's owner says the books are; it must equal the fold of *events*.
    """
    quote = account.quote
    folded = Account(account.wallet_id, quote, account.scales)
    numbers = limits.numbers(quote)
    cash = Fraction(0)
    seen: set[str] = set()
    closed: set[str] = set()
    for event in events:
        if isinstance(event, Deposited):
            cash += event.atoms
        elif isinstance(event, OrderIntended):
            order = event.order
            assert order.id not in seen, f"order id {order.id} served twice"
            seen.add(order.id)
            assert order.symbol not in folded.orders, "two orders of one symbol at work"
            if not order.only_reduces:
                worst = notional_up(order.limit_ticks, order.lots, account.scales[order.symbol])
                assert worst <= numbers.max_position * folded.equity
                assert numbers.min_order <= worst <= numbers.max_order
                assert order.confidence >= numbers.min_confidence
                assert folded.book().slots_taken < numbers.max_concurrent
                assert folded.equity > (1 - numbers.max_daily_loss) * folded.day_base
                assert folded.equity > (1 - numbers.max_drawdown) * folded.peak
                assert worst <= folded.book().free_cash
        elif isinstance(event, OrderFilled):
            worth = Fraction(event.ticks * event.lots) * Fraction(*folded.scales[event.symbol])
            paid = -(-worth // 1) if event.side > 0 else worth // 1
            fee = -(-Fraction(paid * event.fee_ppm, 1_000_000) // 1)
            assert event.fee == fee
            cash += -paid - fee if event.side > 0 else paid - fee
            assert event.cash == cash, "cash does not add up"
            assert event.cash >= 0, "cash below zero"
            order_of_fill = folded.orders.get(event.symbol)
            if event.side > 0:
                assert order_of_fill is not None
                assert order_of_fill.id == event.order_id
                assert event.ticks <= order_of_fill.limit_ticks, "an entry filled beyond its limit"
        elif isinstance(event, OrderCancelled):
            assert event.order_id not in closed
            closed.add(event.order_id)
        elif isinstance(event, Marked):
            assert event.cash == cash
        folded.apply(event)
        assert len(folded.positions) <= limits.max_concurrent
        for position in folded.positions.values():
            assert 0 < position.stop_ticks < position.target_ticks, "an unprotected position"
    assert folded == account, "the tables are not the fold of the journal"

"""What every broker promises; for now there is one, on paper."""

from dataclasses import replace

import pytest

from cryptopilot.domain.account import Account
from cryptopilot.domain.candle import Opening
from cryptopilot.domain.errors import ApprovalSpentError, UnreviewedOrderError
from cryptopilot.domain.events import InstantClosed, MarketOpened
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.order import Order, Protection
from cryptopilot.domain.risk import Approved, ReviewMoment, review
from cryptopilot.rules.fills import Costs
from cryptopilot.rules.protection import SIGNAL_EXIT, STOP
from cryptopilot.simulation.paper import PaperBroker
from tests.fakes.market import a_bar, an_instrument, at

COSTS = Costs(fee_ppm=1000, half_spread=0.0, impact=0.0, latency_share=0.0, volume_cap=0.05)
BTC = "BTC/USDT"


@pytest.fixture
def broker() -> PaperBroker:
    return PaperBroker(COSTS, MarketView({BTC: an_instrument()}))


def an_entry(name: str = "one", lots: int = 1_000_000) -> Order:
    return Order(name, "w", BTC, 1, lots, 10_050, 9_800, 10_400, 0, at(0), at(1), 0, 0.9)


def approved(order: Order) -> Approved:
    account = Account("w", "USDT", {BTC: an_instrument().scale}, *(10**13,) * 5, 0)
    limits = replace(RiskLimits(), max_signal_age_ms=10**7, max_price_age_ms=10**7)
    answer = review(order, account, limits, limits.numbers("USDT"), ReviewMoment(at(0), 0, lambda _: []), 1000)
    assert isinstance(answer, Approved), answer
    return answer


def opened(broker: PaperBroker, instant: int, ticks: int, lots: int = 10**9) -> list[tuple[str, int, int]]:
    event = MarketOpened(instant, {BTC: Opening(ticks, lots)})
    return [(e.order_id, e.lots, e.ticks) for e in broker.at_open(event)]


def test_an_approved_order_meets_the_next_price(broker: PaperBroker) -> None:
    broker.submit(approved(an_entry(lots=100_000)))
    assert opened(broker, at(0), 10_010) == [("one", 100_000, 10_010)]
    assert opened(broker, at(1), 10_010) == []


def test_an_order_that_was_not_reviewed_cannot_be_sent(broker: PaperBroker) -> None:
    with pytest.raises(UnreviewedOrderError):
        broker.submit(an_entry())  # type: ignore[arg-type]
    assert opened(broker, at(0), 10_000) == []


def test_an_approval_serves_once(broker: PaperBroker) -> None:
    leave = approved(an_entry(lots=100_000))
    broker.submit(leave)
    with pytest.raises(ApprovalSpentError):
        broker.submit(leave)


def test_an_order_that_the_venue_has_is_not_there_twice(broker: PaperBroker) -> None:
    broker.submit(approved(an_entry(lots=100_000)))
    broker.submit(approved(an_entry(lots=100_000)))
    assert len(opened(broker, at(0), 10_010)) == 1


def test_a_filled_entry_is_protected_from_that_fill_on(broker: PaperBroker) -> None:
    broker.submit(approved(an_entry(lots=100_000)))
    opened(broker, at(0), 10_010)
    closed = broker.at_close(InstantClosed(at(1), {BTC: a_bar(at(1), 9_900, open=10_010, low=9_700)}, {}, ()))
    assert [(e.reason, e.lots, e.ticks, e.done) for e in closed] == [(STOP, 100_000, 9_800, True)]


def test_adopting_after_a_restart_protects_and_waits_as_before(broker: PaperBroker) -> None:
    leaving = Order("exit", "w", BTC, -1, 500, 0, 0, 0, 0, at(0), 0, SIGNAL_EXIT, 0.0)
    broker.adopt([leaving], [Protection("w", BTC, 500, 9_800, 10_400, at(-5))], met=at(0))
    assert opened(broker, at(0), 10_000) == []  # It has met that opening before the restart.
    assert opened(broker, at(1), 10_000) == [("exit", 500, 10_000)]
    assert broker.at_close(InstantClosed(at(2), {BTC: a_bar(at(2), 9_000)}, {}, ())) == []


def test_a_late_bar_is_history_and_touches_no_protection(broker: PaperBroker) -> None:
    broker.adopt([], [Protection("w", BTC, 500, 9_800, 10_400, at(-2))], met=at(0))
    late = a_bar(at(0), 9_000)
    assert broker.at_close(InstantClosed(at(1), {}, {BTC: (late,)}, ())) == []


def test_a_position_entered_beyond_its_own_stop_leaves_at_that_open_never_above_it(broker: PaperBroker) -> None:
    broker.adopt([], [Protection("w", BTC, 500, 9_800, 10_400, at(0))], met=at(0))
    entered = a_bar(at(1), 9_600, open=9_600, high=9_610, low=9_590)
    closed = broker.at_close(InstantClosed(at(1), {BTC: entered}, {}, ()))
    assert [(e.reason, e.ticks) for e in closed] == [(STOP, 9_600)]

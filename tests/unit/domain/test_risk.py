"""The review: the one gate to the venue, refusing with rule, limit and what was found."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import ApprovalSpentError, InvalidValueError, UnreviewedOrderError
from cryptopilot.domain.events import Deposited, OrderIntended
from cryptopilot.domain.instrument import Instrument, atoms
from cryptopilot.domain.limits import BOUNDS, RiskLimits
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.order import Order
from cryptopilot.domain.position import Position
from cryptopilot.domain.risk import Approved, Refused, ReviewMoment, review
from cryptopilot.rules.fills import BUYING, SELLING, Costs
from cryptopilot.simulation.paper import PaperBroker
from tests.conftest import ROOT

NOW = 1_700_000_000_000
FEE_PPM = 1_000
BASES = ("ADA", "AVAX", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP")
INSTRUMENTS = {
    f"{base}/USDT": Instrument(f"{base}/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(1_000_000))
    for base in BASES
}
"""On this grid one tick times one lot is ten atoms."""


def usdt(amount: str) -> int:
    return atoms(Decimal(amount), "USDT")


def an_account(deposit: str = "10000") -> Account:
    account = Account.new("wallet", "USDT", INSTRUMENTS)
    account.apply(Deposited(NOW, usdt(deposit), usdt(deposit)))
    return account


def a_buy(symbol: str = "BTC/USDT", *, lots: int = 3_000, born_at: int = NOW, confidence: float = 0.9) -> Order:
    """An entry at 30,000 USDT; 3,000 lots are 0.03 coins: 900 USDT."""
    return Order(
        f"buy {symbol}", "wallet", symbol, BUYING, lots, 3_000_000, 2_940_000, 3_120_000, 0, born_at,
        NOW + 60_000, 0, confidence,
    )  # fmt: skip


def a_sell(symbol: str = "BTC/USDT", *, lots: int = 3_000) -> Order:
    return Order(f"sell {symbol}", "wallet", symbol, SELLING, lots, 0, 0, 0, 0, NOW, 0, 3, float("nan"))


def a_position(symbol: str, *, lots: int = 3_000) -> Position:
    return Position(
        f"buy {symbol}",
        "wallet",
        symbol,
        lots,
        lots * 30_000_000,
        3_000_000,
        2_940_000,
        3_120_000,
        0,
        NOW - 1,
    )


def unrelated(symbol: str) -> Sequence[float]:
    """Returns of which no two symbols' are correlated: rows of a Hadamard matrix."""
    row = 1 + sorted(INSTRUMENTS).index(symbol)
    return [0.01 if (row & bar).bit_count() % 2 else -0.01 for bar in range(128)]


def alike(symbol: str) -> Sequence[float]:
    return unrelated("ADA/USDT")


@dataclass
class Review:
    """What a review is given; as it stands, everything passes."""

    order: Order = field(default_factory=a_buy)
    account: Account = field(default_factory=an_account)
    limits: RiskLimits = field(default_factory=RiskLimits)
    price_age_ms: int = 0
    returns: Callable[[str], Sequence[float]] = unrelated

    def answer(self) -> Approved | Refused:
        moment = ReviewMoment(NOW, self.price_age_ms, self.returns)
        return review(self.order, self.account, self.limits, self.limits.numbers("USDT"), moment, FEE_PPM)


def approved(answer: Approved | Refused) -> Approved:
    assert isinstance(answer, Approved), answer
    return answer


def _with(**changes: Any) -> Account:
    account = an_account()
    for name, value in changes.items():
        setattr(account, name, value)
    return account


HELD = {"ETH/USDT": a_position("ETH/USDT")}
FIVE_HELD = {s: a_position(s) for s in list(INSTRUMENTS)[3:8]}
FROM_BTC = frozenset({"BTC/USDT"})

REFUSALS: list[tuple[Review, str, float, float]] = [
    (Review(account=_with(halted=True)), "halted", 0.0, 1.0),
    (Review(limits=RiskLimits(whitelist=frozenset({"ETH/USDT"}))), "whitelist", 0.0, 0.0),
    (Review(a_buy(born_at=NOW - 60_001)), "stale_signal", 60_000.0, 60_001.0),
    (Review(price_age_ms=120_001), "stale_price", 120_000.0, 120_001.0),
    (Review(a_buy(confidence=0.69)), "min_confidence", 0.7, 0.69),
    (Review(account=_with(equity=usdt("9500"))), "max_daily_loss", 0.05, 0.05),
    (Review(account=_with(equity=usdt("8500"), day_base=usdt("8500"))), "max_drawdown", 0.15, 0.15),
    (Review(account=_with(left_at={"BTC/USDT": NOW - 3_599_999})), "cooldown", 0.0, 1.0),
    (Review(account=_with(positions=FIVE_HELD)), "max_concurrent", 5.0, 5.0),
    (Review(a_buy(lots=300_239_976)), "order_too_large", 2.0**53, 300_239_976 * 30_000_000.0),
    (Review(a_buy(lots=3_334), limits=RiskLimits(max_order=Decimal(5000))), "max_position", 0.1, 0.10002),
    (Review(a_buy(lots=33)), "min_order", 1e9, 9.9e8),
    (Review(a_buy(lots=3_334), limits=RiskLimits(max_position=0.5)), "max_order", 1e11, 1.0002e11),
    (Review(account=_with(cash=usdt("900.89"))), "free_cash", 9.0089e10, 9.009e10),
    (Review(account=_with(positions=HELD), returns=alike), "max_correlation", 0.7, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "rule", "limit", "found"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_a_refusal_says_which_rule_what_it_allows_and_what_was_found(
    asked: Review, rule: str, limit: float, found: float
) -> None:
    answer = asked.answer()
    assert isinstance(answer, Refused)
    assert (answer.order, answer.rule, answer.limit) == (asked.order, rule, limit)
    assert answer.found == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("asked", [r[0] for r in REFUSALS], ids=[r[1] for r in REFUSALS])
def test_leaving_is_never_refused(asked: Review) -> None:
    answer = approved(replace(asked, order=a_sell()).answer())
    assert answer.reserved == 0


@pytest.mark.parametrize(
    "asked",
    [
        Review(),
        Review(a_buy(born_at=NOW - 60_000), price_age_ms=120_000),
        Review(a_buy(confidence=0.7)),
        Review(a_buy(lots=3_333), limits=RiskLimits(max_position=0.09999)),  # 999.90 USDT of 10,000.
        Review(a_buy(lots=34)),
        Review(limits=RiskLimits(max_order=Decimal(900))),
        Review(limits=RiskLimits(min_order=Decimal(900))),
        Review(account=_with(cash=usdt("900.90"))),  # 900 and a fee of 0.90.
        Review(account=_with(left_at={"BTC/USDT": NOW - 3_600_000})),
        Review(account=_with(positions=HELD)),
        Review(limits=RiskLimits(whitelist=FROM_BTC)),
    ],
)
def test_what_keeps_every_limit_is_approved_and_its_cost_reserved(asked: Review) -> None:
    answer = approved(asked.answer())
    assert answer.order is asked.order
    assert answer.reserved == asked.order.lots * 30_000_000 * 1_001 // 1_000


def test_a_price_never_seen_is_too_old_to_enter_on() -> None:
    age = MarketView(INSTRUMENTS).age_ms("BTC/USDT", NOW)
    answer = Review(price_age_ms=age).answer()
    assert isinstance(answer, Refused)
    assert answer.rule == "stale_price"


def test_a_confidence_that_is_unknown_is_refused() -> None:
    answer = Review(a_buy(confidence=float("nan"))).answer()
    assert isinstance(answer, Refused)
    assert answer.rule == "min_confidence"


def test_correlation_that_is_unknown_is_refused() -> None:
    few = Review(account=_with(positions=HELD), returns=lambda s: unrelated(s)[:99]).answer()
    assert isinstance(few, Refused)
    assert few.rule == "max_correlation"


def test_an_order_is_not_judged_against_its_own_symbol() -> None:
    approved(Review(account=_with(positions={"BTC/USDT": a_position("BTC/USDT")}), returns=alike).answer())


# -- Reservations


def test_of_nine_orders_that_would_pass_alone_a_limit_of_five_lets_exactly_five_through() -> None:
    account = an_account()
    answers = []
    for count, symbol in enumerate(sorted(INSTRUMENTS)):
        approved(Review(a_buy(symbol)).answer())  # Alone, each would pass.
        before = account.book()
        assert before.slots_taken == min(count, 5)
        answer = Review(a_buy(symbol), account).answer()
        answers.append(answer)
        if isinstance(answer, Approved):
            account.apply(OrderIntended(NOW, answer.order, answer.reserved))
            assert account.book().free_cash == before.free_cash - usdt("900.90")
    assert [isinstance(a, Approved) for a in answers] == [True] * 5 + [False] * 4
    assert [(a.rule, a.limit, a.found) for a in answers if isinstance(a, Refused)] == [("max_concurrent", 5.0, 5.0)] * 4


def test_cash_that_is_reserved_is_gone_before_the_next_review() -> None:
    account = _with(cash=usdt("1801.79"))
    first = approved(Review(a_buy("ADA/USDT"), account).answer())
    account.apply(OrderIntended(NOW, first.order, first.reserved))
    second = Review(a_buy("BTC/USDT"), account).answer()
    assert isinstance(second, Refused)
    assert (second.rule, second.limit, second.found) == ("free_cash", 9.0089e10, 9.009e10)


def test_an_entry_at_work_counts_as_held_when_correlation_is_judged() -> None:
    account = an_account()
    first = approved(Review(a_buy("ADA/USDT"), account, returns=alike).answer())
    account.apply(OrderIntended(NOW, first.order, first.reserved))
    second = Review(a_buy("BTC/USDT"), account, returns=alike).answer()
    assert isinstance(second, Refused)
    assert second.rule == "max_correlation"


def test_an_exit_frees_no_slot_before_it_is_filled() -> None:
    account = _with(positions=dict(FIVE_HELD))
    leaving = approved(Review(a_sell(next(iter(FIVE_HELD))), account).answer())
    account.apply(OrderIntended(NOW, leaving.order, leaving.reserved))
    answer = Review(a_buy(), account).answer()
    assert isinstance(answer, Refused)
    assert (answer.rule, answer.found) == ("max_concurrent", 5.0)


# -- What is not reviewed cannot be sent


def a_broker() -> PaperBroker:
    return PaperBroker(Costs(FEE_PPM, 0.0, 0.0, 0.0, 0.05), MarketView(INSTRUMENTS))


def test_an_approval_is_made_by_the_review_only() -> None:
    with pytest.raises(UnreviewedOrderError):
        Approved(a_buy(), 0, seal=object())
    with pytest.raises(TypeError):
        Approved(a_buy(), 0)  # type: ignore[call-arg]


def test_an_approval_is_good_for_one_sending() -> None:
    asked = Review()
    answer = approved(asked.answer())
    assert answer.redeem() is asked.order
    with pytest.raises(ApprovalSpentError):
        answer.redeem()


def test_a_broker_takes_an_approval_once_and_a_bare_order_never() -> None:
    broker = a_broker()
    answer = approved(Review().answer())
    broker.submit(answer)
    with pytest.raises(ApprovalSpentError):
        broker.submit(answer)
    with pytest.raises(UnreviewedOrderError):
        broker.submit(a_buy())  # type: ignore[arg-type]


def test_the_type_checker_refuses_what_the_review_has_not_approved(tmp_path: Path) -> None:
    lines = """\
from cryptopilot.domain.order import Order
from cryptopilot.domain.risk import Approved, Refused
from cryptopilot.ports.broker import Broker
from cryptopilot.simulation.paper import PaperBroker

def send(broker: Broker, paper: PaperBroker, order: Order, answer: Approved | Refused) -> None:
    if isinstance(answer, Approved):
        broker.submit(answer)
        paper.submit(answer)
        return
    broker.submit(order)  # wrong
    paper.submit(order)  # wrong
    broker.submit(answer)  # wrong
    broker.submit(Approved(order, 0))  # wrong
"""
    snippet = tmp_path / "snippet.py"
    snippet.write_text(lines)
    config = [
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--follow-imports",
        "silent",
        "--no-error-summary",
    ]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *config, str(snippet)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    complained = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error: " in line}
    assert complained == {n for n, line in enumerate(lines.splitlines(), 1) if line.endswith("# wrong")}, checked


# -- What a mandate may ask for


@pytest.mark.parametrize(("name", "low", "high"), BOUNDS, ids=[b[0] for b in BOUNDS])
def test_a_limit_may_not_leave_its_hard_bounds(name: str, low: float, high: float) -> None:
    other = {"min_order": {"max_order": Decimal(10_000_000)}, "max_order": {"min_order": Decimal(0)}}.get(name, {})
    for at_the_end in (low, high):
        value = Decimal(at_the_end) if name.endswith("_order") else at_the_end
        assert getattr(RiskLimits(**{name: value, **other}), name) == value  # type: ignore[arg-type]
    step = 1 if isinstance(low, int) else 0.0001
    for beyond in (low - step, high + step, float("nan"), Decimal("NaN")):
        with pytest.raises(InvalidValueError, match=name):
            RiskLimits(**{name: beyond, **other})  # type: ignore[arg-type]


def test_the_smallest_order_may_not_be_above_the_largest() -> None:
    with pytest.raises(InvalidValueError, match="min_order"):
        RiskLimits(min_order=Decimal(20), max_order=Decimal(10))

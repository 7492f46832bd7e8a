"""The one review. Nothing is sent that did not come out of here as `Approved`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import ApprovalSpentError, UnreviewedOrderError
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.order import Order
from cryptopilot.rules import limits as rules
from cryptopilot.rules.arithmetic import MAX_BOOKED, fee, magnitude, notional_up
from cryptopilot.rules.limits import Ask, Book, Limits, correlated, verdict

NAMES = {
    rules.APPROVED: "approved",
    rules.HALTED: "halted",
    rules.NOT_WHITELISTED: "whitelist",
    rules.STALE_SIGNAL: "stale_signal",
    rules.STALE_PRICE: "stale_price",
    rules.MIN_CONFIDENCE: "min_confidence",
    rules.MAX_DAILY_LOSS: "max_daily_loss",
    rules.MAX_DRAWDOWN: "max_drawdown",
    rules.COOLDOWN: "cooldown",
    rules.MAX_CONCURRENT: "max_concurrent",
    rules.MAX_POSITION: "max_position",
    rules.MIN_ORDER: "min_order",
    rules.MAX_ORDER: "max_order",
    rules.ORDER_TOO_LARGE: "order_too_large",
    rules.FREE_CASH: "free_cash",
    rules.MAX_CORRELATION: "max_correlation",
}

ReturnsOf = Callable[[str], Sequence[float]]


class Refused(NamedTuple):
    """A refusal is an answer with its numbers: the rule, what it allows, what was found."""

    order: Order
    rule: str
    limit: float
    found: float


class Approved:
    """Leave to send one order, once. Only `review` can make one."""

    __slots__ = ("_order", "_spent", "reserved")

    def __init__(self, order: Order, reserved: int, *, seal: object) -> None:
        if seal is not _SEAL:
            raise UnreviewedOrderError("an Approved comes out of domain.risk.review and nowhere else")
        self._order, self.reserved, self._spent = order, reserved, False

    @property
    def order(self) -> Order:
        """The order, to look at; to send it, `redeem`."""
        return self._order

    def redeem(self) -> Order:
        """Give up the order for sending.

        Raises:
            ApprovalSpentError: that has happened before.
        """
        if self._spent:
            raise ApprovalSpentError(f"order {self._order.id} has been sent already")
        self._spent = True
        return self._order


_SEAL = object()


class ReviewMoment(NamedTuple):
    """What the review needs of the moment besides books and limits: market time, the mark's age, grid returns."""

    now: int
    price_age_ms: int
    returns: ReturnsOf


def review(
    order: Order, account: Account, limits: RiskLimits, numbers: Limits, moment: ReviewMoment, fee_ppm: int
) -> Approved | Refused:
    """Judge *order* as the account stands now; only this function makes an `Approved`.

    Args:
        numbers: ``limits.numbers(account.quote)``, computed once by the caller.
    """
    reserved = account.reserve_for(order, fee_ppm)
    book = account.book()
    code, found = verdict(_ask(order, account, limits, moment, fee_ppm), book, numbers)
    if code == rules.APPROVED and not order.only_reduces:
        code, found = _correlation(order.symbol, account.engaged(), numbers, moment.returns)
    if code == rules.APPROVED:
        return Approved(order, reserved, seal=_SEAL)
    return Refused(order, NAMES[code], _limit(code, numbers, book), found)


def _ask(order: Order, account: Account, limits: RiskLimits, moment: ReviewMoment, fee_ppm: int) -> Ask:
    if order.only_reduces:
        return Ask(True, True, 0.0, 0, 0.0, 0, 0, 0, 0)
    scale = account.scales[order.symbol]
    size = magnitude(order.limit_ticks, order.lots, scale)
    worst = notional_up(order.limit_ticks, order.lots, scale)
    left = account.left_at.get(order.symbol)
    cooldown = 0 if left is None else left + limits.cooldown_ms - moment.now
    return Ask(
        False, limits.allows(order.symbol), order.confidence, worst, size, fee(worst, fee_ppm),
        moment.now - order.born_at, moment.price_age_ms, cooldown,
    )  # fmt: skip


def _correlation(symbol: str, engaged: Sequence[str], numbers: Limits, returns: ReturnsOf) -> tuple[int, float]:
    """Judged last, against each symbol held or ordered, in symbol order, until the first breach."""
    ours = returns(symbol)
    for other in engaged:
        if other != symbol:
            breaks, found = correlated(ours, returns(other), numbers)
            if breaks:
                return rules.MAX_CORRELATION, found
    return rules.APPROVED, 0.0


def _limit(code: int, numbers: Limits, book: Book) -> float:
    """The value of the limit behind a refusal, in the unit of what was found."""
    name = NAMES[code]
    if name in Limits._fields:
        return float(getattr(numbers, name))
    return {
        rules.STALE_SIGNAL: float(numbers.max_signal_age_ms),
        rules.STALE_PRICE: float(numbers.max_price_age_ms),
        rules.ORDER_TOO_LARGE: float(MAX_BOOKED),
        rules.FREE_CASH: float(book.free_cash),
    }.get(code, 0.0)

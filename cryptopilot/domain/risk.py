"""The one review. Nothing is sent that did not come out of here as `Approved`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import ApprovalSpentError, UnreviewedOrderError
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.order import Order
from cryptopilot.rules.arithmetic import fee, magnitude, notional_up
from cryptopilot.rules.limits import Ask, Finding, Limits, correlated
from cryptopilot.rules.review import APPROVED, REVIEW, verdict

MAX_CORRELATION = "max_correlation"
"""The check that is judged last, against each symbol held; all others are named in `REVIEW`."""

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
    place, finding = verdict(_ask(order, account, limits, moment, fee_ppm), account.book(), numbers)
    if place != APPROVED:
        return Refused(order, REVIEW[place].__name__, finding.limit, finding.found)
    breach = None if order.only_reduces else _correlation(order.symbol, account.engaged(), numbers, moment.returns)
    if breach is not None:
        return Refused(order, MAX_CORRELATION, breach.limit, breach.found)
    return Approved(order, account.reserve_for(order, fee_ppm), seal=_SEAL)


def _ask(order: Order, account: Account, limits: RiskLimits, moment: ReviewMoment, fee_ppm: int) -> Ask:
    if order.only_reduces:
        return Ask(True, True, 0.0, 0, 0.0, 0, 0, 0, 0, moment.now)
    scale = account.scales[order.symbol]
    size = magnitude(order.limit_ticks, order.lots, scale)
    worst = notional_up(order.limit_ticks, order.lots, scale)
    left = account.left_at.get(order.symbol)
    cooldown = 0 if left is None else left + limits.cooldown_ms - moment.now
    return Ask(
        False, limits.allows(order.symbol), order.confidence, worst, size, fee(worst, fee_ppm),
        moment.now - order.born_at, moment.price_age_ms, cooldown, moment.now,
    )  # fmt: skip


def _correlation(symbol: str, engaged: Sequence[str], numbers: Limits, returns: ReturnsOf) -> Finding | None:
    """Judged last, against each symbol held or ordered, in symbol order: the first breach."""
    ours = returns(symbol)
    found = (correlated(ours, returns(other), numbers) for other in engaged if other != symbol)
    return next((finding for finding in found if finding.breaks), None)

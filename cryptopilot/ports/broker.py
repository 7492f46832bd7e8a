"""Where orders go."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from cryptopilot.domain.events import InstantClosed, MarketOpened
from cryptopilot.domain.order import Execution, Order, Protection
from cryptopilot.domain.risk import Approved


class Broker(Protocol):
    """A venue, or the exchange that is not there. Orders and protections are known by wallet, symbol and id.

    Every broker passes tests/contract/test_broker.py.
    """

    @property
    def fee_ppm(self) -> int:
        """The fee as parts per million of the notional, in the quote asset."""

    def submit(self, approved: Approved) -> None:
        """Send one order. What was not reviewed cannot be sent. An id the venue has already is not sent again.

        Raises:
            ApprovalSpentError: this approval has been used.
            TransientError: the order's fate is unknown; find it by id before sending again.
        """

    def protect(self, protection: Protection) -> None:
        """Set stop and target of a held symbol, in place of those before."""

    def adopt(self, orders: Iterable[Order], protections: Iterable[Protection], met: int) -> None:
        """Make what is at work exactly this: after a start, or after an instant that was given up.

        Args:
            met: the last instant whose openings these orders have met, in ms UTC.
        """

    def at_close(self, event: InstantClosed) -> Sequence[Execution]:
        """What bars closing at an instant did to protections and expiries: by symbol."""

    def at_open(self, event: MarketOpened) -> Sequence[Execution]:
        """What the first prices after an instant did to waiting orders: by symbol."""

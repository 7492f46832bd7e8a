"""A wallet's desk, as the pipeline sees it: its trader, and what it has not sent yet."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from cryptopilot.domain.account import Account
from cryptopilot.domain.risk import Approved
from cryptopilot.engine.outbox import Outbox
from cryptopilot.ports.journal import Booked


class Saved(NamedTuple):
    """A trader's books, and the last instant whose openings its orders have met."""

    account: Account
    met: int


class Trader(Protocol):
    """What the pipeline asks of a wallet's trader besides hearing events."""

    account: Account

    def save(self) -> Saved: ...

    def restore(self, saved: Saved) -> None: ...

    def recover(self, at: int, met: int) -> Iterable[Booked]: ...

    def on_sent(self, approved: Iterable[Approved], at: int) -> Iterable[Booked]: ...


class Desk(NamedTuple):
    """One wallet's trader and what it has not sent yet."""

    trader: Trader
    outbox: Outbox

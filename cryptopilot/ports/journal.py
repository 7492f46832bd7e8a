"""Where everything that happened is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cryptopilot.domain.account import Account
from cryptopilot.domain.events import BookEvent
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.tape import Checkpoint


class Booked(NamedTuple):
    """A book event and the wallet whose books it moved."""

    wallet_id: str
    event: BookEvent


@dataclass(slots=True)
class Batch:
    """One transaction: everything of it becomes durable, or nothing."""

    instant: int
    number: int = 0
    """Counts a session's batches; one that has arrived already is not written again."""
    events: list[Booked] = field(default_factory=list)
    predictions: tuple[Prediction, ...] = ()
    judged: dict[str, tuple[Judged, ...]] = field(default_factory=dict)
    news: tuple[NewsItem, ...] = ()
    checkpoint: Checkpoint | None = None
    opened: bool = False
    """Whether the openings at this instant are part of it."""

    def book(self, wallet_id: str, event: BookEvent) -> None:
        self.events.append(Booked(wallet_id, event))

    def __bool__(self) -> bool:
        return bool(self.events or self.predictions or self.judged or self.news or self.checkpoint)


class Progress(NamedTuple):
    """How far a session has come: the last instant committed, the last whose openings were, the last batch's number.

    *deciding*: whether its stages were last started or stopped; None when nothing was said of it.
    """

    instant: int
    opened: int
    number: int
    deciding: bool | None = None


class Journal(Protocol):
    """Append-only, chained per wallet; the current state is written in the same transaction.

    Every journal passes tests/contract/test_journal.py.
    """

    def commit(self, batch: Batch) -> bool:
        """Make *batch* durable, once: False when a batch of its number, or a later one, has arrived before.

        Raises:
            JournalUnavailableError: it was not written, or nobody can say now whether it was.
            JournalRefusedError: the database holds something else than we believe.
        """

    def progress(self) -> Progress | None:
        """None for a session that has not begun."""

    def account(self, wallet_id: str) -> Account | None:
        """The books as of the last commit, from the current-state tables; None for an unknown wallet.

        Raises:
            JournalCorruptError: tables and chain do not belong together.
        """

    def length(self, wallet_id: str) -> int:
        """How many book events a wallet has."""

    def events(self, wallet_id: str, newest: int | None = None) -> Iterator[BookEvent]:
        """Every book event of a wallet in order, or the newest so many, the chain verified on the way.

        Raises:
            JournalCorruptError: the first bad sequence number.
        """

    def mandate(self, wallet_id: str) -> Mandate | None:
        """What the wallet was last asked to do; None for a session that has not begun."""

    def checkpoint(self) -> Checkpoint | None:
        """The newest saved state of market view and predictor."""

    def news_after(self, instant: int) -> Sequence[NewsItem]:
        """Headlines first seen after *instant*, oldest first."""

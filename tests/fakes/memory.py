"""A journal in memory: what the pipeline's own tests write to. It passes the journal's contract."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cryptopilot.adapters.storage.codec import decode_checkpoint, encode_checkpoint
from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import JournalUnavailableError
from cryptopilot.domain.events import BookEvent, Deposited, MandateSet, StagesStarted, StagesStopped
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.tape import Checkpoint
from cryptopilot.ports.journal import Batch, Progress
from cryptopilot.rules.arithmetic import Scale


class MemoryJournal:
    """Keeps whole batches. Set `away` and it takes nothing."""

    def __init__(self, quote: str, scales: Mapping[str, Scale]) -> None:
        self._quote, self._scales = quote, scales
        self.batches: list[Batch] = []
        self.away = False

    def commit(self, batch: Batch) -> bool:
        if self.away:
            raise JournalUnavailableError("the database is away")
        if batch.number <= self._newest():
            return False
        checkpoint = decode_checkpoint(encode_checkpoint(batch.checkpoint)) if batch.checkpoint else None
        self.batches.append(replace(batch, events=list(batch.events), checkpoint=checkpoint))
        return True

    def _newest(self) -> int:
        return self.batches[-1].number if self.batches else 0

    def progress(self) -> Progress | None:
        decided = [b.instant for b in self.batches if not b.opened or _opens_books(b)]
        opened = [b.instant for b in self.batches if b.opened]
        return Progress(max(decided), max(opened, default=-1), self._newest(), self._deciding()) if decided else None

    def _deciding(self) -> bool | None:
        said = [e for b in self.batches for _, e in b.events if isinstance(e, StagesStarted | StagesStopped)]
        return isinstance(said[-1], StagesStarted) if said else None

    def account(self, wallet_id: str) -> Account | None:
        account = Account(wallet_id, self._quote, self._scales)
        count = 0
        for event in self.events(wallet_id):
            account.apply(event)
            count += 1
        return account if count else None

    def length(self, wallet_id: str) -> int:
        return sum(1 for b in self.batches for w, _ in b.events if w == wallet_id)

    def events(self, wallet_id: str, newest: int | None = None) -> Iterator[BookEvent]:
        every = [e for b in self.batches for w, e in b.events if w == wallet_id]
        return iter(every if newest is None else every[-newest:])

    def mandate(self, wallet_id: str) -> Mandate | None:
        return next((e.mandate for e in reversed(list(self.events(wallet_id))) if isinstance(e, MandateSet)), None)

    def checkpoint(self) -> Checkpoint | None:
        return next((b.checkpoint for b in reversed(self.batches) if b.checkpoint), None)

    def news_after(self, instant: int) -> Sequence[NewsItem]:
        seen = {n.id: n for b in self.batches for n in b.news if n.first_seen_at > instant}
        return sorted(seen.values(), key=lambda n: (n.first_seen_at, n.id))

    def by_kind(self) -> dict[str, list[BookEvent]]:
        """Every event, by the name of its kind."""
        found: defaultdict[str, list[BookEvent]] = defaultdict(list)
        for batch in self.batches:
            for _, event in batch.events:
                found[type(event).__name__].append(event)
        return found


class MemorySpill:
    def __init__(self) -> None:
        self._waiting: list[Batch] = []

    def append(self, batch: Batch) -> None:
        self._waiting.append(batch)

    def batches(self) -> Sequence[Batch]:
        return list(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()


def _opens_books(batch: Batch) -> bool:
    return any(isinstance(e, Deposited) for _, e in batch.events)

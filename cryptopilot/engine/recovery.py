"""Starting is recovering: books from the journal, folded state from the newest checkpoint and the bars since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import JournalCorruptError, LedgerMismatchError
from cryptopilot.domain.events import BarsObserved, Deposited, InstantClosed, MandateSet
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.tape import Checkpoint
from cryptopilot.engine.desk import Desk
from cryptopilot.engine.pipeline import Pipeline
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.journal import Batch, Booked, Journal
from cryptopilot.ports.spill import Spill


@dataclass(frozen=True, slots=True)
class Folding:
    """How history is folded: read an instant, take its marks, observe it; or stand as a checkpoint describes.

    Args:
        suffices: whether a checkpoint holds all that is kept now; after a change of strategy it may hold less.
    """

    close: Callable[[int], InstantClosed]
    take_marks: Callable[[InstantClosed], object]
    observe: Callable[[BarsObserved], object]
    suffices: Callable[[Checkpoint], bool]
    restore: Callable[[Checkpoint], None]
    resume: Callable[[int], None]
    """Everything up to this instant has been decided."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where a session stands after its start: the last instant handled, whether it is new, and bars folded."""

    instant: int
    fresh: bool
    folded: int


def recover(
    candles: CandleSource,
    folding: Folding,
    journal: Journal,
    spill: Spill,
    desks: Sequence[Desk],
    pipeline: Pipeline,
    capital: int,
    mandate: Mandate,
) -> Recovered:
    """Bring every part to where the session stopped; a new session gets *capital* atoms and its history.

    A mandate that differs from the last one is recorded.

    Raises:
        JournalCorruptError: the books cannot be trusted; nothing was started.
        JournalUnavailableError: the database does not answer.
    """
    progress = journal.progress()
    waiting = spill.batches()
    if progress is None and waiting:
        raise JournalCorruptError(
            desks[0].trader.account.wallet_id,
            0,
            f"{len(waiting)} batches wait in the spill for books that this database does not hold; put the database "
            "back, or move the spill file away",
        )
    for batch in waiting:
        journal.commit(batch)
    if waiting:
        spill.clear()
        progress = journal.progress()
    if progress is None:
        last = candles.first_decision - candles.timeframe_ms
        folded = _fold(candles, folding, candles.first_instant, last)
        _open_books(journal, desks, last, capital, mandate)
    else:
        last = progress.instant
        start = candles.first_instant
        saved = journal.checkpoint()
        if saved is not None and folding.suffices(saved):
            folding.restore(saved)
            start = saved.instant + candles.timeframe_ms
        folded = _fold(candles, folding, start, last)
        batch = Batch(last, progress.number + 1)
        for desk in desks:
            account = journal.account(desk.trader.account.wallet_id)
            if account is None:
                raise JournalCorruptError(desk.trader.account.wallet_id, 0, "the session has begun without its books")
            verify(journal, account)
            desk.trader.account.restore(account)
            batch.events += desk.trader.recover(last, progress.opened)
            if journal.mandate(account.wallet_id) != mandate:
                batch.book(account.wallet_id, MandateSet(last, mandate))
        if batch:
            journal.commit(batch)
    folding.resume(last)
    reached = journal.progress()
    assert reached is not None
    pipeline.resume(last, reached.number, reached.deciding)
    return Recovered(last, progress is None, folded)


VERIFIED_AT_START = 50_000
"""Book events whose chain a start verifies: half a second. All of them are verified by the doctor."""


def verify(journal: Journal, account: Account, newest: int = VERIFIED_AT_START) -> int:
    """Make sure that the chain is whole and that its events lead to *account*; says how many were read.

    Where the journal is longer than *newest*, only those events' chain is verified, not where they lead.

    Raises:
        JournalCorruptError: names the first bad sequence number, or that tables and journal disagree.
    """
    whole = journal.length(account.wallet_id) <= newest
    folded = Account(account.wallet_id, account.quote, account.scales)
    count = 0
    for event in journal.events(account.wallet_id, None if whole else newest):
        count += 1
        if whole:
            try:
                folded.apply(event)
            except LedgerMismatchError as error:
                raise JournalCorruptError(account.wallet_id, count, str(error)) from error
    if whole and folded != account:
        raise JournalCorruptError(account.wallet_id, count, f"the journal folds to {folded}, the tables hold {account}")
    return count


def _fold(candles: CandleSource, folding: Folding, start: int, last: int) -> int:
    folded = 0
    for instant in range(start, last + 1, candles.timeframe_ms):
        closed = folding.close(instant)
        folding.take_marks(closed)
        folding.observe(BarsObserved(closed))
        folded += 1
    return folded


def _open_books(journal: Journal, desks: Sequence[Desk], at: int, capital: int, mandate: Mandate) -> None:
    batch = Batch(at, 1, opened=True)
    for desk in desks:
        account = desk.trader.account
        deposit = Deposited(at, capital, account.cash + capital)
        account.apply(deposit)
        batch.events += [Booked(account.wallet_id, deposit), Booked(account.wallet_id, MandateSet(at, mandate))]
    journal.commit(batch)

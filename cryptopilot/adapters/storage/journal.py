"""The journal on a relational database: an append-only chain per wallet, and the current state beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from cryptopilot.adapters.storage import codec, schema
from cryptopilot.adapters.storage.database import sqlite_path, transaction
from cryptopilot.adapters.storage.projection import Head, Projection, Row
from cryptopilot.adapters.storage.rows import Upserts, news_of, order_of, position_of, rooted, rows_of
from cryptopilot.domain import events as book
from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import JournalCorruptError, JournalUnavailableError
from cryptopilot.domain.events import BookEvent, Funnel
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.tape import Checkpoint
from cryptopilot.ports.journal import Batch, Progress
from cryptopilot.rules.arithmetic import Scale

KEPT_CHECKPOINTS = 2
WORKING = ("intended", "sent", "partly_filled")

_APPEND = "INSERT INTO journal (session_id, wallet_id, seq, at, kind, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
_SEGMENT = """
INSERT INTO segments (session_id, kind, wallet_id, instant, entries, root, body) VALUES (?, ?, ?, ?, ?, ?, ?)"""
_ADVANCE = """
UPDATE market_sessions SET last_instant = COALESCE(?, last_instant), opened = COALESCE(?, opened), batch = ?
WHERE id = ?"""

_FUNNEL = """
INSERT INTO funnels (session_id, wallet_id, body) VALUES (?, ?, ?)
ON CONFLICT (session_id, wallet_id) DO UPDATE SET body = excluded.body"""
_PRUNE = """
DELETE FROM segments WHERE session_id = ? AND instant < ? AND NOT EXISTS (
SELECT 1 FROM orders WHERE orders.session_id = segments.session_id AND orders.born_at = segments.instant)"""

KEPT_DECISIONS = 20_000
"""Instants whose predictions and judged signals are kept; those that led to an order are kept for ever."""

_Rare = book.Deposited | book.EntriesHalted | book.EntriesResumed | book.MandateSet
"""What the projection leaves out: events that come once a session, or by hand."""


class SqlJournal:
    """One market session's journal.

    Args:
        engine: as `open_database` gives it; quote, scales: of the session's instruments.
        guard: asked before each transaction whether we still are the one writer.
    """

    def __init__(
        self,
        engine: Engine,
        session_id: str,
        quote: str,
        scales: Mapping[str, Scale],
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self._guard = guard
        self._engine, self._session, self._quote, self._scales = engine, session_id, quote, scales
        self._path = sqlite_path(engine)
        self._inode = self._path.stat().st_ino if self._path is not None else None
        self._heads: dict[str, Head] = {}
        self._funnels: dict[str, Funnel] = {}
        self._upserts = Upserts(engine.dialect.name)
        self._arrived: int | None = None
        """The newest batch number in the database; None when that is to be read."""
        self._mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"

    def commit(self, batch: Batch) -> bool:
        try:
            return self._commit(batch)
        except JournalUnavailableError:
            self._forget()
            try:
                if self._newest() >= batch.number:
                    return True  # The answer to the commit was lost; the commit was not.
            except JournalUnavailableError:
                pass  # Nobody can say now; the number will tell when the database is back.
            raise
        except BaseException:
            self._forget()
            raise

    def _reading(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine, self._path, self._inode, writes=False)

    def _forget(self) -> None:
        """What is in the database is to be read again."""
        self._heads, self._funnels, self._arrived = {}, {}, None

    def _newest(self) -> int:
        """The number of the newest batch in the database."""
        if self._arrived is None:
            table = schema.market_sessions.c
            with self._reading() as connection:
                found = connection.execute(select(table.batch).where(table.id == self._session)).scalar()
            self._arrived = 0 if found is None else int(found)
        return self._arrived

    def _commit(self, batch: Batch) -> bool:
        self._guard()
        if batch.number <= self._newest():
            return False
        heads, funnels = dict(self._heads), dict(self._funnels)
        segments, roots = self._segments(batch)
        rows: list[Row] = []
        projection = Projection(self._session)
        with transaction(self._engine, self._path, self._inode, writes=True) as connection:
            for wallet_id, event in batch.events:
                kept = rooted(event, roots.get("", ""), roots.get(wallet_id, ""))
                head = heads.get(wallet_id) or self._head(connection, wallet_id)
                kind, body = type(kept).__name__, codec.encode_event(kept)
                sequence = head.sequence + 1
                digest = codec.link(head.hash, sequence, kind, body)
                heads[wallet_id] = Head(sequence, digest)
                rows.append((self._session, wallet_id, sequence, kept.at, kind, body, digest))
                projection.take(wallet_id, event, sequence)
                if isinstance(event, book.InstantDecided):
                    funnels[wallet_id] = (funnels.get(wallet_id) or self._funnel(connection, wallet_id)).plus(event)
                elif isinstance(event, _Rare):
                    self._book_rarely(connection, wallet_id, event)
            self._send(connection, _APPEND, rows)
            for text, changed in projection.statements(heads):
                self._send(connection, text, changed)
            self._send(connection, _SEGMENT, segments)
            changes = [(w, f) for w, f in funnels.items() if f is not self._funnels.get(w)]
            self._send(connection, _FUNNEL, [(self._session, w, codec.encode_funnel(f)) for w, f in changes])
            if batch.news:
                connection.execute(self._upserts.news, [self._news_row(item) for item in batch.news])
            if batch.checkpoint is not None:
                self._keep_checkpoint(connection, batch.checkpoint)
            self._advance(connection, batch)
        self._heads, self._funnels, self._arrived = heads, funnels, batch.number
        return True

    def progress(self) -> Progress | None:
        table = schema.market_sessions
        with self._reading() as connection:
            row = connection.execute(
                select(table.c.last_instant, table.c.opened, table.c.batch).where(table.c.id == self._session)
            ).first()
        if row is None or row.last_instant is None:
            return None
        return Progress(row.last_instant, -1 if row.opened is None else row.opened, row.batch)

    def account(self, wallet_id: str) -> Account | None:
        with self._reading() as connection:
            row = connection.execute(rows_of(schema.accounts, self._session, wallet_id)).first()
            if row is None:
                return None
            head = self._head(connection, wallet_id)
            if head != Head(row.head_seq, row.head_hash):
                raise JournalCorruptError(wallet_id, head.sequence, "the account stands at another link of the chain")
            positions = [
                position_of(r) for r in connection.execute(rows_of(schema.positions, self._session, wallet_id))
            ]
            working = connection.execute(
                rows_of(schema.orders, self._session, wallet_id)
                .where(schema.orders.c.status.in_(WORKING))
                .order_by(schema.orders.c.intended_seq)
            ).all()
            trades = schema.trades.c
            left = connection.execute(
                select(trades.symbol, func.max(trades.closed_at).label("closed_at"))
                .where(trades.session_id == self._session, trades.wallet_id == wallet_id, trades.closed_at.is_not(None))
                .group_by(trades.symbol)
            ).all()
        return Account(
            wallet_id, self._quote, self._scales, row.deposited, row.cash, row.equity, row.day_base, row.peak,
            row.marked_at,
            bool(row.halted), {p.symbol: p for p in positions}, {r.symbol: order_of(r) for r in working},
            {r.symbol: r.reserved for r in working if r.reserved}, {r.id for r in working if r.status != "intended"},
            {r.symbol: r.closed_at for r in left},
        )  # fmt: skip

    def length(self, wallet_id: str) -> int:
        with self._reading() as connection:
            return self._head(connection, wallet_id).sequence

    def events(self, wallet_id: str, newest: int | None = None) -> Iterator[BookEvent]:
        table = schema.journal.c
        mine = (table.session_id == self._session, table.wallet_id == wallet_id)
        after = 0 if newest is None else max(0, self.length(wallet_id) - newest)
        wanted = (
            select(table.seq, table.kind, table.body, table.hash).where(*mine, table.seq > after).order_by(table.seq)
        )
        previous, expected = codec.GENESIS, after + 1
        if after:
            with self._engine.connect() as connection:
                previous = connection.execute(select(table.hash).where(*mine, table.seq == after)).scalar() or previous
        with self._engine.connect() as connection:
            with connection.execution_options(yield_per=1000).execute(wanted) as rows:
                for seq, kind, body, digest in rows:
                    if seq != expected:
                        raise JournalCorruptError(wallet_id, expected, f"missing; the next one is {seq}")
                    if codec.link(previous, seq, kind, body) != digest:
                        raise JournalCorruptError(wallet_id, seq, "its hash is not that of its content")
                    try:
                        yield codec.decode_event(kind, body)
                    except ValueError as error:
                        raise JournalCorruptError(wallet_id, seq, str(error)) from error
                    previous, expected = digest, expected + 1
            stands = connection.execute(rows_of(schema.accounts, self._session, wallet_id)).first()
        if stands is not None and stands.head_seq != expected - 1:
            raise JournalCorruptError(wallet_id, expected, f"missing; the account stands at {stands.head_seq}")

    def mandate(self, wallet_id: str) -> Mandate | None:
        table = schema.market_sessions.c
        with self._reading() as connection:
            kept = connection.execute(select(table.mandate).where(table.id == self._session)).scalar()
        return None if kept is None else codec.decode_mandate(kept)

    def checkpoint(self) -> Checkpoint | None:
        table = schema.checkpoints
        with self._reading() as connection:
            body = connection.execute(
                select(table.c.body)
                .where(table.c.session_id == self._session)
                .order_by(table.c.instant.desc())
                .limit(1)
            ).scalar()
        return None if body is None else codec.decode_checkpoint(body)

    def news_after(self, instant: int) -> Sequence[NewsItem]:
        table = schema.news.c
        with self._reading() as connection:
            rows = connection.execute(
                select(schema.news)
                .where(table.session_id == self._session, table.first_seen_at > instant)
                .order_by(table.first_seen_at, table.id)
            ).all()
        return [news_of(r) for r in rows]

    def _segments(self, batch: Batch) -> tuple[list[Row], dict[str, str]]:
        """Rows for the prunable segments of a batch, and their roots by wallet ('' for predictions)."""
        rows: list[Row] = []
        roots: dict[str, str] = {}
        parts: list[tuple[str, str, Sequence[Prediction] | Sequence[Judged]]] = [
            ("predictions", "", batch.predictions),
            *(("signals", wallet_id, judged) for wallet_id, judged in batch.judged.items()),
        ]
        for kind, wallet_id, entries in parts:
            if entries:
                body, root = codec.encode_segment(entries)
                roots[wallet_id] = root
                rows.append((self._session, kind, wallet_id, batch.instant, len(entries), root, body))
        return rows, roots

    def _funnel(self, connection: Connection, wallet_id: str) -> Funnel:
        """The funnel as it was last kept."""
        table = schema.funnels.c
        body = connection.execute(
            select(table.body).where(table.session_id == self._session, table.wallet_id == wallet_id)
        ).scalar()
        return Funnel() if body is None else codec.decode_funnel(body)

    def _head(self, connection: Connection, wallet_id: str) -> Head:
        table = schema.journal.c
        row = connection.execute(
            select(table.seq, table.hash)
            .where(table.session_id == self._session, table.wallet_id == wallet_id)
            .order_by(table.seq.desc())
            .limit(1)
        ).first()
        return Head(0, codec.GENESIS) if row is None else Head(row.seq, row.hash)

    def _send(self, connection: Connection, text: str, rows: list[Row]) -> None:
        if rows:
            connection.exec_driver_sql(text.replace("?", self._mark), rows)

    def _book_rarely(self, connection: Connection, wallet_id: str, event: _Rare) -> None:
        key = {"session_id": self._session, "wallet_id": wallet_id}
        if isinstance(event, book.Deposited):
            self._deposit(connection, key, event)
        elif isinstance(event, book.MandateSet):
            table = schema.market_sessions
            kept = codec.encode_mandate(event.mandate)
            connection.execute(update(table).where(table.c.id == self._session).values(mandate=kept))
        else:
            self._halt(connection, key, halted=isinstance(event, book.EntriesHalted))

    def _deposit(self, connection: Connection, key: Mapping[str, object], event: book.Deposited) -> None:
        found = connection.execute(rows_of(schema.accounts, str(key["session_id"]), str(key["wallet_id"]))).first()
        if found is None:
            fresh = dict.fromkeys(("deposited", "cash", "equity", "day_base", "peak"), event.atoms)
            connection.execute(
                insert(schema.accounts),
                [{**key, **fresh, "marked_at": -1, "halted": False, "head_seq": 0, "head_hash": b""}],
            )
            return
        table = schema.accounts.c
        raised = {name: table[name] + event.atoms for name in ("deposited", "cash", "equity", "day_base", "peak")}
        connection.execute(
            update(schema.accounts)
            .where(table.session_id == key["session_id"], table.wallet_id == key["wallet_id"])
            .values(**raised)
        )

    def _halt(self, connection: Connection, key: Mapping[str, object], *, halted: bool) -> None:
        table = schema.accounts.c
        values: dict[str, object] = {"halted": halted}
        if not halted:
            values |= {"day_base": table.equity, "peak": table.equity}
        connection.execute(
            update(schema.accounts)
            .where(table.session_id == key["session_id"], table.wallet_id == key["wallet_id"])
            .values(**values)
        )

    def _keep_checkpoint(self, connection: Connection, checkpoint: Checkpoint) -> None:
        table = schema.checkpoints.c
        connection.execute(
            self._upserts.checkpoints,
            [
                {
                    "session_id": self._session, "instant": checkpoint.instant,
                    "body": codec.encode_checkpoint(checkpoint),
                }
            ],
        )  # fmt: skip
        newest = select(table.instant).where(table.session_id == self._session).order_by(table.instant.desc())
        kept = [r[0] for r in connection.execute(newest.limit(KEPT_CHECKPOINTS))]
        connection.execute(
            delete(schema.checkpoints).where(table.session_id == self._session, table.instant < min(kept))
        )
        self._prune(connection, checkpoint.instant)

    def _prune(self, connection: Connection, instant: int) -> None:
        """Let go of predictions and signals older than KEPT_DECISIONS instants that led to no order."""
        step = connection.execute(
            select(schema.market_sessions.c.timeframe_ms).where(schema.market_sessions.c.id == self._session)
        ).scalar_one()
        self._send(connection, _PRUNE, [(self._session, instant - KEPT_DECISIONS * step)])

    def _advance(self, connection: Connection, batch: Batch) -> None:
        opened = batch.instant if batch.opened else None
        last = batch.instant if not batch.opened or self.fresh_books(batch) else None
        self._send(connection, _ADVANCE, [(last, opened, batch.number, self._session)])

    @staticmethod
    def fresh_books(batch: Batch) -> bool:
        """Whether the batch opens the books: it then stands for its instant whole."""
        return any(isinstance(event, book.Deposited) for _, event in batch.events)

    def _news_row(self, item: NewsItem) -> dict[str, object]:
        return {**item._asdict(), "session_id": self._session, "coins": " ".join(item.coins)}

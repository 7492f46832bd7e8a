"""Reading what the journal kept: trades, fills, equity, decisions. Opens no transaction of its own making."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, select

from cryptopilot.adapters.storage import codec, schema
from cryptopilot.adapters.storage.database import reading
from cryptopilot.adapters.storage.rows import news_of
from cryptopilot.domain.events import BookEvent, EntriesHalted, Funnel
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.tally import Tally

_PAGE = 10_000
"""Rows of a long table that are in memory at once."""


class Totals(NamedTuple):
    """Closed trades of a wallet, money in atoms."""

    closed: int
    won: int
    realised: int
    fees: int
    open: int


class Reader:
    """One wallet in one session."""

    def __init__(self, engine: Engine, session_id: str, wallet_id: str) -> None:
        self._engine, self._session, self._wallet = engine, session_id, wallet_id

    def trades(self, limit: int | None = None) -> Sequence[Any]:
        """Rows of trades, newest first."""
        table = schema.trades
        return self._rows(table, table.c.opened_at.desc(), limit)

    def trade(self, identifier: str) -> Any | None:
        table = schema.trades
        return self._one(table, table.c.id == identifier)

    def order(self, identifier: str) -> Any | None:
        table = schema.orders
        return self._one(table, table.c.id == identifier)

    def fills(
        self, trade_id: str | None = None, limit: int | None = None, order_id: str | None = None
    ) -> Sequence[Any]:
        """Rows of fills, oldest first, of one trade, of one order, or all."""
        table = schema.fills
        wanted = self._of(table).order_by(table.c.at, table.c.order_id)
        if trade_id is not None:
            wanted = wanted.where(table.c.trade_id == trade_id)
        if order_id is not None:
            wanted = wanted.where(table.c.order_id == order_id)
        with reading(self._engine) as connection:
            return connection.execute(wanted.limit(limit)).all()

    def totals(self) -> Totals:
        t = schema.trades.c
        closed = t.closed_at.is_not(None)
        wanted = select(
            func.count().filter(closed),
            func.count().filter(closed, t.realised > 0),
            func.coalesce(func.sum(t.realised), 0),
            func.coalesce(func.sum(t.fees), 0),
            func.count().filter(~closed),
        ).where(t.session_id == self._session, t.wallet_id == self._wallet)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).one()
        return Totals(*(int(x) for x in row))

    def tallies(self) -> dict[str, Tally]:
        """What the trades of each symbol have come to."""
        t = schema.trades.c
        ended = t.closed_at.is_not(None)
        wanted = select(
            t.symbol,
            func.count().filter(ended),
            func.count().filter(ended, t.realised > 0),
            func.coalesce(func.sum(t.realised).filter(ended, t.realised > 0), 0),
            func.coalesce(-func.sum(t.realised).filter(ended, t.realised < 0), 0),
            func.sum(t.realised),
            func.sum(t.fees),
            func.max(t.realised).filter(ended),
            func.min(t.realised).filter(ended),
        ).where(t.session_id == self._session, t.wallet_id == self._wallet)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.group_by(t.symbol)).all()
        return {symbol: Tally._make(None if x is None else int(x) for x in found) for symbol, *found in rows}

    def begun(self) -> dict[str, int]:
        """What open trades have realised so far, in atoms, by their ids."""
        t = schema.trades.c
        wanted = select(t.id, t.realised).where(
            t.session_id == self._session, t.wallet_id == self._wallet, t.closed_at.is_(None)
        )
        with reading(self._engine) as connection:
            return {trade.id: trade.realised for trade in connection.execute(wanted)}

    def equity(self) -> Iterator[tuple[int, int]]:
        """Instants and equity in atoms, oldest first, read a page at a time: a curve may be millions long."""
        t = schema.equity.c
        wanted = select(t.at, t.equity).where(t.session_id == self._session, t.wallet_id == self._wallet)
        after = -1
        while True:
            with reading(self._engine) as connection:
                page = connection.execute(wanted.where(t.at > after).order_by(t.at).limit(_PAGE)).all()
            yield from ((at, equity) for at, equity in page)
            if len(page) < _PAGE:
                return
            after = page[-1].at

    def funnel(self) -> Funnel:
        """How many got how far, over the whole session."""
        kept, fills = schema.funnels.c, schema.fills.c
        entered = select(func.count()).where(
            fills.session_id == self._session, fills.wallet_id == self._wallet, fills.side > 0
        )
        wanted = select(kept.body).where(kept.session_id == self._session, kept.wallet_id == self._wallet)
        with reading(self._engine) as connection:
            body = connection.execute(wanted).scalar()
            funnel = Funnel() if body is None else codec.decode_funnel(body)
            funnel.filled = connection.execute(entered).scalar_one()
        return funnel

    def halted(self) -> EntriesHalted | None:
        """Who last halted entries, and why."""
        event = next(self.backwards(EntriesHalted), None)
        return event if isinstance(event, EntriesHalted) else None

    def backwards(self, *kinds: type[BookEvent]) -> Iterator[BookEvent]:
        """Book events of those kinds, newest first, read a page at a time."""
        t = schema.journal.c
        wanted = select(t.seq, t.kind, t.body).where(
            t.session_id == self._session, t.wallet_id == self._wallet, t.kind.in_([kind.__name__ for kind in kinds])
        )
        before, size = sys.maxsize, 1  # Most who ask want the newest alone.
        while True:
            with reading(self._engine) as connection:
                page = connection.execute(wanted.where(t.seq < before).order_by(t.seq.desc()).limit(size)).all()
            yield from (codec.decode_event(event.kind, event.body) for event in page)
            if len(page) < size:
                return
            before, size = page[-1].seq, _PAGE

    def predictions(self, instant: int) -> tuple[Prediction, ...]:
        body = self._segment("predictions", "", instant)
        return codec.decode_predictions(body) if body else ()

    def judged(self, instant: int) -> tuple[Judged, ...]:
        body = self._segment("signals", self._wallet, instant)
        return codec.decode_judged(body) if body else ()

    def judged_before(self, instants: int) -> Iterator[tuple[Judged, ...]]:
        """The judged signals of the newest *instants*, newest first, each decoded when it is asked for."""
        t = schema.segments.c
        wanted = select(t.body).where(t.session_id == self._session, t.kind == "signals", t.wallet_id == self._wallet)
        with reading(self._engine) as connection:
            bodies = connection.execute(wanted.order_by(t.instant.desc()).limit(instants)).scalars().all()
        return (codec.decode_judged(body) for body in bodies)

    def news(self, identifiers: Sequence[str]) -> list[NewsItem]:
        """Headlines by id, in the order asked for; those that are not kept any more are left out."""
        table = schema.news
        wanted = select(table).where(table.c.session_id == self._session, table.c.id.in_(list(identifiers)))
        with reading(self._engine) as connection:
            found = {r.id: news_of(r) for r in connection.execute(wanted)}
        return [found[i] for i in identifiers if i in found]

    def _segment(self, kind: str, wallet_id: str, instant: int) -> bytes | None:
        t = schema.segments.c
        wanted = select(t.body).where(
            t.session_id == self._session, t.kind == kind, t.wallet_id == wallet_id, t.instant == instant
        )
        with reading(self._engine) as connection:
            body: bytes | None = connection.execute(wanted).scalar()
        return body

    def _of(self, table: Any) -> Any:
        return select(table).where(table.c.session_id == self._session, table.c.wallet_id == self._wallet)

    def _rows(self, table: Any, order: Any, limit: int | None) -> Sequence[Any]:
        with reading(self._engine) as connection:
            return connection.execute(self._of(table).order_by(order).limit(limit)).all()

    def _one(self, table: Any, condition: Any) -> Any | None:
        with reading(self._engine) as connection:
            return connection.execute(self._of(table).where(condition)).first()

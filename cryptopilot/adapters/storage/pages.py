"""Lists that are read page by page: newest first, filtered, each page a bounded piece of work.

A cursor names the last entry of a page; the next page begins after it, however much was added on top meanwhile.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, and_, or_, select

from cryptopilot.adapters.storage import codec, schema
from cryptopilot.adapters.storage.database import reading
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.events import Funnel, InstantDecided
from cryptopilot.domain.signal import Judged

_ID = re.compile(r"[\x21-\x7e]{1,64}")

LOOKED_BACK = 500
"""Instants that one page of decisions looks through at most."""


class Wanted(NamedTuple):
    """What a list is narrowed to. Market times in ms UTC, *until* excluded; after: the last entry already seen."""

    limit: int = 100
    symbol: str | None = None
    since: int | None = None
    until: int | None = None
    after: "Cursor | None" = None


class Cursor(NamedTuple):
    """Where a page ended: the time and id of its last entry."""

    at: int
    id: str

    def __str__(self) -> str:
        return f"{self.at}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises InvalidValueError: it is none that a page has given."""
        at, _, identifier = text.partition(".")
        if not (at.isascii() and at.isdigit() and len(at) <= 15 and _ID.fullmatch(identifier)):
            raise InvalidValueError("cursor", text[:100], "the next_cursor of an earlier page")
        return cls(int(at), identifier)


class Page(NamedTuple):
    """One page, and where the next one begins; None when this is the last."""

    rows: Sequence[Any]
    next: Cursor | None


class DecisionPage(NamedTuple):
    """Judged signals, newest first."""

    judged: list[Judged]
    next: Cursor | None


class Pages:
    """One wallet's lists in one session."""

    def __init__(self, engine: Engine, session_id: str, wallet_id: str) -> None:
        self._engine, self._session, self._wallet = engine, session_id, wallet_id

    def orders(self, wanted: Wanted, ids: Sequence[str] | None = None) -> Page:
        """Rows of orders, by when they were born."""
        t = schema.orders
        query = self._mine(select(t), t)
        return self._page(query, t.c.born_at, t.c.id, wanted, t.c.symbol, ids)

    def fills(self, wanted: Wanted, ids: Sequence[str] | None = None) -> Page:
        """Rows of fills, by when they happened; *ids* are of orders."""
        t = schema.fills
        return self._page(self._mine(select(t), t), t.c.at, t.c.order_id, wanted, t.c.symbol, ids)

    def trades(self, wanted: Wanted, ids: Sequence[str] | None = None) -> Page:
        """Rows of entry orders with what came of them, by when they were ordered."""
        o, t = schema.orders, schema.trades
        came = o.outerjoin(t, and_(t.c.session_id == o.c.session_id, t.c.wallet_id == o.c.wallet_id, t.c.id == o.c.id))
        columns = select(
            o.c.id, o.c.wallet_id, o.c.symbol, o.c.lots, o.c.limit_ticks, o.c.status, o.c.why, o.c.born_at,
            t.c.lots.label("trade_lots"), t.c.cost, t.c.entry_ticks, t.c.exit_ticks, t.c.fees, t.c.realised,
            t.c.opened_at, t.c.closed_at, t.c.exit_reason,
        )  # fmt: skip
        query = self._mine(columns.select_from(came), o).where(o.c.side > 0)
        return self._page(query, o.c.born_at, o.c.id, wanted, o.c.symbol, ids)

    def decisions(self, wanted: Wanted, rule: str | None = None, kind: str | None = None) -> DecisionPage:
        """Judged signals: of one symbol, refused by one rule or held for one reason, of one signal type."""
        t = schema.segments.c
        query: Select[Any] = select(t.instant, t.body).where(
            t.session_id == self._session, t.kind == "signals", t.wallet_id == self._wallet
        )
        query = _between(query, t.instant, wanted)
        if wanted.after is not None:
            query = query.where(t.instant <= wanted.after.at)
        with reading(self._engine) as connection:
            segments = connection.execute(query.order_by(t.instant.desc()).limit(LOOKED_BACK)).all()
        found: list[Judged] = []
        for row in segments:
            for judged in _later(codec.decode_judged(row.body), row.instant, wanted.after):
                if not _matches(judged, wanted.symbol, rule, kind):
                    continue
                if len(found) == wanted.limit:
                    return DecisionPage(found, Cursor(found[-1].signal.instant, found[-1].signal.id))
                found.append(judged)
        looked = segments[-1].instant if len(segments) == LOOKED_BACK else None
        return DecisionPage(found, None if looked is None else Cursor(looked - 1, "-"))

    def news(self, wanted: Wanted) -> Page:
        """Rows of headlines, by when they were first seen; *symbol* is a coin here."""
        t = schema.news
        query = select(t).where(t.c.session_id == self._session)
        if wanted.symbol is not None:  # Coins are kept as words with blanks between them.
            query = query.where((" " + t.c.coins + " ").contains(f" {wanted.symbol} ", autoescape=True))
        return self._page(query, t.c.first_seen_at, t.c.id, wanted._replace(symbol=None), None, None)

    def funnel(self, since: int | None, until: int | None) -> Funnel:
        """The funnel over a stretch of market time."""
        journal, fills = schema.journal, schema.fills
        decided = self._mine(select(journal.c.body), journal).where(journal.c.kind == InstantDecided.__name__)
        stretch = Wanted(since=since, until=until)
        entered = self._mine(select(fills.c.order_id), fills).where(fills.c.side > 0)
        funnel = Funnel()
        with reading(self._engine) as connection:
            for (body,) in connection.execute(_between(decided, journal.c.at, stretch)):
                event = codec.decode_event(InstantDecided.__name__, body)
                assert isinstance(event, InstantDecided)
                funnel = funnel.plus(event)
            funnel.filled = len(connection.execute(_between(entered, fills.c.at, stretch)).all())
        return funnel

    def _mine(self, query: Select[Any], table: Any) -> Select[Any]:
        return query.where(table.c.session_id == self._session, table.c.wallet_id == self._wallet)

    def _page(
        self, query: Select[Any], at: Any, key: Any, wanted: Wanted, symbol: Any, ids: Sequence[str] | None
    ) -> Page:
        query = _between(query, at, wanted)
        if wanted.symbol is not None:
            query = query.where(symbol == wanted.symbol)
        if ids is not None:
            query = query.where(key.in_(list(ids)))
        if wanted.after is not None:
            query = query.where(or_(at < wanted.after.at, and_(at == wanted.after.at, key < wanted.after.id)))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(at.desc(), key.desc()).limit(wanted.limit + 1)).all()
        if len(rows) <= wanted.limit:
            return Page(rows, None)
        last = rows[wanted.limit - 1]._mapping
        return Page(rows[: wanted.limit], Cursor(last[at], last[key]))


def _between(query: Select[Any], at: Any, wanted: Wanted) -> Select[Any]:
    if wanted.since is not None:
        query = query.where(at >= wanted.since)
    if wanted.until is not None:
        query = query.where(at < wanted.until)
    return query


def _later(judged: Sequence[Judged], instant: int, after: Cursor | None) -> Sequence[Judged]:
    """What of an instant comes after the cursor, in the order of the review."""
    if after is None or instant != after.at:
        return judged
    place = next((n for n, j in enumerate(judged) if j.signal.id == after.id), -1)
    return judged[place + 1 :]


def _matches(judged: Judged, symbol: str | None, rule: str | None, kind: str | None) -> bool:
    return (
        symbol in (None, judged.signal.symbol)
        and rule in (None, judged.rule)
        and kind in (None, judged.signal.signal_type)
    )

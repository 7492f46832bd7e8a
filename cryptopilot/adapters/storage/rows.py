"""Rows into domain objects, and the few statements that both databases spell in their own way."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite

from cryptopilot.adapters.storage import schema
from cryptopilot.domain import events as book
from cryptopilot.domain.events import BookEvent
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.order import Order
from cryptopilot.domain.position import Position


class Upserts:
    """Statements that insert, or replace the row that is there: written alike for both databases."""

    def __init__(self, dialect: str) -> None:
        self._insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
        self.checkpoints = self._replacing(schema.checkpoints)
        self.news = self._insert(schema.news).on_conflict_do_nothing()

    def _replacing(self, table: Table) -> Any:
        statement = self._insert(table)
        keys = [c.name for c in table.primary_key]
        fresh = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=fresh)


def rows_of(table: Table, session_id: str, wallet_id: str) -> Any:
    return select(table).where(table.c.session_id == session_id, table.c.wallet_id == wallet_id)


def rooted(event: BookEvent, predictions: str, signals: str) -> BookEvent:
    """An instant's record with the roots of its segments, so that the chain covers them."""
    if not isinstance(event, book.InstantDecided):
        return event
    if (event.prediction_root, event.signal_root) == (predictions, signals):
        return event
    return replace(event, prediction_root=predictions, signal_root=signals)


def order_of(row: Any) -> Order:
    return Order(
        row.id, row.wallet_id, row.symbol, row.side, row.lots - row.filled_lots, row.limit_ticks, row.stop_ticks,
        row.target_ticks, row.longest_ms, row.born_at, row.expires_at, row.reason, row.confidence,
    )  # fmt: skip


def position_of(row: Any) -> Position:
    return Position(
        row.trade_id, row.wallet_id, row.symbol, row.lots, row.cost, row.entry_ticks, row.stop_ticks,
        row.target_ticks, row.longest_ms, row.opened_at,
    )  # fmt: skip


def news_of(row: Any) -> NewsItem:
    return NewsItem(
        row.id, row.published_at, row.first_seen_at, row.source, row.title, tuple(row.coins.split()), row.score,
        bool(row.simulated),
    )  # fmt: skip

"""The feed: what happens, as numbered messages by topic, for everybody who listens.

It hears committed batches in the pipeline's thread, where it only takes note; a turn, in any other thread, makes
messages of what was noted. What a topic has said last is kept, so that a listener who was away goes on where it was.
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from cryptopilot.adapters.storage.pages import Page, Wanted
from cryptopilot.adapters.storage.rows import news_of
from cryptopilot.domain.events import Marked, OrderCancelled, OrderFilled, OrderIntended, OrderSent
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.board import Board
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.shapes.stream import EquityPoint, Topic
from cryptopilot.runtime.views import alerts, books, log_lines
from cryptopilot.runtime.views.market import headline

TOPICS: tuple[Topic, ...] = get_args(Topic)
STATES: tuple[Topic, ...] = ("status", "market", "predictions", "signals", "positions", "account", "funnel")
"""Topics that say the whole of their state each time."""

KEPT_MESSAGES = 500
"""Of each topic of events: what a listener may have missed and still hear."""

SHOWN = 200
"""Entries of a topic of events in a snapshot."""

_encode = msgspec.json.Encoder().encode
_OrderEvent = OrderIntended | OrderSent | OrderFilled | OrderCancelled


class Said(NamedTuple):
    """One message, ready to be sent."""

    topic: Topic
    seq: int
    text: bytes


class _Record:
    """A topic's number, its latest messages, and what a snapshot of it holds."""

    def __init__(self) -> None:
        self.seq = 0
        self.said: deque[Said] = deque(maxlen=KEPT_MESSAGES)
        self.state = b"null"
        self.entries: dict[str, Any] = {}


class Feed:
    """One stream of messages, from one start of the server to its end.

    Args:
        curve: the equity curve so far, thinned to what a screen can show.
    """

    def __init__(self, service: PipelineService, board: Board, curve: Callable[[], Sequence[EquityPoint]]) -> None:
        self.stream_id = secrets.token_hex(8)
        self._service, self._board, self._curve = service, board, curve
        self._lock = threading.Lock()
        self._records: dict[Topic, _Record] = {topic: _Record() for topic in TOPICS}
        self._noted: deque[Batch] = deque(maxlen=10_000)
        self._lines = log_lines.LogLines()
        self._alerts = alerts.Watch()
        self._loaded = False
        self.wake: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Begin to hear what the pipeline commits and says."""
        self._service.observe(self._note)
        logging.getLogger("trading_pipeline").addHandler(self._lines)
        self._lines.wake = self._woken

    def close(self) -> None:
        """Hear no more."""
        logging.getLogger("trading_pipeline").removeHandler(self._lines)

    def turn(self) -> list[Said]:
        """Everything that has happened since the last turn, as messages in order."""
        with self._lock:
            if not self._loaded:
                self._load()
            batches = [self._noted.popleft() for _ in range(len(self._noted))]
            posted = self._board.posted()
            said = [
                self._state(topic, posted.documents[topic].body)
                for topic in STATES
                if posted.documents[topic].body is not self._records[topic].state
            ]
            for topic, entries in self._happened(batches).items():
                if entries:
                    said.append(self._entries(topic, entries))
            return said

    def forget(self) -> None:
        """Nobody listens: take note of nothing until somebody does; what they missed is in their next snapshot."""
        with self._lock:
            self._loaded = False
            self._noted.clear()

    def snapshot(self, topic: Topic) -> Said:
        """The whole of a topic as of its newest message."""
        with self._lock:
            record = self._records[topic]
            body = record.state if topic in STATES else _encode(list(record.entries.values()))
            return Said(topic, record.seq, _message(topic, "snapshot", record.seq, body))

    def missed(self, topic: Topic, after: int) -> list[Said] | None:
        """What a topic has said since its message *after*; None when that is not kept any more."""
        with self._lock:
            record = self._records[topic]
            if after == record.seq:
                return []
            if topic in STATES:
                return None
            kept = [said for said in record.said if said.seq > after]
            return kept if kept and kept[0].seq == after + 1 else None

    def _note(self, batch: Batch) -> None:
        self._board.mark()
        if self._loaded:
            self._noted.append(batch)
        self._woken()

    def _woken(self) -> None:
        self.wake()

    def _load(self) -> None:
        """Stand where the database stands; listeners from before get a snapshot."""
        self._noted.clear()
        self._loaded = True
        pages, newest = self._service.pages(), Wanted(limit=SHOWN)
        self._begin("orders", self._shown(pages.orders(newest), books.order))
        self._begin("trades", self._shown(pages.trades(newest), books.trade))
        self._begin("fills", self._shown(pages.fills(newest), books.fill))
        self._begin("news", [headline(news_of(row)) for row in reversed(pages.news(newest).rows)])
        self._begin("equity", list(self._curve()))
        self._begin("alerts", self._alerts.newest())
        self._begin("log", self._lines.take())

    def _begin(self, topic: Topic, entries: Sequence[Any]) -> None:
        record = self._records[topic]
        record.seq += 1
        record.said.clear()
        record.entries = {_key(topic, entry): entry for entry in entries}

    def _happened(self, batches: Sequence[Batch]) -> dict[Topic, list[Any]]:
        events = [event for batch in batches for _, event in batch.events]
        quote = self._service.assembly.quote
        moved = [e for e in events if isinstance(e, _OrderEvent)]
        return {
            **self._moved(moved),
            "news": [headline(item) for batch in batches for item in batch.news],
            "equity": [
                {"at": iso(e.at), "equity": books.amount(e.equity, quote)} for e in events if isinstance(e, Marked)
            ],
            "alerts": self._alerts.changes(self._board.posted().moment.status),
            "log": self._lines.take(),
        }

    def _moved(self, events: Sequence[_OrderEvent]) -> dict[Topic, list[Any]]:
        """Orders, trades and fills as they stand after *events*."""
        if not events:
            return {}
        orders = sorted({e.order.id if isinstance(e, OrderIntended) else e.order_id for e in events})
        filled = {(e.order_id, e.at): e for e in events if isinstance(e, OrderFilled)}
        trades = sorted({*orders, *(e.trade_id for e in filled.values())})
        pages = self._service.pages()
        everything = Wanted(limit=len(trades) + len(orders))
        fills = pages.fills(everything._replace(limit=10_000), [order_id for order_id, _ in filled])
        fresh = Page([row for row in fills.rows if (row.order_id, row.at) in filled], None)
        return {
            "orders": self._shown(pages.orders(everything, orders), books.order),
            "trades": self._shown(pages.trades(everything, trades), books.trade),
            "fills": self._shown(fresh, books.fill),
        }

    def _shown(self, page: Page, view: Callable[[Any, Any], Any]) -> list[Any]:
        """Rows, newest first, as published entries, oldest first."""
        instruments = self._service.assembly.instruments
        return [view(row, instruments[row.symbol]) for row in reversed(page.rows)]

    def _state(self, topic: Topic, body: bytes) -> Said:
        record = self._records[topic]
        record.seq, record.state = record.seq + 1, body
        return Said(topic, record.seq, _message(topic, "update", record.seq, body))

    def _entries(self, topic: Topic, entries: Sequence[Any]) -> Said:
        record = self._records[topic]
        record.seq += 1
        for entry in entries:
            key = _key(topic, entry)
            record.entries.pop(key, None)
            record.entries[key] = entry
        surplus = len(record.entries) - (SHOWN if topic != "equity" else 10 * SHOWN)
        for key in list(record.entries)[: max(surplus, 0)]:
            del record.entries[key]
        said = Said(topic, record.seq, _message(topic, "update", record.seq, _encode(entries)))
        record.said.append(said)
        return said


def _key(topic: Topic, entry: Any) -> str:
    """What makes an entry one and the same: a later one with the same key replaces it."""
    if topic == "fills":
        return f"{entry['order_id']} {entry['at']}"
    if topic == "equity":
        return str(entry["at"])
    return str(entry["trade_id" if topic == "trades" else "id"])


def _message(topic: Topic, kind: str, seq: int, body: bytes) -> bytes:
    return b'{"type":"message","topic":"%b","kind":"%b","seq":%d,"at":"%b","data":%b}' % (
        topic.encode(), kind.encode(), seq, iso(wall_ms()).encode(), body,
    )  # fmt: skip

"""The feed: what happens, as numbered messages by topic, for everybody who listens.

It hears committed batches in the pipeline's thread, where it only takes note; a turn, in any other thread, makes
messages of what was noted. What a topic has said last is kept, so that a listener who was away goes on where it was.

Nothing is numbered before everything it takes has been read: a database that does not answer leaves no hole behind.
"""

import logging
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, get_args

import msgspec

from cryptopilot.adapters.storage.pages import Page, Wanted
from cryptopilot.adapters.storage.rows import news_of
from cryptopilot.domain.errors import JournalUnavailableError
from cryptopilot.domain.events import Marked, OrderCancelled, OrderFilled, OrderIntended, OrderSent
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.board import Board, Posted
from cryptopilot.runtime.jobs.queue import Jobs
from cryptopilot.runtime.recent import Reasoned, proposals, reasoned
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.shapes.backtests import BacktestShape
from cryptopilot.runtime.shapes.pipeline import SignalShape
from cryptopilot.runtime.shapes.stream import EquityPoint, Topic
from cryptopilot.runtime.views import alerts, books, decisions, log_lines
from cryptopilot.runtime.views.backtests import backtest
from cryptopilot.runtime.views.market import headline

TOPICS: tuple[Topic, ...] = get_args(Topic)
STATES: tuple[Topic, ...] = ("status", "market", "predictions", "positions", "account", "funnel")
"""Topics that say the whole of their state each time."""

STORED: tuple[Topic, ...] = ("orders", "trades", "fills", "news", "equity")
"""Topics of events that are in the database: while nobody listens they stand still."""

OWN: tuple[Topic, ...] = ("jobs",)
"""Topics of which everybody hears their own part alone, with numbers of its own."""

KEPT_MESSAGES = 500
"""Of each topic of events: what a listener may have missed and still hear."""

SHOWN = 200
"""Entries of a topic of events in a snapshot."""

MOST_NOTED = 500
"""Batches between two turns; where more have come, snapshots stand for them."""

_encode = msgspec.json.Encoder().encode
_OrderEvent = OrderIntended | OrderSent | OrderFilled | OrderCancelled


class Said(NamedTuple):
    """One message, ready to be sent: to *owner*, where a topic is everybody's own; else to whoever listens."""

    topic: Topic
    seq: int
    text: bytes
    owner: str | None = None


class _Record:
    """A topic's number, its latest messages, and what a snapshot of it holds."""

    def __init__(self) -> None:
        self.seq = 0
        self.said: deque[Said] = deque(maxlen=KEPT_MESSAGES)
        self.state = b"null"
        self.entries: dict[str, Any] = {}


class Feed:
    """One stream of messages, from one start of the server to its end."""

    def __init__(self, service: PipelineService, board: Board, jobs: Jobs) -> None:
        self.stream_id = secrets.token_hex(8)
        self._service, self._board, self._jobs = service, board, jobs
        self._lock = threading.Lock()
        self._records: dict[Topic, _Record] = {topic: _Record() for topic in TOPICS if topic not in OWN}
        self._own: defaultdict[str, _Record] = defaultdict(_Record)
        """The topic of jobs, by user id; what there is to show is known to the jobs themselves."""
        self._noted: deque[Batch] | None = None
        """What was committed since the stored topics were read; None while they have yet to be read."""
        self._lines = log_lines.LogLines()
        self._alerts = alerts.Watch()
        self._lately: Mapping[Topic, Callable[[], Sequence[Any]]] = {"equity": self._curve, "signals": self._signals}
        """What a snapshot holds of topics that others keep."""
        self.wake: Callable[[], None] = lambda: None

    def open(self) -> None:
        """Begin to hear what the pipeline commits and says."""
        self._service.observe(self._note)
        logging.getLogger("trading_pipeline").addHandler(self._lines)
        self._lines.wake = self._jobs.wake = self._woken

    def close(self) -> None:
        """Hear no more."""
        logging.getLogger("trading_pipeline").removeHandler(self._lines)

    def turn(self) -> list[Said]:
        """Everything that has happened since the last turn, as messages in order.

        While the database does not answer, what it would be asked for waits for a later turn; all else is told.
        """
        with self._lock:
            said = self._shown_now(self._board.posted())
            with suppress(JournalUnavailableError):
                said += self._stored()
            return said

    def rest(self) -> None:
        """Nobody listens: read nothing until somebody does, but go on watching for what is to be known at once."""
        with self._lock:
            self._noted = None
            self._shown_now(self._board.posted())

    def snapshot(self, topic: Topic, user_id: str) -> Said | None:
        """The whole of a topic as of its newest message, as that user may hear it.

        None where the database has not answered yet: a turn tells it to everybody as soon as it has.
        """
        with self._lock:
            if topic in OWN:
                return self._own_snapshot(user_id)
            return self._snapshot(topic) if self._stands(topic) else None

    def missed(self, topic: Topic, after: int, user_id: str) -> list[Said] | None:
        """What a topic has said to that user since its message *after*; None when that is not kept any more."""
        with self._lock:
            record = self._own[user_id] if topic in OWN else self._records[topic]
            if not self._stands(topic):
                return None
            if after == record.seq:
                return []
            kept = [said for said in record.said if said.seq > after]
            return kept if kept and kept[0].seq == after + 1 else None

    def _note(self, batch: Batch) -> None:
        self._board.mark()
        noted = self._noted
        if noted is not None:
            noted.append(batch)
            if len(noted) > MOST_NOTED:
                self._noted = None
        self._woken()

    def _woken(self) -> None:
        self.wake()

    def _stands(self, topic: Topic) -> bool:
        """Whether a topic's record holds everything up to its newest message."""
        return topic not in STORED or self._noted is not None

    def _shown_now(self, posted: Posted) -> list[Said]:
        """What no database is asked for: states that are others than before, alerts, lines of the log."""
        said = [
            self._state(topic, posted.documents[topic].body)
            for topic in STATES
            if posted.documents[topic].body is not self._records[topic].state
        ]
        said += self._updates({"alerts": self._alerts.changes(posted.moment.status), "log": self._lines.take()})
        return said + self._of_jobs()

    def _of_jobs(self) -> list[Said]:
        """Jobs that have changed, told to those whose they are."""
        said, changed = [], defaultdict[str, list[BacktestShape]](list)
        for job in self._jobs.take():
            changed[job.user_id].append(backtest(job))
        for user_id, entries in changed.items():
            record = self._own[user_id]
            record.seq += 1
            record.said.append(
                Said("jobs", record.seq, _message("jobs", "update", record.seq, _encode(entries)), user_id)
            )
            said.append(record.said[-1])
        return said

    def _own_snapshot(self, user_id: str) -> Said:
        """A user's jobs as they stand; what changed since the newest message is told again."""
        entries = [backtest(job) for job in self._jobs.shown(user_id)]
        seq = self._own[user_id].seq
        return Said("jobs", seq, _message("jobs", "snapshot", seq, _encode(entries)), user_id)

    def _stored(self) -> list[Said]:
        """What was committed since the last time; whole topics where that cannot be told one by one.

        Raises:
            JournalUnavailableError: nothing is lost by it.
        """
        noted = self._noted
        if noted is None:
            return self._load()
        batches = [noted[n] for n in range(len(noted))]  # The pipeline goes on adding meanwhile.
        said = self._updates(self._happened(batches))
        for _ in batches:
            noted.popleft()
        return said

    def _load(self) -> list[Said]:
        """Read the stored topics as the database has them; who listened before hears them whole as well."""
        self._noted = deque()  # First: what is committed while we read may be told twice, but not missed.
        try:
            pages, newest = self._service.pages(), Wanted(limit=SHOWN)
            found: dict[Topic, list[Any]] = {
                "orders": self._shown(pages.orders(newest), books.order),
                "trades": self._shown(pages.trades(newest), books.trade),
                "fills": self._shown(pages.fills(newest), books.fill),
                "news": [headline(news_of(row)) for row in reversed(pages.news(newest).rows)],
                "equity": [],
                "signals": [],
            }
        except BaseException:
            self._noted = None
            raise
        return [self._begin(topic, entries) for topic, entries in found.items()]

    def _curve(self) -> list[EquityPoint]:
        """The whole equity curve so far, thinned to what a screen can show; its end may be told once more."""
        quote = self._service.assembly.quote
        return [
            {"at": iso(p.at), "equity": books.amount(p.equity, quote)}
            for p in self._service.performance.now.curve.points()
        ]

    def _signals(self) -> list[SignalShape]:
        """The latest signals to buy or sell, then all of the newest instant's; its end may be told once more."""
        newest, predictions = self._service.recent.judged, self._service.recent.predictions
        instant = newest[0].signal.instant if newest else None
        before = [s for s in self._service.recent.acted if s.judged.signal.instant != instant]
        return self._signals_shown([*before, *reasoned(newest, predictions)])

    def _judged(self, batches: Sequence[Batch]) -> list[SignalShape]:
        """Every signal to buy or sell, and what else the newest instant came to."""
        known = self._service.recent.predictions  # A stage that was forced is a batch of its own.
        judged = [
            reasoned(signals, batch.predictions or known) for batch in batches for signals in batch.judged.values()
        ]
        earlier, newest = judged[:-1], judged[-1] if judged else []
        return self._signals_shown([*(s for signals in earlier for s in proposals(signals)), *newest])

    def _signals_shown(self, signals: Sequence[Reasoned]) -> list[SignalShape]:
        assembly = self._service.assembly
        instruments, card = assembly.instruments, assembly.predictor.card
        return [decisions.signal(j, instruments[j.signal.symbol], belief, card) for j, belief in signals]

    def _begin(self, topic: Topic, entries: Sequence[Any]) -> Said:
        record = self._records[topic]
        record.seq += 1
        record.said.clear()
        record.entries = {_key(topic, entry): entry for entry in entries}
        return self._snapshot(topic)

    def _snapshot(self, topic: Topic) -> Said:
        record = self._records[topic]
        if topic in STATES:
            body = record.state
        else:
            body = _encode(list(record.entries.values()) if topic not in self._lately else self._lately[topic]())
        return Said(topic, record.seq, _message(topic, "snapshot", record.seq, body))

    def _happened(self, batches: Sequence[Batch]) -> dict[Topic, list[Any]]:
        events = [event for batch in batches for _, event in batch.events]
        quote = self._service.assembly.quote
        moved = [e for e in events if isinstance(e, _OrderEvent)]
        return {
            **self._moved(moved),
            "signals": self._judged(batches),
            "news": [headline(item) for batch in batches for item in batch.news],
            "equity": [
                {"at": iso(e.at), "equity": books.amount(e.equity, quote)} for e in events if isinstance(e, Marked)
            ],
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

    def _updates(self, happened: Mapping[Topic, Sequence[Any]]) -> list[Said]:
        return [self._entries(topic, entries) for topic, entries in happened.items() if entries]

    def _entries(self, topic: Topic, entries: Sequence[Any]) -> Said:
        record = self._records[topic]
        record.seq += 1
        for entry in entries:
            key = _key(topic, entry)
            record.entries.pop(key, None)
            record.entries[key] = entry
        for key in list(record.entries)[: max(len(record.entries) - SHOWN, 0)]:
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

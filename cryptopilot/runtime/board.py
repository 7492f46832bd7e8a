"""The notice board: what is shown of the pipeline, put up once for everybody who looks.

A document is encoded when it is put up, not when it is read: reading is handing over bytes.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from cryptopilot.adapters.storage.pages import Wanted
from cryptopilot.domain.errors import JournalUnavailableError
from cryptopilot.runtime.moment import Moment
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.views import books, decisions, market

_encode = msgspec.json.Encoder().encode


class Document(NamedTuple):
    """One document: the value, its bytes, and the answer that carries them."""

    value: Any
    body: bytes
    answer: bytes


class Documents(dict[str, Document]):
    """Documents by topic. Only trades are ever missing: where the database has changed and does not answer.

    Raises:
        JournalUnavailableError: on looking up what is missing.
    """

    def __missing__(self, topic: str) -> Document:
        raise JournalUnavailableError(f"the {topic} cannot be read now: the database does not answer")


class Posted(NamedTuple):
    """Everything that hung on the board at one moment."""

    moment: Moment
    documents: Documents
    marks: int


def _counted(name: str, value: Any, body: bytes) -> bytes:
    return b'{"success":true,"count":%d,"%b":%b}' % (len(value), name.encode(), body)


def _single(name: str, _value: Any, body: bytes) -> bytes:
    return b'{"success":true,"%b":%b}' % (name.encode(), body)


_DOCUMENTS: tuple[tuple[str, str, Callable[[Moment], Any], Callable[[str, Any, bytes], bytes]], ...] = (
    ("status", "status", lambda m: m.status, _single),
    ("market", "market_data", market.market_data, _counted),
    ("predictions", "predictions", market.predictions, _counted),
    ("signals", "signals", decisions.signals, _counted),
    ("positions", "positions", books.positions, _counted),
    ("account", "account", books.account, _single),
    ("risk", "risk", lambda m: m.status["risk"], _single),
    ("funnel", "funnel", lambda m: decisions.funnel(m.funnel, len(m.symbols)), _single),
)
"""Topic, the field that carries it in an answer, where it comes from, and how the answer is written."""


class Board:
    """Renewed by whoever changes what is shown; read by anybody, at any time, without waiting."""

    def __init__(self, service: PipelineService) -> None:
        self._service = service
        self._renewing = threading.Lock()
        self._posted: Posted | None = None
        self._marks = 0

    def posted(self) -> Posted:
        """What hangs there, renewed first if something has changed since."""
        return self.fresh() or self.renew()

    def fresh(self) -> Posted | None:
        """What hangs there, if nothing has changed since; never waits."""
        posted = self._posted
        return posted if posted is not None and posted.marks == self._marks else None

    def mark(self) -> None:
        """Something shown has changed. Told from several threads at once, it may count once: once is enough."""
        self._marks += 1

    def renew(self) -> Posted:
        """Put up everything as of now; those who ask at the same time share the work of one."""
        with self._renewing:
            fresh = self.fresh()
            if fresh is None:
                marks = self._marks  # What changes while it is being put up makes it stale again.
                fresh = self._posted = self._put_up(self._service.moment(), marks)
            return fresh

    def _put_up(self, moment: Moment, marks: int) -> Posted:
        before = self._posted
        documents = Documents()
        for topic, field, look, written in _DOCUMENTS:
            value = look(moment)
            body = _encode(value)
            known = before.documents.get(topic) if before else None
            same = known is not None and known.body == body
            documents[topic] = known if same and known else Document(value, body, written(field, value, body))
        kept = before.documents.get("trades") if before and before.moment.moved == moment.moved else None
        with suppress(JournalUnavailableError):  # All else must be seen then, above all that the database is away.
            documents["trades"] = kept or self._trades(moment)
        return Posted(moment, documents, marks)

    def _trades(self, moment: Moment) -> Document:
        """The first page of trades: read again only when an order or a fill has changed."""
        page = self._service.pages().trades(Wanted())
        value = [books.trade(row, moment.instruments[row.symbol]) for row in page.rows]
        body = _encode(value)
        cursor = _encode(None if page.next is None else str(page.next))
        return Document(value, body, _counted("trades", value, body)[:-1] + b',"next_cursor":%b}' % cursor)

"""The audit trail: append-only, each entry chained to the one before it, its head kept beside it.

Who may write to the database can write the whole chain anew. What shows that is a head that was taken elsewhere
before: `AuditTrail.head` is there to be exported.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from cryptopilot.adapters.storage import schema
from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.owed import Line, OwedLines
from cryptopilot.domain.errors import InvalidValueError, JournalUnavailableError
from cryptopilot.domain.people import AuditCorruptError, AuditEntry

log = logging.getLogger("trading_pipeline")

GENESIS = "0" * 64
LONGEST = 1000
"""Entries in one answer."""

_HEAD = 1
_PART = 256
"""Characters of who, action, subject and address that are kept; who fails to sign in chooses the subject."""


class AuditTrail:
    """The trail of a database.

    Args:
        owed: where lines wait that the database did not take; None where nothing is `write`ten.
    """

    def __init__(self, engine: Engine, owed: OwedLines | None = None) -> None:
        self._engine, self._owed = engine, owed
        self._settling = threading.Lock()

    def write(self, line: Line) -> None:
        """Write what was done, after what was owed; while the database is away, beside it, for later.

        Raises:
            JournalUnavailableError: neither the database nor the disk took it.
        """
        try:
            self.settle()
            self.append(*line)
        except JournalUnavailableError:
            self._owe(line)

    def settle(self) -> int:
        """Write what is owed; how much it was.

        Raises:
            JournalUnavailableError: the database did not take it, and it is still owed.
        """
        if self._owed is None:
            return 0
        with self._settling:
            lines = self._owed.all()
            if lines:
                with alone(self._engine) as connection:
                    for line in lines:
                        if not _is_there(connection, line):  # We may have ended after writing, before clearing.
                            append(connection, *line)
            self._owed.clear()  # With it goes a torn line, to which the next one would be glued.
        return len(lines)

    def _owe(self, line: Line) -> None:
        assert self._owed is not None
        try:
            with self._settling:
                self._owed.append(line)
        except OSError as error:
            told = f"{line.action} was done, but neither the database nor the disk took its line of the audit trail"
            raise JournalUnavailableError(f"{told}: {error.strerror}") from error
        log.error("audit_line_owed", extra={"action": line.action, "who": line.who})

    def append(
        self, at: int, who: str, action: str, subject: str, detail: Mapping[str, object], address: str = ""
    ) -> AuditEntry:
        """Write one entry, in a transaction of its own.

        Raises:
            JournalUnavailableError: the database did not take it.
        """
        with alone(self._engine) as connection:
            return append(connection, at, who, action, subject, detail, address)

    def entries(
        self, limit: int, before_seq: int | None = None, action: str | None = None, who: str | None = None
    ) -> list[AuditEntry]:
        """Up to *limit* entries, newest first.

        Raises:
            InvalidValueError: limit is not 1 to LONGEST.
        """
        if not 1 <= limit <= LONGEST:
            raise InvalidValueError("limit", limit, f"1 to {LONGEST}")
        table = schema.audit.c
        wanted = select(schema.audit).order_by(table.seq.desc()).limit(limit)
        for column, value in ((table.action, action), (table.who, who)):
            wanted = wanted if value is None else wanted.where(column == value)
        if before_seq is not None:
            wanted = wanted.where(table.seq < before_seq)
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(wanted)]

    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the newest entry; 0 and GENESIS before the first."""
        with reading(self._engine) as connection:
            return _head(connection)

    def verify(self) -> int:
        """The number of entries, once every link of the chain was found whole, from the first to the head.

        Raises:
            AuditCorruptError: one is changed, missing or out of its place; names the first.
        """
        expected, previous = 1, GENESIS
        wanted = select(schema.audit).order_by(schema.audit.c.seq)
        with reading(self._engine) as connection:
            head = _head(connection)
            with connection.execution_options(yield_per=1000).execute(wanted) as rows:
                for row in rows:
                    if row.seq != expected:
                        raise AuditCorruptError(expected, f"missing; the next one is {row.seq}")
                    fields = (row.at, row.who, row.action, row.subject, row.detail, row.address)
                    if _link(previous, row.seq, *fields) != row.hash:
                        raise AuditCorruptError(expected, "its hash is not that of its content")
                    expected, previous = expected + 1, row.hash
        last = expected - 1
        if head[0] != last:
            raise AuditCorruptError(min(last, head[0]) + 1, f"the trail ends at {last}, its head stands at {head[0]}")
        if head[1] != previous:
            raise AuditCorruptError(last, "its hash is not that of the trail's head")
        return last


def append(
    connection: Connection, at: int, who: str, action: str, subject: str, detail: Mapping[str, object], address: str
) -> AuditEntry:
    """Write one entry in the transaction of what it tells of; the transaction is one of `database.alone`."""
    sequence, previous = _head(connection)
    fields = (_plain(who), _plain(action), _plain(subject), json.dumps(detail, sort_keys=True), _plain(address))
    names = ("who", "action", "subject", "detail", "address")
    digest = _link(previous, sequence + 1, at, *fields)
    row = dict(zip(names, fields, strict=True)) | {"seq": sequence + 1, "at": at, "hash": digest}
    connection.execute(insert(schema.audit).values(row))
    head = {"seq": sequence + 1, "hash": digest}
    if sequence:
        connection.execute(update(schema.audit_head).values(head))
    else:
        connection.execute(insert(schema.audit_head).values(id=_HEAD, **head))
    return AuditEntry(sequence + 1, at, *fields[:3], json.loads(fields[3]), fields[4], digest)


def _is_there(connection: Connection, line: Line) -> bool:
    table = schema.audit.c
    same = (table.at == line.at, table.action == line.action, table.who == _plain(line.who))
    found = connection.execute(select(table.seq).where(*same, table.subject == _plain(line.subject)).limit(1))
    return found.first() is not None


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(schema.audit_head).where(schema.audit_head.c.id == _HEAD)).first()
    return (0, GENESIS) if row is None else (int(row.seq), str(row.hash))


def _link(previous: str, *fields: int | str) -> str:
    """The hash of an entry; as JSON, so that no field runs into the next."""
    return hashlib.sha256(json.dumps([previous, *fields]).encode()).hexdigest()


def _plain(text: str) -> str:
    """Text from outside as every database keeps it: without NUL and halves of characters, not endless."""
    return text[:_PART].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(row.seq, row.at, row.who, row.action, row.subject, json.loads(row.detail), row.address, row.hash)

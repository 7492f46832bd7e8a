"""The spill: an append-only file of book events, for when the database is away."""

import os
from pathlib import Path

import msgspec

from cryptopilot.adapters.storage.codec import decode_event, encode_event
from cryptopilot.domain.errors import DataFileError
from cryptopilot.ports.journal import Batch, Booked


class _Line(msgspec.Struct):
    instant: int
    opened: bool
    events: list[tuple[str, str, str]]


class FileSpill:
    """One JSON line a batch, synced before `append` returns. A torn last line never was accepted, and is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = self._read() if path.exists() else []

    def append(self, batch: Batch) -> None:
        if not batch.events:
            return
        kept = Batch(batch.instant, list(batch.events), opened=batch.opened)
        events = [(w, type(e).__name__, encode_event(e).decode()) for w, e in kept.events]
        line = msgspec.json.encode(_Line(kept.instant, kept.opened, events)) + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._waiting.append(kept)

    def batches(self) -> list[Batch]:
        return list(self._waiting)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
        self._waiting = []

    def _read(self) -> list[Batch]:
        found: list[Batch] = []
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):  # What follows the last newline is torn, or nothing.
            try:
                row = msgspec.json.decode(line, type=_Line)
                events = [Booked(w, decode_event(kind, body.encode())) for w, kind, body in row.events]
            except (msgspec.MsgspecError, ValueError) as error:
                raise DataFileError(self._path, f"line {number} is damaged: {error}") from error
            found.append(Batch(row.instant, events, opened=row.opened))
        return found

"""The spill: an append-only file of book events, for when the database is away."""

import os
from pathlib import Path

import msgspec

from cryptopilot.adapters.storage.codec import decode_event, encode_event
from cryptopilot.adapters.storage.durable import append_line
from cryptopilot.domain.errors import DataFileError, SpillFailedError
from cryptopilot.ports.journal import Batch, Booked


class _Line(msgspec.Struct):
    instant: int
    number: int
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
        kept = Batch(batch.instant, batch.number, list(batch.events), opened=batch.opened)
        events = [(w, type(e).__name__, encode_event(e).decode()) for w, e in kept.events]
        self._write(msgspec.json.encode(_Line(kept.instant, kept.number, kept.opened, events)) + b"\n")
        self._waiting.append(kept)

    def _write(self, line: bytes) -> None:
        """Append a line whole and synced, or leave the file as it was.

        Raises:
            SpillFailedError: the disk did not take it.
        """
        try:
            append_line(self._path, line)
        except OSError as error:
            raise SpillFailedError(f"{self._path}: {error.strerror}; make room, then restart") from error

    def batches(self) -> list[Batch]:
        return list(self._waiting)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
        self._waiting = []

    def _read(self) -> list[Batch]:
        found: list[Batch] = []
        lines = self._path.read_bytes().split(b"\n")
        if lines[-1]:  # Torn: it never was accepted, and the next line must not be glued to it.
            os.truncate(self._path, self._path.stat().st_size - len(lines[-1]))
        for number, line in enumerate(lines[:-1], start=1):  # What follows the last newline is torn, or nothing.
            try:
                row = msgspec.json.decode(line, type=_Line)
                events = [Booked(w, decode_event(kind, body.encode())) for w, kind, body in row.events]
            except (msgspec.MsgspecError, ValueError) as error:
                raise DataFileError(self._path, f"line {number} is damaged: {error}") from error
            found.append(Batch(row.instant, row.number, events, opened=row.opened))
        return found

"""Lines that the audit trail is owed: what people did, while the database did not take the line that says so."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from cryptopilot.adapters.storage.durable import append_line
from cryptopilot.domain.errors import DataFileError

FILE = "audit-owed.jsonl"
"""Its name in the home."""


class Line(NamedTuple):
    """What an entry of the audit trail will say; *at* is wall time in ms UTC."""

    at: int
    who: str
    action: str
    subject: str
    detail: Mapping[str, object]
    address: str


class OwedLines:
    """One JSON line each, synced before `append` returns. A torn last line never was accepted, and is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, line: Line) -> None:
        """Raises OSError: the disk did not take it."""
        append_line(self._path, msgspec.json.encode(line) + b"\n")

    def all(self) -> list[Line]:
        """What waits, oldest first.

        Raises:
            DataFileError: a line is damaged.
        """
        if not self._path.exists():
            return []
        try:
            return [msgspec.json.decode(text, type=Line) for text in self._path.read_bytes().split(b"\n")[:-1]]
        except (msgspec.MsgspecError, ValueError) as error:
            raise DataFileError(self._path, f"a line is damaged: {error}") from error

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

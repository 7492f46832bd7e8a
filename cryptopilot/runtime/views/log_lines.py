"""The pipeline's log, as entries that a listener can read."""

import logging
from collections import deque
from collections.abc import Callable
from itertools import count

from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.shapes.stream import LogLine

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "_logger", "_name"}
_LONGEST = 500
"""Characters of one field: a line is for reading."""


class LogLines(logging.Handler):
    """Takes note of what is logged; the newest few hundred lines wait to be taken."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._waiting: deque[LogLine] = deque(maxlen=500)
        self._numbers = count(1)
        self.wake: Callable[[], None] = lambda: None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(_line(record, f"log-{next(self._numbers)}"))
        except Exception:  # As every handler: a line that cannot be said must not stop who says it.
            self.handleError(record)
        self.wake()

    def take(self) -> list[LogLine]:
        """What has been logged since the last time, oldest first."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def _line(record: logging.LogRecord, identifier: str) -> LogLine:
    told = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    fields = {**told, **extra}
    event = str(fields.pop("event", ""))
    for name in ("timestamp", "level", "logger"):
        fields.pop(name, None)
    return {
        "id": identifier,
        "at": iso(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "event": event[:_LONGEST],
        "fields": {name: str(value)[:_LONGEST] for name, value in fields.items()},
    }

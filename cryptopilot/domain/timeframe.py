"""Timeframes and instants: int64 milliseconds UTC on a grid."""

import re
from datetime import UTC, datetime

from cryptopilot.domain.errors import InvalidValueError

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
ALLOWED = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")


def timeframe_ms(text: str) -> int:
    """Length of a timeframe such as ``5m`` in milliseconds.

    Raises:
        InvalidValueError: it is not one of ALLOWED.
    """
    if text not in ALLOWED:
        raise InvalidValueError("timeframe", text, ", ".join(ALLOWED))
    return int(text[:-1]) * _UNITS[text[-1]]


def duration_ms(field: str, text: str) -> int:
    """Length of a duration such as ``90d``, ``36h`` or ``0m`` in milliseconds.

    Raises:
        InvalidValueError: it is none.
    """
    found = re.fullmatch(r"(\d{1,7})([mhd])", text)
    if found is None:
        raise InvalidValueError(field, text, "a whole number of minutes, hours or days, such as 90m, 36h or 30d")
    return int(found[1]) * _UNITS[found[2]]


def timeframe_text(length_ms: int) -> str:
    """The name of a length that `timeframe_ms` gave."""
    return next(name for name in ALLOWED if timeframe_ms(name) == length_ms)


def grid_at_or_before(time_ms: int, step_ms: int) -> int:
    """The newest grid instant that is not after *time_ms*."""
    return time_ms // step_ms * step_ms


def iso(time_ms: int) -> str:
    """ISO 8601 in UTC with a Z; milliseconds only when there are any."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds").replace("+00:00", "Z")


def parse_time(field: str, text: str) -> int:
    """Milliseconds UTC of a date or an ISO 8601 time; a time without a zone is UTC.

    Raises:
        InvalidValueError: it is neither.
    """
    allowed = "a date such as 2022-01-31, or an ISO 8601 time such as 2022-01-31T12:00:00Z"
    if not re.match(r"^\d{4}-\d{2}-\d{2}", text):
        raise InvalidValueError(field, text, allowed)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValueError(field, text, allowed) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)

"""Settings that people changed while the program ran, by name, as JSON texts."""

import json
from collections.abc import Mapping

from sqlalchemy import Engine, delete, insert, select

from cryptopilot.adapters.storage import audit
from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.owed import Line
from cryptopilot.adapters.storage.schema import stored_settings
from cryptopilot.domain.errors import InvalidValueError


class StoredSettings:
    """The stored settings of a database; what they mean and may be is said by who stores them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> dict[str, str]:
        """Name to JSON text."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(stored_settings).order_by(stored_settings.c.name)).all()
        return {r.name: r.value for r in rows}

    def keep(self, changes: Mapping[str, str], who: str, at: int, line: Line | None = None) -> None:
        """Store all of *changes* (name to JSON text), and *line* in the audit trail, or nothing.

        Raises:
            InvalidValueError: a value is not JSON; JournalUnavailableError: the database did not take them.
        """
        rows = [{"name": n, "value": _json(n, v), "set_by": who, "set_at": at} for n, v in changes.items()]
        with alone(self._engine) as connection:
            if rows:
                connection.execute(delete(stored_settings).where(stored_settings.c.name.in_(list(changes))))
                connection.execute(insert(stored_settings), rows)
            if line is not None:
                audit.append(connection, *line)


def _json(name: str, value: str) -> str:
    try:
        json.loads(value)
    except ValueError as error:
        raise InvalidValueError(name, value, "a JSON text") from error
    return value

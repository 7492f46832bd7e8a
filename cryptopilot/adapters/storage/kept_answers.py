"""Answers kept by idempotency key, so that asking twice does a thing once."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.schema import kept_answers
from cryptopilot.domain.people import KeptAnswer
from cryptopilot.engine.clock import wall_ms

KEPT_MS = 86_400_000


class KeptAnswers:
    """The answers of the last KEPT_MS.

    Args:
        now: wall time in ms UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], int] = wall_ms) -> None:
        self._engine, self._now = engine, now

    def find(self, user_id: str, key: str) -> KeptAnswer | None:
        """What was answered to that user under that key; None after KEPT_MS."""
        with reading(self._engine) as connection:
            row = connection.execute(self._of(user_id, key)).first()
        return None if row is None else _answer(row)

    def keep(self, user_id: str, key: str, call: str, body_hash: str, status: int, body: bytes) -> KeptAnswer:
        """Keep an answer unless there is one already; the kept one, whose ever it is.

        Args:
            call: method and path; body_hash: of the request; status, body: of the answer.
        Raises:
            JournalUnavailableError: the database did not take it.
        """
        answer = KeptAnswer(user_id, key, call, body_hash, status, body, self._now())
        with alone(self._engine) as connection:
            connection.execute(delete(kept_answers).where(kept_answers.c.created_at <= answer.created_at - KEPT_MS))
            first = connection.execute(self._of(user_id, key)).first()
            if first is not None:
                return _answer(first)
            connection.execute(insert(kept_answers).values(answer._asdict()))
        return answer

    def _of(self, user_id: str, key: str) -> Any:
        table = kept_answers.c
        mine = (table.user_id == user_id, table.key == key, table.created_at > self._now() - KEPT_MS)
        return select(kept_answers).where(*mine)


def _answer(row: Any) -> KeptAnswer:
    return KeptAnswer(row.user_id, row.key, row.call, row.body_hash, row.status, row.body, row.created_at)

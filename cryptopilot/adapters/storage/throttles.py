"""Counts of failures, kept over restarts. What they mean is said by who asks."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine, delete, insert, select, update

from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.schema import throttles

FORGOTTEN_MS = 86_400_000
"""A count without a new failure for so long is forgotten."""

Wait = Callable[[int], int]
"""Milliseconds to wait after so many failures."""


class Throttles:
    """The counts of a database, by key.

    Args:
        wait: how long after its last failure a key with so many failures waits.
    """

    def __init__(self, engine: Engine, wait: Wait) -> None:
        self._engine, self._wait = engine, wait

    def admit(self, keys: Sequence[str], now: int) -> int:
        """Milliseconds until an attempt under all of *keys* may be made; 0: it may now, and counts as failed.

        It counts before it is made, so that many at once are not all made on the count of none.
        """
        with reading(self._engine) as connection:  # Whoever waits is refused without holding up those who write.
            left = max(_left(count, now, self._wait) for count in _counts(connection, keys, now))
        return left or self._count(keys, now)

    def _count(self, keys: Sequence[str], now: int) -> int:
        with alone(self._engine) as connection:
            counts = _counts(connection, keys, now)
            left = max(_left(count, now, self._wait) for count in counts)
            if left:
                return left
            connection.execute(delete(throttles).where(throttles.c.last_at < now - FORGOTTEN_MS))
            connection.execute(delete(throttles).where(throttles.c.key.in_(keys)))
            rows = [{"key": k, "failures": f + 1, "last_at": now} for k, (f, _) in zip(keys, counts, strict=True)]
            connection.execute(insert(throttles), rows)
        return 0

    def settle(self, cleared: Iterable[str], undone: str, at: int) -> None:
        """After an attempt that did not fail: forget the failures of *cleared*, and have *undone* as it was before.

        Args:
            at: when the attempt was admitted; a failure that came after it keeps its wait.
        """
        with alone(self._engine) as connection:
            connection.execute(delete(throttles).where(throttles.c.key.in_(list(cleared))))
            row = connection.execute(select(throttles).where(throttles.c.key == undone)).first()
            if row is None or not row.failures:
                return
            waited = at - self._wait(row.failures - 1)  # Before the attempt the wait was over.
            values = {"failures": row.failures - 1, "last_at": waited if row.last_at == at else row.last_at}
            connection.execute(update(throttles).where(throttles.c.key == undone).values(values))

    def forget(self, keys: Iterable[str]) -> None:
        """Forget the failures of *keys*."""
        with alone(self._engine) as connection:
            connection.execute(delete(throttles).where(throttles.c.key.in_(list(keys))))


def _counts(connection: Connection, keys: Sequence[str], now: int) -> list[tuple[int, int]]:
    """Failures and the time of the last one, for each key."""
    rows = connection.execute(select(throttles).where(throttles.c.key.in_(list(keys)))).all()
    found = {r.key: (r.failures, r.last_at) for r in rows if r.last_at >= now - FORGOTTEN_MS}
    return [found.get(key, (0, now)) for key in keys]


def _left(count: tuple[int, int], now: int, wait: Wait) -> int:
    """Milliseconds left to wait; none when the clock was set back behind the last failure: nobody waits for it."""
    failures, last_at = count
    return max(0, last_at + wait(failures) - now) if last_at <= now else 0

"""Users and their sessions. Of a refresh token only its SHA-256 is here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from cryptopilot.adapters.storage import audit
from cryptopilot.adapters.storage.database import alone, reading
from cryptopilot.adapters.storage.schema import sign_ins, spent_refreshes, users
from cryptopilot.domain.people import AuditEntry, Role, User, UserSession

KEPT_MS = 30 * 86_400_000
"""How long a session that has expired stays on record."""


class People:
    """The people of a database: look-ups, each of its own; `change` for what must happen together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def change(self) -> Iterator["PeopleChange"]:
        """One transaction, alone with people and audit; undone when its block raises.

        Raises:
            JournalUnavailableError: the database did not take it.
        """
        with alone(self._engine) as connection:
            yield PeopleChange(connection)

    def count(self) -> int:
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(users)).scalar_one())

    def users(self) -> list[User]:
        """Everybody, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(users).order_by(users.c.created_at, users.c.id)).all()
        return [_user(r) for r in rows]

    def named(self, username: str) -> User | None:
        """The user of that name, in whatever case it is written."""
        with reading(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.name_key == username.lower())).first()
        return None if row is None else _user(row)

    def user(self, user_id: str) -> User | None:
        with reading(self._engine) as connection:
            return _find_user(connection, user_id)

    def sessions(self, user_id: str) -> list[UserSession]:
        """Every session of a user that is on record, newest first."""
        with reading(self._engine) as connection:
            return _sessions(connection, user_id)

    def revoked_since(self, moment: int) -> list[UserSession]:
        """Sessions revoked at *moment* or later."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(sign_ins).where(sign_ins.c.revoked_at >= moment)).all()
        return [_session(r) for r in rows]

    def knows_refresh(self, refresh_hash: str) -> bool:
        """Whether a refresh token is or was somebody's."""
        with reading(self._engine) as connection:
            return _refreshed(connection, refresh_hash) is not None


class PeopleChange:
    """What one transaction does to people and writes in the audit trail."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def has_users(self) -> bool:
        return self._connection.execute(select(users.c.id).limit(1)).first() is not None

    def user(self, user_id: str) -> User | None:
        return _find_user(self._connection, user_id)

    def add_user(self, user: User) -> None:
        """Keep a new user.

        Raises:
            JournalRefusedError: the name is taken.
        """
        self._connection.execute(
            insert(users).values(
                id=user.id, username=user.username, name_key=user.username.lower(), role=user.role.value,
                password_hash=user.password_hash, created_at=user.created_at, disabled=user.disabled,
            )
        )  # fmt: skip

    def set_password(self, user_id: str, password_hash: str) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    def session(self, session_id: str) -> UserSession | None:
        row = self._connection.execute(select(sign_ins).where(sign_ins.c.id == session_id)).first()
        return None if row is None else _session(row)

    def sessions(self, user_id: str) -> list[UserSession]:
        """Every session of a user that is on record, newest first."""
        return _sessions(self._connection, user_id)

    def open_session(self, session: UserSession, refresh_hash: str) -> None:
        """Keep a new session, and let go of those that expired KEPT_MS before it."""
        old = select(sign_ins.c.id).where(sign_ins.c.expires_at < session.created_at - KEPT_MS)
        self._connection.execute(delete(spent_refreshes).where(spent_refreshes.c.sign_in_id.in_(old)))
        self._connection.execute(delete(sign_ins).where(sign_ins.c.id.in_(old)))
        self._connection.execute(
            insert(sign_ins).values(
                id=session.id, user_id=session.user_id, created_at=session.created_at,
                last_used_at=session.last_used_at, expires_at=session.expires_at, revoked_at=session.revoked_at,
                revoked_why=session.revoked_why, address=session.address, refresh_hash=refresh_hash,
            )
        )  # fmt: skip

    def session_of(self, refresh_hash: str) -> tuple[UserSession, int | None] | None:
        """The session of a refresh token, and when the token was spent: None while it is the current one."""
        return _refreshed(self._connection, refresh_hash)

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: int) -> None:
        """Spend a session's refresh token and put another in its place."""
        self._connection.execute(
            insert(spent_refreshes).values(refresh_hash=old_hash, sign_in_id=session_id, spent_at=at)
        )
        self._connection.execute(
            update(sign_ins).where(sign_ins.c.id == session_id).values(refresh_hash=new_hash, last_used_at=at)
        )

    def revoke(self, session_id: str, at: int, why: str) -> bool:
        """End a session; False when it has been ended before."""
        open_one = (sign_ins.c.id == session_id) & sign_ins.c.revoked_at.is_(None)
        done = self._connection.execute(update(sign_ins).where(open_one).values(revoked_at=at, revoked_why=why))
        return done.rowcount > 0

    def record(
        self, at: int, who: str, action: str, subject: str, detail: dict[str, object], address: str
    ) -> AuditEntry:
        """Write in the audit trail what this transaction does, so that neither is there without the other."""
        return audit.append(self._connection, at, who, action, subject, detail, address)


def _refreshed(connection: Connection, refresh_hash: str) -> tuple[UserSession, int | None] | None:
    row = connection.execute(select(sign_ins).where(sign_ins.c.refresh_hash == refresh_hash)).first()
    if row is not None:
        return _session(row), None
    spent = connection.execute(
        select(sign_ins, spent_refreshes.c.spent_at)
        .join(spent_refreshes, spent_refreshes.c.sign_in_id == sign_ins.c.id)
        .where(spent_refreshes.c.refresh_hash == refresh_hash)
    ).first()
    return None if spent is None else (_session(spent), int(spent.spent_at))


def _find_user(connection: Connection, user_id: str) -> User | None:
    row = connection.execute(select(users).where(users.c.id == user_id)).first()
    return None if row is None else _user(row)


def _sessions(connection: Connection, user_id: str) -> list[UserSession]:
    wanted = select(sign_ins).where(sign_ins.c.user_id == user_id)
    rows = connection.execute(wanted.order_by(sign_ins.c.created_at.desc(), sign_ins.c.id)).all()
    return [_session(r) for r in rows]


def _user(row: Any) -> User:
    return User(row.id, row.username, Role(row.role), row.password_hash, row.created_at, bool(row.disabled))


def _session(row: Any) -> UserSession:
    return UserSession(
        row.id, row.user_id, row.created_at, row.last_used_at, row.expires_at, row.address, row.revoked_at,
        row.revoked_why,
    )  # fmt: skip

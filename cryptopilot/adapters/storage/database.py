"""Opening the database: which one, at which revision, with what durability."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError
from sqlalchemy.exc import IntegrityError as SqlIntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cryptopilot.domain.errors import (
    HomeTakenError,
    InvalidValueError,
    JournalRefusedError,
    JournalUnavailableError,
    WriterLostError,
)

REVISION = "0004"
"""The newest migration: what this program works with."""

_PATIENCE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=10000 -c lock_timeout=5000",
}
"""How long a server may leave us waiting: protection must not stand still behind somebody else's lock."""

_TURNS = 0x43505F32
"""The advisory lock of `alone`."""

_ALLOWED = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"


class SchemaRevisionError(InvalidValueError):
    """The database was written by a newer program."""


def open_database(url: str) -> Engine:
    """An engine for *url*, migrated to REVISION.

    Raises:
        InvalidValueError: the URL is of no kind that we know.
        JournalUnavailableError: nothing answers there.
        SchemaRevisionError: the database is newer than this program.
    """
    engine = connect(url)
    try:
        present = revision(engine)
    except (OperationalError, DBAPIError) as error:
        raise JournalUnavailableError(f"database {engine.url!r} does not answer: {error.orig}") from error
    if present is not None and present > REVISION:
        raise SchemaRevisionError("database revision", present, f"up to {REVISION}; a newer program wrote it")
    if present != REVISION:
        migrate(engine)
    return engine


def connect(url: str) -> Engine:
    """An engine for *url*, as it is; plain ``postgresql://`` is served by psycopg."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidValueError("DATABASE_URL", "***" if "@" in url else url, _ALLOWED) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        return create_engine(parsed, pool_timeout=10, connect_args=_PATIENCE)
    if parsed.drivername != "sqlite" or not parsed.database:
        raise InvalidValueError("DATABASE_URL", parsed.render_as_string(hide_password=True), _ALLOWED)
    engine = create_engine(parsed, connect_args={"timeout": 5, "check_same_thread": False})
    event.listen(engine, "connect", _sqlite_settings)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def revision(engine: Engine) -> str | None:
    """The database's migration; None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def migrate(engine: Engine) -> None:
    """Bring the schema to REVISION, in one transaction."""
    from alembic import command  # noqa: PLC0415  # 0.3 s that only a first start or an upgrade needs.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def transaction(engine: Engine, path: Path | None, inode: int | None, *, writes: bool) -> Iterator[Connection]:
    """A transaction of the journal, whose failure is `JournalUnavailableError`.

    Args:
        path, inode: the embedded database's file; a file that was moved or deleted under us still takes writes
            that nobody will ever read, so its presence is checked first.
        writes: whether anything is written, even if something is read first.
    """
    if path is not None:
        try:
            same = path.stat().st_ino == inode
        except OSError:
            same = False
        if not same:
            raise JournalUnavailableError(f"the database file {path} is gone; restore it, then restart")
    with writing(engine) if writes else reading(engine) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; it is undone when its block raises.

    SQLite refuses a transaction at once, without waiting, when it has read first and somebody else has written before
    its own first write. So a writer asks for the lock with its BEGIN, where it does wait for its turn.

    Raises:
        JournalUnavailableError: the database did not take it; JournalRefusedError: it contradicts what is there.
    """
    try:
        with engine.connect().execution_options(sqlite_begin="BEGIN IMMEDIATE") as connection, connection.begin():
            yield connection
    except (SqlIntegrityError, DataError) as error:
        raise JournalRefusedError(f"the database refused what contradicts it: {error.orig}") from error
    except DBAPIError as error:
        raise JournalUnavailableError(f"the database did not take the transaction: {error.orig}") from error
    except PoolTimeoutError as error:
        raise JournalUnavailableError(f"every connection to the database is in use: {error}") from error


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """As `writing`, and no other such transaction runs meanwhile: what it has read stays true until its end.

    SQLite has one writer anyway. PostgreSQL gets an advisory lock of the transaction, which the journal does not take.
    """
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURNS})
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read from: all of it from one moment. A failure is `JournalUnavailableError`."""
    # What SQLite's transactions are anyway.
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except DBAPIError as error:
        raise JournalUnavailableError(f"the database does not answer: {error.orig}") from error
    except PoolTimeoutError as error:
        raise JournalUnavailableError(f"every connection to the database is in use: {error}") from error


class DatabaseLock:
    """The one writer of a database server; an embedded database is guarded by its home's lock.

    Raises:
        HomeTakenError: another process writes there; names it.
    """

    _KEY = 0x43505F31

    def __init__(self, engine: Engine, purpose: str) -> None:
        self._engine, self._purpose = engine, purpose
        self._connection: Connection | None = None
        if engine.dialect.name == "postgresql":
            self._take()

    def _take(self) -> None:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        name = f"cryptopilot {self._purpose}"[:63]
        connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name})
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._KEY}).scalar():
            holder = connection.execute(
                text(
                    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
                    "WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted"
                ),
                {"key": self._KEY},
            ).scalar()
            connection.close()
            raise HomeTakenError(self._engine.url.render_as_string(hide_password=True), str(holder))
        self._connection = connection

    def verify(self) -> None:
        """Make sure that we still are the one writer: a lock goes with its connection.

        Raises:
            JournalUnavailableError: the server does not answer.
            WriterLostError: another process has become the writer meanwhile.
        """
        if self._connection is None:
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self.release()
            try:
                self._take()
            except DBAPIError as error:
                raise JournalUnavailableError(f"the database does not answer: {error.orig}") from error
            except HomeTakenError as error:
                raise WriterLostError(str(error)) from error

    def release(self) -> None:
        """Let another process write. A connection that is gone has released it already."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def sqlite_path(engine: Engine) -> Path | None:
    """The embedded database's file; None for a server."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def _sqlite_settings(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's events begin transactions; the driver must not.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

"""Where studies are kept: beside the home's database, not in it (docs/decisions/0012-studies-beside-the-books.md)."""

import fcntl
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, text

from cryptopilot.adapters.storage.database import connect, sqlite_path
from cryptopilot.domain.errors import InvalidValueError, JournalUnavailableError, StudyTakenError

SCHEMA = "studies"
"""The schema of a database server, and the folder beside an embedded one."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@contextmanager
def open_studies(url: str, name: str) -> Iterator[RDBStorage]:
    """The storage of all studies, with *name* for nobody else meanwhile.

    Args:
        url: of the home's database: studies are in ``studies/studies.db`` beside an embedded one's file, and in a
            schema of their own on a server.
        name: the study's; windows of a walk have it before a slash.
    Raises:
        InvalidValueError: the name or the URL is not allowed. StudyTakenError: another process works on it.
        JournalUnavailableError: the database does not answer.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValueError("--study", name, "1 to 64 letters, digits, points, - and _; not beginning with a sign")
    engine = connect(url)
    try:
        path = sqlite_path(engine)
        with _beside(path.parent / SCHEMA, name) if path is not None else _on_server(engine, name) as storage:
            yield storage
    finally:
        engine.dispose()


@contextmanager
def _beside(folder: Path, name: str) -> Iterator[RDBStorage]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StudyTakenError(name) from error
        with _closing(RDBStorage(f"sqlite:///{folder / 'studies.db'}")) as storage:
            yield storage


@contextmanager
def _on_server(engine: Engine, name: str) -> Iterator[RDBStorage]:
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except DBAPIError as error:
        raise JournalUnavailableError(f"the database does not answer: {error.orig}") from error
    with connection:
        _take(connection, name)
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        url = engine.url.render_as_string(hide_password=False)
        options = {"connect_args": {"connect_timeout": 5, "options": f"-c search_path={SCHEMA}"}}
        with _closing(RDBStorage(url, engine_kwargs=options)) as storage:
            yield storage


def _take(connection: Connection, name: str) -> None:
    """Hold a lock of this session's, which ends with it."""
    key = int.from_bytes(hashlib.sha256(f"study {name}".encode()).digest()[:8], signed=True)
    if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        raise StudyTakenError(name)


@contextmanager
def _closing(storage: RDBStorage) -> Iterator[RDBStorage]:
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()

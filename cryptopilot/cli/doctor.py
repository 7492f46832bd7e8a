"""``cryptopilot doctor``: looks at every part an installation needs, and names what is wrong and what to do.

It only looks: nothing is made, mended or migrated, so it can be asked while a server runs.
"""

import sys
from collections.abc import Callable, Iterator

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cryptopilot.adapters.storage.audit import AuditTrail
from cryptopilot.adapters.storage.database import REVISION, connect, revision, sqlite_path
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.owed import FILE, OwedLines
from cryptopilot.adapters.storage.people import People
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.api.server import take_port
from cryptopilot.cli import surroundings
from cryptopilot.cli.certificate import tls
from cryptopilot.cli.listening import listener_on
from cryptopilot.domain.errors import CryptoPilotError, JournalCorruptError
from cryptopilot.engine.recovery import verify
from cryptopilot.runtime.diagnosis import Finding, State, diagnose
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.preferences import effective
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.wiring import WALLET, one_quote

_TRIES = 5
"""How often books are looked at again that a server moved while we looked."""

_RESTORE = "stop, and restore a backup (docs/operations.md); do not trade on these books"


def examine(overrides: dict[str, object]) -> Iterator[Finding]:
    """Every finding, in the order in which a start needs things."""
    yield surroundings.python_version()
    yield surroundings.page()
    try:
        settings = load_settings(**overrides)
    except CryptoPilotError as error:
        yield Finding("settings", State.WRONG, str(error), "correct it in the environment; see docs/configuration.md")
        return
    yield _settings(settings)
    yield tls(settings)
    home = surroundings.home(settings)
    yield home.finding
    if not settings.has_database():
        yield Finding("database", State.WELL, "none yet; the first start makes it")
        yield _port(settings, home.holder, users=0)
        return
    try:
        engine = connect(settings.url())
    except CryptoPilotError as error:
        yield Finding("database", State.WRONG, str(error), "correct DATABASE_URL")
        return
    try:
        yield from _stored(engine, settings, home.holder)
    finally:
        engine.dispose()


def _settings(settings: Settings) -> Finding:
    if settings.paper_trading:
        return Finding("settings", State.WELL, f"market {settings.market}, home {settings.home}")
    seen = "PIPELINE_PAPER_TRADING is false; live trading is not in this version"
    return Finding("settings", State.WRONG, seen, "unset it, or set it to true")


def _stored(engine: Engine, settings: Settings, holder: str | None) -> Iterator[Finding]:
    database = _database(engine)
    yield database
    if database.state is not State.WELL:
        yield _port(settings, holder, users=0)
        return
    yield _guarded("stored settings", "change or remove what is stored", lambda: _stored_settings(engine, settings))
    yield _guarded("clock", "", lambda: surroundings.clock(engine))
    yield _port(settings, holder, users=People(engine).count())
    yield _guarded("people", _RESTORE, lambda: _people(engine))
    yield _guarded("audit", _RESTORE, lambda: _audit(engine, settings))
    sessions = Sessions(engine).all()
    for session in sessions:
        yield _guarded(f"books of {session.id}", _RESTORE, lambda s=session: verify_books(engine, s))  # type: ignore[misc]
    if sessions:
        yield from _causes(engine, sessions[0], runs=holder is not None)


def _causes(engine: Engine, newest: MarketSession, *, runs: bool) -> Iterator[Finding]:
    try:
        yield from diagnose(engine, newest, runs=runs)
    except CryptoPilotError as error:
        yield Finding("signals", State.WRONG, str(error), _RESTORE)


def _database(engine: Engine) -> Finding:
    """Whether it answers, holds together, and is of this program's revision."""
    named = engine.url.render_as_string(hide_password=True)
    path = sqlite_path(engine)
    if path is not None and not path.exists():
        if path.parent.is_dir():
            return Finding("database", State.NOTE, f"{named} is not there yet", "the first start makes it")
        return Finding("database", State.WRONG, f"{named}: {path.parent} is no folder", "correct DATABASE_URL")
    try:
        found = revision(engine)
        damage = None if path is None else _damage(engine)
    except DBAPIError as error:
        torn = "malformed" in str(error.orig) or "not a database" in str(error.orig)
        remedy = _RESTORE if torn else "start the server that DATABASE_URL names, or correct it; see its log"
        seen = f"{named} {'is corrupt' if torn else 'does not answer'}: {error.orig}"
        return Finding("database", State.WRONG, seen, remedy)
    if damage is not None:
        return Finding("database", State.WRONG, f"{named} is corrupt: {damage}", _RESTORE)
    seen = f"{named} at revision {found or 'none'} (this program: {REVISION})"
    if found is not None and found > REVISION:
        return Finding("database", State.WRONG, f"{seen}: a newer program wrote it", "run that newer program")
    if found != REVISION:
        return Finding("database", State.NOTE, seen, "the next start brings it to this program's revision")
    return Finding("database", State.WELL, seen)


def _damage(engine: Engine) -> str | None:
    with engine.connect() as connection:
        told = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return None if told == "ok" else told


def _port(settings: Settings, holder: str | None, *, users: int) -> Finding:
    address = f"{settings.host}:{settings.port}"
    if settings.port:
        listener = listener_on(settings.port)
        if listener is not None and holder is not None and f"(process {listener.process} " in holder:
            return Finding("port", State.WELL, f"{address} is this home's running server")
        if listener is not None:
            seen = f"{address} is taken by process {listener.process}: {listener.command}"
            return Finding("port", State.WRONG, seen, "stop that process, or set PORT to another")
    try:
        take_port(settings, has_users=users > 0).close()
    except CryptoPilotError as error:
        return Finding("port", State.WRONG, str(error), "set HOST and PORT as it says (docs/operations.md)")
    return Finding("port", State.WELL, f"{address} is free")


def verify_books(engine: Engine, session: MarketSession) -> str:
    """Fold a session's whole journal and compare it with its tables.

    Raises:
        JournalCorruptError: a link is broken, or the tables say something else.
    """
    instruments = open_market(session.spec).candles.instruments
    scales = {s: i.scale for s, i in instruments.items()}
    journal = SqlJournal(engine, session.id, one_quote(instruments), scales)
    for _ in range(_TRIES):
        stored = journal.account(WALLET)
        if stored is None:
            return "not begun"
        length = journal.length(WALLET)
        try:
            return f"{verify(journal, stored, newest=sys.maxsize)} events, chain whole, tables agree"
        except JournalCorruptError:
            if journal.length(WALLET) == length and journal.account(WALLET) == stored:
                raise  # Nothing moved meanwhile, so it is the books.
    return f"{length} events; they moved while they were looked at, stop the server to have them verified"


def _stored_settings(engine: Engine, settings: Settings) -> str:
    stored = StoredSettings(engine).all()
    effective(settings, stored)
    return ", ".join(sorted(stored)) or "none"


def _audit(engine: Engine, settings: Settings) -> str | Finding:
    whole = f"{AuditTrail(engine).verify()} entries, chain whole"
    owed = len(OwedLines(settings.home / FILE).all())
    if not owed:
        return whole
    seen = f"{whole}; {owed} more wait in {settings.home / FILE} since the database did not answer"
    return Finding("audit", State.NOTE, seen, "they follow with the next act or the next start; leave the file there")


def _people(engine: Engine) -> str:
    count = People(engine).count()
    return f"{count} users" if count else "nobody yet; the one-time code of the first start makes the first user"


def _guarded(what: str, remedy: str, look: Callable[[], str | Finding]) -> Finding:
    try:
        found = look()
    except Exception as error:  # A doctor reports whatever it meets.
        return Finding(what, State.WRONG, f"{type(error).__name__}: {error}", remedy)
    return found if isinstance(found, Finding) else Finding(what, State.WELL, found)

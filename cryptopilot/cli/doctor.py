"""``cryptopilot doctor``: looks at every part an installation needs, and names what is wrong and what to do."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Engine

from cryptopilot.adapters.storage.audit import AuditTrail
from cryptopilot.adapters.storage.database import REVISION, connect, revision
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.people import People
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.engine.recovery import verify
from cryptopilot.runtime.home import Home
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.wiring import WALLET, one_quote

_LEAST_FREE = 200 * 1024 * 1024


class Finding(NamedTuple):
    """One thing looked at: whether it is well, and what was seen."""

    what: str
    well: bool
    seen: str


def examine(overrides: dict[str, object]) -> Iterator[Finding]:
    """Every finding, in the order in which a start needs things."""
    try:
        settings = load_settings(**overrides)
    except CryptoPilotError as error:
        yield Finding("settings", False, str(error))
        return
    if not settings.paper_trading:
        yield Finding("settings", False, "PIPELINE_PAPER_TRADING is false; live trading is not in this version")
        return
    yield Finding("settings", True, f"market {settings.market}, home {settings.home}")
    yield _well("home", lambda: _home(settings))
    yield _well("port", lambda: _port(settings))
    yield _well("database", lambda: _database(settings))
    yield from _books(settings)


def _home(settings: Settings) -> str:
    if not settings.home.exists():
        return f"{settings.home} is not there yet; the first start makes it"
    home = Home(settings.home)
    free = shutil.disk_usage(home.path).free
    if free < _LEAST_FREE:
        raise CryptoPilotError(f"{free // 2**20} MiB free at {home.path}; allowed: at least {_LEAST_FREE // 2**20}")
    home.check(settings.jwt_secret_key)
    holder = home.holder()
    spills = list(home.path.glob("spill-*.jsonl"))
    waiting = f"; facts wait in {spills[0].name} for the database" if spills else ""
    return f"{home.path}, {'in use by ' + holder if holder else 'not in use'}, {free // 2**20} MiB free{waiting}"


def _port(settings: Settings) -> str:
    with socket.socket() as probe:
        if settings.port and probe.connect_ex((settings.host, settings.port)) == 0:
            return f"{settings.host}:{settings.port} is answered by a running server; a second one needs another PORT"
    return f"{settings.host}:{settings.port} is free"


def _database(settings: Settings) -> str:
    if not settings.has_database():
        return "none yet; the first start makes it"
    engine = connect(settings.url())
    found = revision(engine)
    engine.dispose()
    return f"{engine.url.render_as_string(hide_password=True)} at revision {found or 'none'} (this program: {REVISION})"


def _books(settings: Settings) -> Iterator[Finding]:
    """The chain of every session from its first link, folded, against the current-state tables; then the audit's."""
    if not settings.has_database():
        return
    engine = connect(settings.url())
    try:
        found = revision(engine)
        sessions = Sessions(engine).all() if found else []
    except Exception as error:  # Whatever a driver raises is the finding.
        yield Finding("books", False, f"{type(error).__name__}: {error}")
        return
    for session in sessions:
        yield _well(f"books of {session.id}", lambda s=session: verify_books(engine, s))  # type: ignore[misc]
    if found == REVISION:  # An older one has no people; the next start makes room for them.
        yield _well("people", lambda: _people(engine))
        yield _well("audit", lambda: f"{AuditTrail(engine).verify()} entries, chain whole")
    engine.dispose()


def verify_books(engine: Engine, session: MarketSession) -> str:
    """Fold a session's whole journal and compare it with its tables.

    Raises:
        JournalCorruptError: a link is broken, or the tables say something else.
    """
    instruments = open_market(session.spec).candles.instruments
    scales = {s: i.scale for s, i in instruments.items()}
    journal = SqlJournal(engine, session.id, one_quote(instruments), scales)
    stored = journal.account(WALLET)
    if stored is None:
        return "not begun"
    return f"{verify(journal, stored, newest=sys.maxsize)} events, chain whole, tables agree"


def _people(engine: Engine) -> str:
    count = People(engine).count()
    return f"{count} users" if count else "nobody yet; the one-time code of the first start makes the first user"


def _well(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except Exception as error:  # A doctor reports whatever it meets.
        return Finding(what, False, f"{type(error).__name__}: {error}")

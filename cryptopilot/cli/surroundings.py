"""What a start finds before it opens anything: Python, the page, the home, the disk, the clock."""

import shutil
import sys
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from cryptopilot.adapters.storage import schema
from cryptopilot.adapters.storage.database import reading
from cryptopilot.api.page import BUILT
from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.diagnosis import Finding, State
from cryptopilot.runtime.home import Home
from cryptopilot.runtime.settings import Settings

LEAST_FREE = 200 * 1024 * 1024
LEAST_PYTHON = (3, 11)
TOLERATED_MS = 60_000
"""How far the books may be ahead of the clock: what two machines' clocks differ by."""

_PRIVATE = ("secrets.json", "setup-code")


class HomeFound(NamedTuple):
    """How the home stands, and who writes there now."""

    finding: Finding
    holder: str | None


def python_version() -> Finding:
    found = sys.version.split()[0]
    if sys.version_info < LEAST_PYTHON:
        return Finding("python", State.WRONG, f"{found}; allowed: 3.11 or newer", "make setup PYTHON=python3.11")
    return Finding("python", State.WELL, f"{found} in {sys.prefix}")


def page() -> Finding:
    """Whether the web page is built; without it the API serves all the same."""
    if (BUILT / "index.html").is_file():
        return Finding("page", State.WELL, "built")
    return Finding("page", State.NOTE, "not built; the API serves without it", "make setup")


def home(settings: Settings) -> HomeFound:
    """The folder, its space, its secrets, and its writer. What others can read is left as it is, and named."""
    path = settings.home
    if not path.exists():
        return HomeFound(Finding("home", State.WELL, f"{path} is not there yet; the first start makes it"), None)
    if not path.is_dir():
        return _wrong(f"{path} is no folder", "set CRYPTOPILOT_HOME to a folder of its own")
    for name in _PRIVATE:
        file = path / name
        if file.exists() and file.stat().st_mode & 0o077:
            return _wrong(f"{file} is readable by others ({file.stat().st_mode & 0o777:o})", f"chmod 600 {file}")
    if path.stat().st_mode & 0o077:
        return _wrong(f"{path} is open to others ({path.stat().st_mode & 0o777:o})", f"chmod 700 {path}")
    free = shutil.disk_usage(path).free
    if free < LEAST_FREE:
        seen = f"the disk is nearly full: {free // 2**20} MiB free at {path}; allowed: at least {LEAST_FREE // 2**20}"
        return _wrong(seen, "make room: the books stop when nothing can be written")
    return _inside(Home(path), settings, free)


def _inside(home: Home, settings: Settings, free: int) -> HomeFound:
    holder = home.holder()
    try:
        home.check(settings.jwt_secret_key)
    except (CryptoPilotError, ValueError) as error:
        return HomeFound(Finding("home", State.WRONG, str(error), "set it as it says, or restore the file"), holder)
    spills = sorted(p.name for p in home.path.glob("spill-*.jsonl") if p.stat().st_size)
    if spills:
        seen = f"facts wait in {', '.join(spills)} for the database; no entries are made meanwhile"
        remedy = "bring the database back; what waits then follows by itself, at the latest at the next start"
        return HomeFound(Finding("home", State.WRONG, seen, remedy), holder)
    used = f"in use by {holder}" if holder else "not in use"
    return HomeFound(Finding("home", State.WELL, f"{home.path}, {used}, {free // 2**20} MiB free"), holder)


def clock(engine: Engine) -> Finding:
    """Whether wall time has gone backwards: nothing that was written down can have happened after now."""
    audit, sessions = schema.audit.c.at, schema.market_sessions.c.created_at
    with reading(engine) as connection:
        newest = [connection.execute(select(func.max(column))).scalar() or 0 for column in (audit, sessions)]
    now, last = wall_ms(), max(newest)
    if last > now + TOLERATED_MS:
        seen = f"it is {iso(now)} here, yet something was written down at {iso(last)}"
        return Finding("clock", State.WRONG, seen, "set this machine's clock; until then nobody can stay signed in")
    return Finding("clock", State.WELL, f"{iso(now)}, after everything written down")


def _wrong(seen: str, remedy: str) -> HomeFound:
    return HomeFound(Finding("home", State.WRONG, seen, remedy), None)

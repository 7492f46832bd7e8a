"""The parts of access, put together over one home and one database."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from cryptopilot.adapters.storage.audit import AuditTrail
from cryptopilot.adapters.storage.kept_answers import KeptAnswers
from cryptopilot.adapters.storage.owed import FILE, OwedLines
from cryptopilot.adapters.storage.people import People
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.adapters.storage.throttles import Throttles
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.access.sign_in import SignIn
from cryptopilot.runtime.access.throttle import Throttle, wait_ms
from cryptopilot.runtime.access.tokens import LIFETIME_S, KeyRing, Tokens
from cryptopilot.runtime.home import Home


@dataclass(frozen=True, slots=True)
class Access:
    """What the doors ask."""

    sign_in: SignIn
    audit: AuditTrail
    answers: KeptAnswers
    settings: StoredSettings


def open_access(
    home: Home,
    engine: Engine,
    jwt_secret_key: str | None,
    *,
    passwords: Passwords | None = None,
    now: Callable[[], int] = wall_ms,
) -> Access:
    """Everything about who may come in, on a home that is taken and a database as `open_database` gives it.

    Args:
        jwt_secret_key: from the environment; now: wall time in ms UTC.
    Raises:
        InvalidValueError: a secret could be guessed, or others can read it.
        JournalUnavailableError: the database does not answer.
    """
    people = People(engine)
    revoked = [(s.id, s.revoked_at or 0) for s in people.revoked_since(now() - LIFETIME_S * 1000)]
    tokens = Tokens(KeyRing(home.signing_keys(jwt_secret_key)), revoked, now)
    sign_in = SignIn(home, people, Throttle(Throttles(engine, wait_ms)), passwords or Passwords(), tokens, now)
    settle_setup_code(home, needs_setup=sign_in.needs_setup)
    trail = AuditTrail(engine, OwedLines(home.path / FILE))
    trail.settle()
    return Access(sign_in, trail, KeptAnswers(engine, now), StoredSettings(engine))


def settle_setup_code(home: Home, *, needs_setup: bool) -> None:
    """Have a one-time code exactly while there is nobody.

    The users decide, not the file: a new database under an old home (another DATABASE_URL, a restored folder) would
    otherwise have no way in, and a code left by a crash or put there by hand opens nothing where there are users.
    """
    if not needs_setup:
        home.spend_setup_code()
    elif home.setup_code() is None:
        home.renew_setup_code()

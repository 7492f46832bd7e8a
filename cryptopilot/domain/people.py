"""People, what they may do, the sessions that they have signed in to, and what was recorded of it all.

Times are wall time in ms UTC, except where a name ends in ``_s``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cryptopilot.domain.errors import IntegrityError, InvalidValueError, RejectedError

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    """What a user may do; the first one is an admin."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK_OFFICER = "risk_officer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    id: str
    username: str
    role: Role
    password_hash: str = field(repr=False)
    created_at: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserSession:
    """One sign-in and what became of it; *revoked_at* is None while it is not revoked."""

    id: str
    user_id: str
    created_at: int
    last_used_at: int
    expires_at: int
    address: str
    revoked_at: int | None = None
    revoked_why: str = ""


class Identity(NamedTuple):
    """Who asks: a user in one session, until *expires_at*."""

    user_id: str
    username: str
    role: Role
    session_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in gives: an access token for *expires_in* seconds, and a refresh token that serves once."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    identity: Identity


class AuditEntry(NamedTuple):
    """One line of the audit trail; *hash* chains it to the one before, 64 hexadecimal digits."""

    seq: int
    at: int
    who: str
    action: str
    subject: str
    detail: Mapping[str, object]
    address: str
    hash: str


class KeptAnswer(NamedTuple):
    """The answer to a call that carried an idempotency key; *call* is method and path."""

    user_id: str
    key: str
    call: str
    body_hash: str
    status: int
    body: bytes
    created_at: int


class SetupClosedError(RejectedError):
    """The first user exists: set-up is closed for ever."""

    def __init__(self) -> None:
        super().__init__("the set-up is closed: there is a user already; sign in instead")


class RoleRefusedError(RejectedError):
    """What is asked for takes another role."""

    def __init__(self, role: Role, *needed: Role) -> None:
        super().__init__(f"a {role} may not do that; allowed: {', '.join(needed)}")
        self.role, self.needed = role, needed


class WrongCodeError(RejectedError):
    """The one-time set-up code is another one."""

    def __init__(self) -> None:
        super().__init__("that is not the set-up code; it was printed at the start and is in the home's setup-code")


class CredentialsRefusedError(RejectedError):
    """Signing in or refreshing failed; the same words whatever the reason, so that they tell nobody who exists."""

    def __init__(self) -> None:
        super().__init__("these credentials are not accepted")


class ThrottledError(RejectedError):
    """Too many failures; nothing was looked at."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed attempts; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TokenRefusedError(RejectedError):
    """An access token that does not count; says why, never which."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"access token refused: {reason}")
        self.reason = reason


class AuditCorruptError(IntegrityError):
    """The audit trail was changed; names the first bad sequence number."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"audit trail is broken at sequence {seq}: {why}")
        self.seq, self.why = seq, why


def is_username(text: str) -> bool:
    """Whether somebody could be called that."""
    return _USERNAME.fullmatch(text) is not None


def checked_username(text: str) -> str:
    """*text*, once it is known to be a username.

    Raises:
        InvalidValueError: it is none.
    """
    if not is_username(text):
        raise InvalidValueError("username", text[:64], "1 to 64 of A-Z a-z 0-9 . _ @ -, first a letter or digit")
    return text

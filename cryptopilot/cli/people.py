"""What ``cryptopilot users`` does, with the home taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from cryptopilot.adapters.storage.database import DatabaseLock, open_database
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.access.opening import Access, open_access
from cryptopilot.runtime.home import Home, describe_process
from cryptopilot.runtime.settings import load_settings

WHO = "terminal"
"""What the audit trail calls whoever may write in the home."""


def listed_users() -> list[dict[str, Any]]:
    """Everybody, oldest first, with the number of their open sessions."""
    with _opened() as (_, access):
        access.audit.append(wall_ms(), WHO, "users_listed", "", {})
        return [
            {
                "username": user.username,
                "role": user.role.value,
                "created_at": iso(user.created_at),
                "disabled": user.disabled,
                "sessions": len(access.sign_in.sessions(user.id)),
            }
            for user in access.sign_in.users()
        ]


def reset_password(username: str, password: str) -> None:
    """Give somebody a new password and end all their sessions."""
    with _opened() as (_, access):
        access.sign_in.reset_password(username, password, WHO)


def signed_out(username: str) -> int:
    """End all sessions of somebody; how many there were."""
    with _opened() as (_, access):
        return access.sign_in.sign_out_everywhere(username, WHO)


def rotated_key() -> str:
    """Put a new key in front of the home's own; its name.

    Raises:
        InvalidValueError: the environment has a key, in front of which nothing can be put here.
    """
    if load_settings().jwt_secret_key is not None:
        raise InvalidValueError("JWT_SECRET_KEY", "***", "unset here: it is the newest key; change it where it is set")
    with _opened() as (home, access):
        kid = home.rotate_signing_key()
        access.audit.append(wall_ms(), WHO, "signing_key_rotated", kid, {})
        return kid


class _Opened(NamedTuple):
    home: Home
    access: Access


@contextmanager
def _opened() -> Iterator[_Opened]:
    """The home, taken: a running server has its sessions in mind, and would not hear of what is done to them here."""
    settings = load_settings()
    if not settings.has_database():
        raise InvalidValueError("users", "none", f"some, after a first start; {settings.home} has no database yet")
    home = Home(settings.home)
    home.take(describe_process())
    try:
        home.prepare_secrets()
        engine = open_database(settings.url())
        try:
            lock = DatabaseLock(engine, describe_process())
            try:
                yield _Opened(home, open_access(home, engine, settings.jwt_secret_key))
            finally:
                lock.release()
        finally:
            engine.dispose()
    finally:
        home.leave()

"""Signing in and out: set-up, passwords, refreshes, sessions. Everything here is in the audit trail."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from typing import NoReturn

from cryptopilot.adapters.storage.people import People, PeopleChange
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.people import (
    CredentialsRefusedError,
    Granted,
    Identity,
    Role,
    SetupClosedError,
    User,
    UserSession,
    WrongCodeError,
    checked_username,
    is_username,
)
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.access.throttle import Throttle, account_key, network
from cryptopilot.runtime.access.tokens import LIFETIME_S, Tokens
from cryptopilot.runtime.home import Home

LONGEST_MS = 30 * 86_400_000
"""A session ends so long after its sign-in, however often it is refreshed."""

IDLE_MS = 7 * 86_400_000
"""A session ends so long after its last refresh."""

TWO_TABS_MS = 10_000

_REFRESH = re.compile(r"[A-Za-z0-9_-]{43}")
_NOT_A_NAME = "(not a username)"
"""In the audit for what cannot be one: it may be a password in the wrong box."""


class SignIn:
    """Who may come in, and until when.

    Args:
        now: wall time in ms UTC.
    """

    def __init__(
        self,
        home: Home,
        people: People,
        throttle: Throttle,
        passwords: Passwords,
        tokens: Tokens,
        now: Callable[[], int] = wall_ms,
    ) -> None:
        self._home, self._people, self._throttle = home, people, throttle
        self._passwords, self._tokens, self._now = passwords, tokens, now
        self.on_revoked: list[Callable[[str], None]] = []
        """Told the id of every session that ends before its time, from whichever thread ends it."""
        self._has_users = False

    @property
    def needs_setup(self) -> bool:
        """Whether there is no user yet; never again once there was one."""
        self._has_users = self._has_users or self._people.count() > 0
        return not self._has_users

    def set_up(self, code: str, username: str, password: str, address: str) -> Granted:
        """Make the first user, an admin, by the one-time code, and sign them in.

        Raises:
            SetupClosedError: there is a user; WrongCodeError; ThrottledError.
            InvalidValueError: the username is none, or the password could be guessed.
        """
        if not self.needs_setup:
            raise SetupClosedError
        now = self._now()
        self._throttle.admit(address, None, now)
        expected = self._home.setup_code()
        if expected is None and not self.needs_setup:
            raise SetupClosedError  # Somebody else was at it at the same time, and has spent the code.
        if expected is None or not hmac.compare_digest(code.encode("utf-8", "replace"), expected.encode()):
            if not self.needs_setup:
                raise SetupClosedError  # Whoever was first has just spent the code.
            with self._people.change() as change:
                change.record(self._now(), "", "set_up_refused", "", {"why": "wrong code"}, address)
            raise WrongCodeError
        self._throttle.settle(address, None, now)
        self._passwords.check(password, checked_username(username))
        digest, now = self._passwords.hash(password), self._now()
        user = User(secrets.token_hex(8), username, Role.ADMIN, digest, now)
        with self._people.change() as change:
            if change.has_users():
                raise SetupClosedError  # Somebody else was at it at the same time.
            change.add_user(user)
            granted = self._open(change, user, "set_up", address, now)
        self._home.spend_setup_code()
        return granted

    def sign_in(self, username: str, password: str, address: str) -> Granted:
        """Open a session.

        Raises:
            CredentialsRefusedError: unknown, wrong or disabled, in the same words and time; ThrottledError.
        """
        user = self._people.named(username) if is_username(username) else None
        account = account_key(username, address, self._known_addresses(user))
        now = self._now()
        self._throttle.admit(address, account, now)
        right = self._passwords.verify(user.password_hash if user else None, password)
        if user is None or not right or user.disabled:
            self._refuse("sign_in_refused", username if is_username(username) else _NOT_A_NAME, address)
        fresh = self._passwords.hash(password) if self._passwords.outdated(user.password_hash) else None
        with self._people.change() as change:
            _unchanged(change, user)
            if fresh is not None:
                change.set_password(user.id, fresh)
            granted = self._open(change, user, "sign_in", address, self._now())
        self._throttle.settle(address, account, now)
        return granted

    def refresh(self, refresh_token: str, address: str) -> Granted:
        """Another access token and another refresh token for a session; the one given is spent.

        One that was spent before shows that two have it, and one of them is a thief: the session ends.

        Raises:
            CredentialsRefusedError: it is unknown, spent, or its session has ended.
        """
        digest = _digest(refresh_token)
        if digest is None or not self._people.knows_refresh(digest):
            raise CredentialsRefusedError  # No guess at a token gets to hold up those who write.
        now, granted, ended = self._now(), None, []
        with self._people.change() as change:
            session, spent_at = change.session_of(digest) or (None, None)
            user = None if session is None else change.user(session.user_id)
            if session is not None and user is not None and not user.disabled and _is_live(session, now):
                if spent_at is None:
                    granted = self._rotate(change, user, session, digest, now)
                # Two tabs of one browser refresh at once with the one cookie that they share; the second is no thief,
                # and finds the first one's new cookie when it tries again.
                elif now - spent_at > TWO_TABS_MS:
                    change.record(now, user.username, "refresh_reused", session.id, {}, address)
                    ended = self._end(change, [session], "", "a spent refresh token was presented", now, address)
        self._tell(ended)
        if granted is None:
            raise CredentialsRefusedError
        return granted

    def sign_out(self, session_id: str, who: str) -> None:
        """End one's own session; one that has ended stays as it is.

        Raises:
            InvalidValueError: there is no such session.
        """
        with self._people.change() as change:
            session = _existing(change, session_id)
            ended = change.revoke(session.id, self._now(), "signed out")
            if ended:
                change.record(self._now(), who, "sign_out", session.id, {}, "")
        self._tell([session_id] if ended else [])

    def revoke(self, session_id: str, who: str, why: str) -> None:
        """End a session; one that has ended stays as it is.

        Raises:
            InvalidValueError: there is no such session.
        """
        with self._people.change() as change:
            ended = self._end(change, [_existing(change, session_id)], who, why, self._now())
        self._tell(ended)

    def sign_out_everywhere(self, username: str, who: str) -> int:
        """End every session of a user; how many there were.

        Raises:
            InvalidValueError: there is no such user.
        """
        user = self._user_named(username)
        with self._people.change() as change:
            change.record(self._now(), who, "signed_out_everywhere", user.username, {}, "")
            ended = self._end(change, change.sessions(user.id), who, "signed out everywhere", self._now())
        self._tell(ended)
        return len(ended)

    def sessions(self, user_id: str) -> list[UserSession]:
        """A user's sessions that have not ended, newest first."""
        now = self._now()
        return [s for s in self._people.sessions(user_id) if _is_live(s, now)]

    def users(self) -> list[User]:
        """Everybody, oldest first."""
        return self._people.users()

    def change_password(self, user_id: str, old: str, new: str, address: str, session_id: str | None = None) -> None:
        """Give a user another password and end all their sessions but *session_id*, the one that asks.

        Raises:
            CredentialsRefusedError: the old one is wrong; ThrottledError.
            InvalidValueError: the new one could be guessed.
        """
        user = self._people.user(user_id)
        if user is None:
            raise CredentialsRefusedError
        account = account_key(user.username, address, self._known_addresses(user))
        now = self._now()
        self._throttle.admit(address, account, now)
        if not self._passwords.verify(user.password_hash, old) or user.disabled:
            self._refuse("password_change_refused", user.username, address)
        self._throttle.settle(address, account, now)
        self._replace_password(user, new, user.username, "password_changed", address, session_id)

    def reset_password(self, username: str, new: str, who: str) -> None:
        """Give a user another password without the old one, end all their sessions, and forget their failures.

        Raises:
            InvalidValueError: there is no such user, or the new password could be guessed.
        """
        user = self._user_named(username)
        self._replace_password(user, new, who, "password_reset", "", None)
        self._throttle.forget(user.username, self._known_addresses(user))

    def authenticate(self, access_token: str) -> Identity:
        """Who carries an access token.

        Raises:
            TokenRefusedError: it does not count, and why.
        """
        return self._tokens.verify(access_token)

    def _open(self, change: PeopleChange, user: User, action: str, address: str, now: int) -> Granted:
        token = secrets.token_urlsafe(32)
        session = UserSession(secrets.token_hex(16), user.id, now, now, now + LONGEST_MS, address)
        change.open_session(session, _hashed(token))
        change.record(now, user.username, action, user.username, {"session": session.id}, address)
        return self._grant(user, session, token, now)

    def _rotate(self, change: PeopleChange, user: User, session: UserSession, digest: str, now: int) -> Granted:
        token = secrets.token_urlsafe(32)
        change.rotate(session.id, digest, _hashed(token), now)
        return self._grant(user, session, token, now)

    def _grant(self, user: User, session: UserSession, refresh_token: str, now: int) -> Granted:
        ends = min(now // 1000 + LIFETIME_S, session.expires_at // 1000)
        identity = Identity(user.id, user.username, user.role, session.id, ends * 1000)
        return Granted(self._tokens.issue(identity), ends - now // 1000, refresh_token, identity)

    def _refuse(self, action: str, subject: str, address: str) -> NoReturn:
        with self._people.change() as change:
            change.record(self._now(), "", action, subject, {}, address)
        raise CredentialsRefusedError

    def _replace_password(self, user: User, new: str, who: str, action: str, address: str, kept: str | None) -> None:
        self._passwords.check(new, user.username)
        digest, now = self._passwords.hash(new), self._now()
        with self._people.change() as change:
            _unchanged(change, user)
            change.set_password(user.id, digest)
            change.record(now, who, action, user.username, {}, address)
            others = [s for s in change.sessions(user.id) if s.id != kept]
            ended = self._end(change, others, who, "the password was changed", now, address)
        self._tell(ended)

    def _end(
        self, change: PeopleChange, sessions: Iterable[UserSession], who: str, why: str, now: int, address: str = ""
    ) -> list[str]:
        """Revoke sessions; the ids of those that were still open."""
        ended = [s.id for s in sessions if _is_live(s, now) and change.revoke(s.id, now, why)]
        for session_id in ended:
            change.record(now, who, "session_revoked", session_id, {"why": why}, address)
        return ended

    def _tell(self, ended: list[str]) -> None:
        """What has been written that sessions ended: their tokens, then whoever wants to know."""
        for session_id in ended:
            self._tokens.revoke(session_id)
        for session_id in ended:
            for listener in self.on_revoked:
                listener(session_id)

    def _known_addresses(self, user: User | None) -> frozenset[str]:
        # Asked of nobody too, so that it takes as long.
        return frozenset(network(s.address) for s in self._people.sessions(user.id if user else ""))

    def _user_named(self, username: str) -> User:
        user = self._people.named(username)
        if user is None:
            names = ", ".join(u.username for u in self._people.users())
            raise InvalidValueError("username", username, names or "none; nobody has been set up yet")
        return user


def _unchanged(change: PeopleChange, user: User) -> None:
    """Make sure that a user is what they were when their password was verified, a tenth of a second ago."""
    if change.user(user.id) != user:
        raise CredentialsRefusedError


def _existing(change: PeopleChange, session_id: str) -> UserSession:
    session = change.session(session_id)
    if session is None:
        raise InvalidValueError("session", session_id, "the id of one that exists")
    return session


def _is_live(session: UserSession, now: int) -> bool:
    return session.revoked_at is None and now < min(session.expires_at, session.last_used_at + IDLE_MS)


def _digest(refresh_token: str) -> str | None:
    """What is kept of a refresh token; None for what cannot be one."""
    return _hashed(refresh_token) if _REFRESH.fullmatch(refresh_token) else None


def _hashed(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode()).hexdigest()

"""Access tokens: JSON Web Tokens of one algorithm, signed with keys that change, ended with their session."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jwt
from jwt.types import Options

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.people import Identity, Role, TokenRefusedError
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.home import SigningKey

LIFETIME_S = 900
ISSUER = AUDIENCE = "cryptopilot"
LONGEST = 4096
"""Characters; ours have some 400."""

REMEMBERED = 1024
"""Verified tokens kept at hand, the least recently used leaving first."""

_ALGORITHM = "HS256"
_CLAIMS = ("iss", "aud", "sub", "sid", "role", "name", "iat", "nbf", "exp", "jti")
_CLOCK_STEP_S = 30
"""How far the wall clock may be set back without refusing what was issued just before."""

_OPTIONS: Options = {
    "require": list(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False,
}  # fmt: skip
"""Times are judged here, by the injected clock; the library reads the system's."""


class KeyRing:
    """The newest key signs; one before it verifies for one token's lifetime after it was replaced.

    Args:
        keys: oldest first.
    Raises:
        InvalidValueError: there is none, or the newest is not known.
    """

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        if not keys or keys[-1].key is None:
            raise InvalidValueError("signing keys", [k.kid for k in keys], "at least one, and the newest one known")
        self.kid, self.key = keys[-1].kid, keys[-1].key
        ends = [newer.since + LIFETIME_S * 1000 for newer in keys[1:]]
        self._keys = {k.kid: (k.key, end) for k, end in zip(keys, [*ends, None], strict=True) if k.key is not None}

    def find(self, kid: object, now: int) -> tuple[str, int | None]:
        """A key that counts now, and when it ends: None for the newest.

        Raises:
            TokenRefusedError: it is unknown, or was replaced too long ago.
        """
        key, end = self._keys.get(kid, ("", 0)) if isinstance(kid, str) else ("", 0)
        if end is not None and end <= now:
            raise TokenRefusedError("unknown key")
        return key, end


class Tokens:
    """Issues and verifies, from any thread.

    Args:
        now: wall time in ms UTC; revoked: sessions whose tokens could still live, with when they were revoked.
    """

    def __init__(
        self, ring: KeyRing, revoked: Iterable[tuple[str, int]] = (), now: Callable[[], int] = wall_ms
    ) -> None:
        self._ring, self._now = ring, now
        self._lock = threading.Lock()
        self._verified: OrderedDict[bytes, tuple[Identity, int]] = OrderedDict()
        self._revoked = {session_id: at + LIFETIME_S * 1000 for session_id, at in revoked}

    def issue(self, identity: Identity) -> str:
        """A token that says *identity*; it counts until the identity's `expires_at`, in whole seconds."""
        now = self._now() // 1000
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": identity.user_id, "sid": identity.session_id,
            "role": identity.role.value, "name": identity.username, "iat": now, "nbf": now,
            "exp": identity.expires_at // 1000, "jti": secrets.token_hex(16),
        }  # fmt: skip
        return jwt.encode(claims, self._ring.key, _ALGORITHM, {"kid": self._ring.kid})

    def verify(self, token: str) -> Identity:
        """Who carries *token*.

        Raises:
            TokenRefusedError: it does not count (any more), and why.
        """
        if not token.isascii() or len(token) > LONGEST:
            raise TokenRefusedError("malformed")
        digest, now = hashlib.sha256(token.encode()).digest(), self._now()
        with self._lock:
            known = self._verified.get(digest)
            if known is not None:
                self._verified.move_to_end(digest)
        identity, until = known or self._read(token, now)
        if until <= now:
            raise TokenRefusedError("expired")
        with self._lock:
            if identity.session_id in self._revoked:
                raise TokenRefusedError("revoked")
            if known is None:
                self._remember(digest, identity, until)
        return identity

    def revoke(self, session_id: str) -> None:
        """Let no token of a session count any more."""
        now = self._now()
        with self._lock:
            self._revoked = {s: until for s, until in self._revoked.items() if until > now}
            self._revoked[session_id] = now + LIFETIME_S * 1000
            for digest in [d for d, (i, _) in self._verified.items() if i.session_id == session_id]:
                del self._verified[digest]

    def _remember(self, digest: bytes, identity: Identity, until: int) -> None:
        self._verified[digest] = (identity, until)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)

    def _read(self, token: str, now: int) -> tuple[Identity, int]:
        """Who a token names, and until when it counts."""
        key, end = self._ring.find(_header(token)["kid"], now)
        identity = _identity(_claims(token, key), now)
        return identity, identity.expires_at if end is None else min(identity.expires_at, end)


def _header(token: str) -> Mapping[str, Any]:
    """The header, once it says what ours say: nothing in it is let choose how a token is verified."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenRefusedError("malformed") from error
    if header.get("alg") != _ALGORITHM:
        raise TokenRefusedError("wrong algorithm")
    if header.get("typ") != "JWT" or set(header) != {"alg", "typ", "kid"}:
        raise TokenRefusedError("malformed")
    return header


def _claims(token: str, key: str) -> Mapping[str, Any]:
    """The claims, once the signature, issuer and audience are ours and none is missing."""
    try:
        return jwt.decode(token, key, [_ALGORITHM], _OPTIONS, audience=AUDIENCE, issuer=ISSUER)
    except jwt.InvalidSignatureError as error:
        raise TokenRefusedError("wrong signature") from error
    except jwt.InvalidAudienceError as error:
        raise TokenRefusedError("wrong audience") from error
    except jwt.InvalidIssuerError as error:
        raise TokenRefusedError("wrong issuer") from error
    except jwt.MissingRequiredClaimError as error:
        raise TokenRefusedError(f"claim {error.claim} is missing") from error
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenRefusedError("malformed") from error


def _identity(claims: Mapping[str, Any], now: int) -> Identity:
    """Who the claims name, once their times and kinds are right; when they expired is judged by who asks."""
    times, texts = [claims[n] for n in ("iat", "nbf", "exp")], [claims[n] for n in ("sub", "sid", "name", "jti")]
    if any(type(t) is not int for t in times) or any(not isinstance(t, str) or not t for t in texts):
        raise TokenRefusedError("malformed")
    if claims["role"] not in tuple(Role):
        raise TokenRefusedError("unknown role")
    issued, begins, ends = times
    if max(issued, begins) > now // 1000 + _CLOCK_STEP_S:
        raise TokenRefusedError("not yet valid")
    if ends - issued > LIFETIME_S:
        raise TokenRefusedError("too long a lifetime")
    return Identity(claims["sub"], claims["name"], Role(claims["role"]), claims["sid"], ends * 1000)

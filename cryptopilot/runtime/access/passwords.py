"""Passwords: which are good enough, and Argon2id hashes of them."""

import base64
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cryptopilot.domain.errors import InvalidValueError

LEAST, MOST = 12, 128
AT_ONCE = 2
"""Hashes at a time: each takes 64 MiB, and a flood of attempts must not take the memory from under the trading."""

_GUESSED = 72
"""Characters that zxcvbn looks at; its time grows faster than their number."""

_GOOD_ENOUGH = 3
"""zxcvbn's score from 0 to 4; 3 is ten thousand million guesses, behind a throttle and a slow hash."""

_zxcvbn_alone = threading.Lock()


class Passwords:
    """Judges, hashes and verifies.

    Args:
        hasher: with the library's parameters (RFC 9106, low memory) unless a test wants cheaper ones.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys = _unmatched(self._hasher)

    def check(self, password: str, username: str) -> None:
        """Refuse a password that is too short, cannot be typed again, or could be guessed.

        Raises:
            InvalidValueError: says what is allowed, not what was given.
        """
        plain = _normal(password)
        if not LEAST <= len(plain) <= MOST:
            raise InvalidValueError("password", "***", f"{LEAST} to {MOST} characters")
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in plain):
            raise InvalidValueError("password", "***", "characters that can be typed; no NUL or other control")
        if plain.casefold() == username.casefold() or _score(plain[:_GUESSED], username) < _GOOD_ENOUGH:
            raise InvalidValueError(
                "password", "***", "one that is not on lists or easily guessed, such as four unrelated words"
            )

    def hash(self, password: str) -> str:
        """The Argon2id hash, with its parameters and salt."""
        with self._slots:
            return self._hasher.hash(_bytes(password))

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether *kept* is the hash of *password*; never for None, at the same cost: nobody learns who exists."""
        with self._slots:
            try:
                return self._hasher.verify(kept or self._nobodys, _bytes(password)) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)


def _unmatched(hasher: PasswordHasher) -> str:
    """A hash with the hasher's parameters that no password is known for, made without the cost of hashing."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${digest}"


def _normal(password: str) -> str:
    """One form for what keyboards and systems spell in several (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    # JSON can bring halves of characters; no password has them, but a wrong one must fail like any other.
    return _normal(password)[: MOST + 1].encode("utf-8", "surrogatepass")


def _score(password: str, username: str) -> int:
    from zxcvbn import zxcvbn  # noqa: PLC0415  # Word lists that only a new password needs.

    with _zxcvbn_alone:  # It keeps the user's own words in a list of the module.
        return int(zxcvbn(password, user_inputs=[username, "cryptopilot"])["score"])

"""The home of an installation: its folder, its one writer, its secrets."""

import fcntl
import hashlib
import json
import os
import secrets
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from cryptopilot.domain.errors import HomeTakenError, InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms

LEAST_SECRET = 32
KEPT_KEYS = 3
"""Signing keys that stay: the newest, and those that a token of the last minutes may still be signed with."""

_SAMPLES = ("test", "abcdef", "example", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7")
"""How secrets of manuals begin; the long one is in the tutorial of FastAPI."""

_SAMPLE_WORDS = (
    "secret changeme changethis replaceme replacethis password passphrase insecure example yourkey jwtkey signingkey "
    "somethingrandom randomstring keyboardcat placeholder development production tobechanged default letmein qwerty "
    "deadbeef cryptopilot"
).split()
"""Words that no random text of this length holds, but for one in millions."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs tokens, or did.

    Args:
        kid: what tokens call it, from its hash; key: None when it came from the environment, is not the newest any
        more and so is known to nobody; since: wall time in ms UTC from which on it was the newest.
    """

    kid: str
    key: str | None = field(repr=False)
    since: int


class Home:
    """The folder, made when absent, for its owner alone (0700)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir() and path.stat().st_mode & 0o077 and not _ours(path):
            raise InvalidValueError(
                "CRYPTOPILOT_HOME",
                str(path),
                "a folder of its own: a new one, an empty one, or one used as home before",
            )
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidValueError(
                "CRYPTOPILOT_HOME", str(path), f"a folder that can be written ({error.strerror})"
            ) from error
        path.chmod(0o700)
        self._lock: IO[str] | None = None

    def take(self, purpose: str) -> None:
        """Become the one writer of this home, until the process ends or `leave` is called.

        Raises:
            HomeTakenError: another process is; names it.
        """
        lock = (self.path / "writer.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise HomeTakenError(self.path, holder) from error
        lock.truncate(0)
        lock.write(f"{purpose} (process {os.getpid()} on {os.uname().nodename}, since {iso(wall_ms() // 1000 * 1000)})")
        lock.flush()
        self._lock = lock

    def leave(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def holder(self) -> str | None:
        """Who writes here now; None when nobody does."""
        path = self.path / "writer.lock"
        if self._lock is not None or not path.exists():
            return None
        with path.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return lock.read().strip()
        return None

    def jwt_secret(self, given: str | None) -> str:
        """The key that signs tokens: the given one, else one generated at the first start.

        Raises:
            InvalidValueError: it is short, a sample, or hardly random.
        """
        return str(self.signing_keys(given)[-1].key)

    def signing_keys(self, given: str | None) -> tuple[SigningKey, ...]:
        """The signing keys, oldest first; the newest is *given*, else one of the home's own.

        Of a given key only its name and since when it has been the newest are written down: a restart must not let
        the keys before it count anew.

        Raises:
            InvalidValueError: the given key is short, a sample, or hardly random; others can read the stored ones.
        """
        if given is not None:
            check_secret("JWT_SECRET_KEY", given)
        keys = self._stored_keys()
        if given is not None and (not keys or keys[-1].kid != _kid(given)):
            keys = self._keep_keys([*keys, SigningKey(_kid(given), None, wall_ms())])
        elif given is None and (not keys or keys[-1].key is None):
            keys = self._keep_keys([*keys, _new_key()])
        return tuple(SigningKey(k.kid, given, k.since) if given and k.kid == _kid(given) else k for k in keys)

    def rotate_signing_key(self) -> str:
        """Put a new key in front of the home's own, and say its name."""
        return self._keep_keys([*self._stored_keys(), _new_key()])[-1].kid

    def check(self, given: str | None) -> None:
        """Look at the secrets without making any.

        Raises:
            InvalidValueError: a given key could be guessed, or others can read the stored ones.
        """
        if given is not None:
            check_secret("JWT_SECRET_KEY", given)
        self._secrets()

    def prepare_secrets(self) -> None:
        """Generate what the first start needs: the one-time set-up code, then the signing key that marks it as made.

        A home of an earlier version has its one key become the first of its signing keys.
        """
        if not self._secrets():
            self.renew_setup_code()
            self._keep_keys([_new_key()])
        elif "signing_keys" not in self._secrets():
            self._keep_keys(self._stored_keys())

    def setup_code(self) -> str | None:
        """The one-time code of the first sign-in; None once it is used."""
        path = self.path / "setup-code"
        return path.read_text().strip() if path.exists() else None

    def renew_setup_code(self) -> None:
        """Make a one-time code, in place of any."""
        self._write("setup-code", secrets.token_hex(8) + "\n")

    def spend_setup_code(self) -> None:
        """Remove the one-time code: there is a user now."""
        (self.path / "setup-code").unlink(missing_ok=True)

    def _stored_keys(self) -> list[SigningKey]:
        stored = self._secrets()
        if "signing_keys" not in stored and "jwt_secret_key" in stored:
            key = str(stored["jwt_secret_key"])
            return [SigningKey(_kid(key), key, wall_ms())]
        return [SigningKey(k["kid"], k["key"], k["since"]) for k in stored.get("signing_keys", ())]

    def _keep_keys(self, keys: list[SigningKey]) -> list[SigningKey]:
        kept = keys[-KEPT_KEYS:]
        rest = {name: value for name, value in self._secrets().items() if name != "jwt_secret_key"}
        rows = [{"kid": k.kid, "key": k.key, "since": k.since} for k in kept]
        self._write("secrets.json", json.dumps(rest | {"signing_keys": rows}))
        return kept

    def _secrets(self) -> dict[str, Any]:
        path = self.path / "secrets.json"
        if not path.exists():
            return {}
        if path.stat().st_mode & 0o077:
            raise InvalidValueError(
                str(path), oct(path.stat().st_mode & 0o777), "mode 0600: readable by its owner alone"
            )
        stored: dict[str, Any] = json.loads(path.read_text())
        return stored

    def _write(self, name: str, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        path, draft = self.path / name, self.path / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)


def check_secret(name: str, value: str) -> None:
    """Refuse a secret that others could guess.

    Raises:
        InvalidValueError: it is too short, a known sample, or made of too few different characters.
    """
    allowed = (
        f"at least {LEAST_SECRET} random characters; "
        "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    )
    plain = value.lower()
    letters = "".join(c for c in plain if c.isalnum())
    known = any(plain.startswith(s) for s in _SAMPLES) or any(word in letters for word in _SAMPLE_WORDS)
    if len(value) < LEAST_SECRET or len(set(value)) < 10 or known or _repeats(value) or _runs(value):
        raise InvalidValueError(name, "***", allowed)


def _repeats(text: str) -> bool:
    """Whether more than a quarter of all triples of characters come again; of random ones, hardly any does."""
    triples = [text[n : n + 3] for n in range(len(text) - 2)]
    return len(set(triples)) < 0.75 * len(triples)


def _runs(text: str) -> bool:
    """Whether every second character is the neighbour of the one before it, as in abcdefg."""
    steps = [abs(ord(b) - ord(a)) <= 1 for a, b in pairwise(text)]
    return sum(steps) > 0.5 * len(steps)


def _new_key() -> SigningKey:
    key = secrets.token_urlsafe(48)
    return SigningKey(_kid(key), key, wall_ms())


def _kid(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _ours(path: Path) -> bool:
    """Whether a folder is empty or has been a home before, so that closing it to others surprises nobody."""
    names = {entry.name for entry in path.iterdir()}
    return not names or bool(names & {"cryptopilot.db", "secrets.json", "writer.lock", "candles", "kernels", "studies"})


def describe_process() -> str:
    """What this process calls itself towards a second one."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:120] or "python"

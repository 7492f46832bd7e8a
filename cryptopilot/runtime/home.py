"""The home of an installation: its folder, its one writer, its secrets."""

import fcntl
import json
import os
import secrets
import sys
from pathlib import Path
from typing import IO, Any

from cryptopilot.domain.errors import HomeTakenError, InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import wall_ms

_SAMPLES = ("secret", "changeme", "change-me", "password", "your-secret-key", "jwt_secret", "example", "test")
LEAST_SECRET = 32


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
        if given is not None:
            check_secret("JWT_SECRET_KEY", given)
            return given
        return str(self._secrets()["jwt_secret_key"])

    def check(self, given: str | None) -> None:
        """Look at the secrets without making any.

        Raises:
            InvalidValueError: a given key could be guessed, or others can read the stored ones.
        """
        if given is not None:
            check_secret("JWT_SECRET_KEY", given)
        self._secrets()

    def prepare_secrets(self) -> None:
        """Generate what the first start needs: the one-time set-up code, then the signing key that marks it as made."""
        stored = self._secrets()
        if "jwt_secret_key" not in stored:
            self._write("setup-code", secrets.token_hex(8) + "\n")
            stored["jwt_secret_key"] = secrets.token_urlsafe(48)
            self._write("secrets.json", json.dumps(stored))

    def setup_code(self) -> str | None:
        """The one-time code of the first sign-in; None once it is used."""
        path = self.path / "setup-code"
        return path.read_text().strip() if path.exists() else None

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
    if len(value) < LEAST_SECRET or len(set(value)) < 10 or any(plain.startswith(s) for s in _SAMPLES):
        raise InvalidValueError(name, "***", allowed)


def _ours(path: Path) -> bool:
    """Whether a folder is empty or has been a home before, so that closing it to others surprises nobody."""
    names = {entry.name for entry in path.iterdir()}
    return not names or bool(names & {"cryptopilot.db", "secrets.json", "writer.lock", "candles"})


def describe_process() -> str:
    """What this process calls itself towards a second one."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:120] or "python"

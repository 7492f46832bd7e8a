"""Access on a home of a test's own, by a clock that stands until it is moved, with hashes that cost nothing."""

from dataclasses import dataclass, field
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Engine

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.domain.people import Granted
from cryptopilot.runtime.access.opening import Access, open_access
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.access.sign_in import SignIn
from cryptopilot.runtime.home import Home

NOW = 1_800_000_000_000
PASSWORD = "marigold kettle thunder"  # noqa: S105  # Of nobody.
HERE, THERE = "192.0.2.1", "198.51.100.7"


@dataclass
class HandClock:
    """Wall time that a test moves."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


def cheap_passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass
class Lodge:
    """A home with a door; `restart` opens it as the next process would."""

    path: Path
    clock: HandClock = field(default_factory=HandClock)
    secret: str | None = None

    def __post_init__(self) -> None:
        self.home = Home(self.path)
        self.home.prepare_secrets()
        self.engine: Engine = open_database(f"sqlite:///{self.path / 'cryptopilot.db'}")
        self.access = self._open()

    def _open(self) -> Access:
        return open_access(self.home, self.engine, self.secret, passwords=cheap_passwords(), now=self.clock)

    @property
    def door(self) -> SignIn:
        return self.access.sign_in

    def restart(self) -> None:
        self.engine.dispose()
        self.access = self._open()

    def set_up(self, username: str = "Ada", password: str = PASSWORD) -> Granted:
        """The first user, from HERE."""
        return self.door.set_up(str(self.home.setup_code()), username, password, HERE)

    def actions(self) -> list[str]:
        """What the audit trail tells, oldest first."""
        return [e.action for e in reversed(self.access.audit.entries(1000))]

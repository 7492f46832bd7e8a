"""Where facts go while the journal is away."""

from collections.abc import Sequence
from typing import Protocol

from cryptopilot.ports.journal import Batch


class Spill(Protocol):
    """A small durable queue of batches of book events, kept apart from the database."""

    def append(self, batch: Batch) -> None:
        """Keep the events of *batch* durably; predictions and the like are not facts and are left out."""

    def batches(self) -> Sequence[Batch]:
        """What is waiting, oldest first."""

    def clear(self) -> None:
        """Everything waiting has reached the journal."""

"""Many hands for one kind of work: where tasks run that do not depend on each other.

A task is a picklable value that says what to do; whoever does it opens the data by itself and keeps it for the next
task. The same tasks give the same results in this process, in others, and on other machines.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """What a task came to."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True)
class Failed(Generic[Task]):
    """A task that has no result.

    Args:
        why: what it raised, or how the workers ended that had it; one line for people.
        died: whether workers ended over it. They did so twice: a task is tried again once.
    """

    task: Task
    why: str
    died: bool = False


class Pool(Protocol):
    """Where tasks run."""

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[Done[Task, Result] | Failed[Task]]:
        """Every task's outcome, as they come: in any order, each once.

        A failure is an outcome, not an error: the other tasks go on. A task is drawn from *tasks* when there is a
        worker for it, and not before. Closing the iterator ends what still runs.

        Args:
            function: a function of a module, or a `functools.partial` of one: it is sent by its name.
        Raises:
            PoolUnavailableError: there is nobody left to do it.
        """

"""Tasks in this very process, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cryptopilot.adapters.pools.attempt import attempt
from cryptopilot.ports.pool import Done, Failed

Task = TypeVar("Task")
Result = TypeVar("Result")


class Here:
    """No other worker than the caller."""

    workers = 1

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[Done[Task, Result] | Failed[Task]]:
        for task in tasks:
            result, why = attempt(function, task)
            yield Failed(task, why) if why is not None else Done(task, result)  # type: ignore[arg-type]

"""One attempt at a task, as every pool makes it, on whichever side of a wire."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from cryptopilot.domain.errors import CryptoPilotError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Answer(NamedTuple, Generic[Result]):
    """A result, or why there is none."""

    result: Result | None
    why: str | None = None


def attempt(function: Callable[[Task], Result], task: Task) -> Answer[Result]:
    """Do *task*; whatever it raises is an answer too, so that one bad task stops no other."""
    try:
        return Answer(function(task))
    except Exception as error:  # The outermost loop of a worker: what it caught is told by name.
        return Answer(None, words(error))


def words(error: BaseException) -> str:
    """An error in one line: ours speak for themselves, others are named by their kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CryptoPilotError) else f"{type(error).__name__}: {text}"

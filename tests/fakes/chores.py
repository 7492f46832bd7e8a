"""Tasks for pools: top-level functions, because a task's function is sent by its name."""

import math
import os
import signal
from pathlib import Path

from cryptopilot.domain.errors import InvalidValueError

BROKEN, DEADLY, ODD = -1, -2, -3


def root(number: int) -> float:
    """A result, or one of the ways to have none."""
    if number == DEADLY:
        os._exit(7)
    if number == BROKEN:
        raise InvalidValueError("number", number, "0 or more")
    if number == ODD:
        raise ZeroDivisionError("several\nlines")
    return math.sqrt(number)


def dies_once(mark: Path) -> str:
    """Ends its worker the first time, and answers the second time."""
    if mark.exists():
        return "second"
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def who(_: int) -> int:
    return os.getpid()


def hears(_: int) -> bool:
    """Whether Ctrl-C would interrupt this process."""
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def code() -> str:
    """Which code this is."""
    return "the same everywhere"


def code_of_this_process() -> str:
    """Another code in every process."""
    return str(os.getpid())

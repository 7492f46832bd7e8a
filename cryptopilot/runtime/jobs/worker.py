"""What every worker does first: step back, bound itself, and see to it that it ends with the server."""

import os
import resource
import threading
from typing import BinaryIO

from cryptopilot.runtime.jobs.errand import Limits

NICENESS = 15
ORPHANED = 3
"""The exit code of a worker whose server has gone."""


def settle(limits: Limits) -> tuple[bytes, BinaryIO]:
    """Become a worker; the line that the server sent, and where to answer.

    Answers have a descriptor of their own: whatever else this process prints, a strategy's own words among it, goes to
    the error output, which is a file.
    """
    os.nice(NICENESS)
    os.umask(0o077)
    _bound(resource.RLIMIT_AS, limits.memory)
    _bound(resource.RLIMIT_FSIZE, limits.file)
    _bound(resource.RLIMIT_CORE, 0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    errand = _line()
    threading.Thread(target=_end_with_server, name="leash", daemon=True).start()
    return errand, answers


def _bound(kind: int, most: int) -> None:
    """A bound that is tighter already stays."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _line() -> bytes:
    """The first line of the input, read by the byte: what Python buffers would be held by the leash at the end."""
    parts = []
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        parts.append(byte)
    return b"".join(parts)


def _end_with_server() -> None:
    """The server holds the other end of our input; when it is gone, however it went, there is nobody to work for."""
    while os.read(0, 1024):
        pass
    os._exit(ORPHANED)

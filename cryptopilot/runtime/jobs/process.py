"""A worker as the server sees it: a child process that is listened to, and ended together with all it has started."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from cryptopilot.engine.clock import stopwatch_ms
from cryptopilot.runtime.jobs.errand import LOG, Line
from cryptopilot.runtime.settings import environment_of_workers

LONGEST_LINE = 64 * 1024
_LAST_WORDS_MS = 2000.0
"""How long a worker may take to end once it has closed its output."""


class Process:
    """One worker, from its start on. Its folder is its working directory, and holds what it writes.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, module: str, errand: bytes, folder: Path) -> None:
        for place in (folder.parent, folder):
            place.mkdir(mode=0o700, exist_ok=True)
        log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # A session of its own: Ctrl-C in the server's terminal is the server's affair. -P: nothing is imported
            # from its folder. No pid is kept anywhere, so nobody can be ended by mistake later.
            self._child = subprocess.Popen(  # noqa: S603  # Our own interpreter and module.
                [sys.executable, "-P", "-m", module], cwd=folder, env=environment_of_workers(), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(log)
        self._ending = threading.Lock()
        self._over = False
        self._tell(errand)

    @property
    def pid(self) -> int:
        return self._child.pid

    def listen(self, told: Callable[[Line], None], seconds: float) -> Line:
        """Hear it to its end, *told* of its progress; its last word, with figures or a problem.

        Args:
            seconds: after which it is ended.
        """
        assert self._child.stdout is not None
        late = threading.Event()
        timer = threading.Timer(seconds, self._too_late, (late,))
        timer.daemon = True
        timer.start()
        last = None
        try:
            while text := self._child.stdout.readline(LONGEST_LINE):
                line = _understood(text)
                if line is None:
                    last = Line(problem="what it said is no progress and no result")
                    break
                if line.figures is not None or line.problem is not None:
                    last = line
                    break
                told(line)
        finally:
            timer.cancel()
            code = self._end()
        if late.is_set():
            return Line(problem=f"it took longer than a backtest may: {seconds:.0f} s")
        return last or Line(problem=_of_code(code))

    def kill(self) -> None:
        """End it, and whatever it has started, now. `listen` returns then."""
        with self._ending:
            if not self._over:  # It has not been waited for, so its number is nobody else's yet.
                os.killpg(self._child.pid, signal.SIGKILL)

    def _too_late(self, late: threading.Event) -> None:
        late.set()
        self.kill()

    def _end(self) -> int:
        """See it gone; its exit code."""
        with self._ending:
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            with suppress(BrokenPipeError):
                self._child.stdin.close()  # Its leash, for one that has said its last word and goes on.
            patience = stopwatch_ms() + _LAST_WORDS_MS
            while not self._has_ended() and stopwatch_ms() < patience:
                time.sleep(0.005)
            with suppress(ProcessLookupError, PermissionError):  # What it has started, and it, if it lives.
                os.killpg(self._child.pid, signal.SIGKILL)
            self._over = True
            self._child.stdout.close()
            return self._child.wait()

    def _has_ended(self) -> bool:
        """Whether it has, without letting its number go to another process."""
        return os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _tell(self, errand: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(errand + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended already; `listen` finds out how.


def _understood(text: bytes) -> Line | None:
    try:
        line = msgspec.json.decode(text, type=Line)
    except (ValueError, RecursionError):
        return None
    return line if 0.0 <= line.progress <= 1.0 else None


def _of_code(code: int) -> str:
    if code < 0:
        return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
    return f"its process ended with code {code} and no result; the job's log in the home says why"

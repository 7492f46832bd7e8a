"""Compiling in the background: the first backtest of a new home would otherwise wait for it."""

import logging
import threading
from pathlib import Path

import msgspec

from cryptopilot.runtime.jobs.process import Process

log = logging.getLogger("trading_pipeline")

WORKER = "cryptopilot.runtime.jobs.warming"
LONGEST_S = 600.0
_FAREWELL_S = 5.0


class Warming:
    """A worker that fills a home's cache of kernels and ends by itself; `stop` ends it earlier."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._process: Process | None = None
        self._stopped = False
        self._listener = threading.Thread(target=self._listen, name="warming", daemon=True)

    def start(self) -> None:
        """Begin; a machine that starts no process has no backtests either, and says so when one is asked for."""
        try:
            self._process = Process(WORKER, msgspec.json.encode(str(self._home)), self._home / "kernels")
        except OSError as error:
            log.warning("kernels_not_warmed", extra={"error": str(error)})
            return
        self._listener.start()

    def stop(self) -> None:
        """End it, if it has not ended."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()
            self._listener.join(_FAREWELL_S)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; True when it has come."""
        self._listener.join(seconds)
        return not self._listener.is_alive()

    def _listen(self) -> None:
        assert self._process is not None
        last = self._process.listen(lambda _: None, LONGEST_S)
        if last.figures is not None:
            log.info("kernels_warm", extra=last.figures)
        elif not self._stopped:
            log.warning("kernels_not_warmed", extra={"error": str(last.problem)})

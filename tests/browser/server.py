"""The real server as its users start it: `python app.py`, on a free port, with a home of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
_OURS = ("DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "HOST", "PORT")
"""Settings of this machine's own pipeline, which is none of the tests' business."""


class Server:
    """One home and one port, which outlive the process: it may be killed and started again."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {"PIPELINE_SEED": "7", "PIPELINE_SPEED": "1200", **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def setup_code(self) -> str:
        """The one-time code, which also stands in the terminal."""
        return (self.home / "setup-code").read_text().strip()

    def start(self) -> None:
        """Return once it answers."""
        own = {"PORT": str(self.port), "CRYPTOPILOT_HOME": str(self.home), **self._environment}
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("PIPELINE_") and n not in _OURS}
        with (self.home.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env={**inherited, **own}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError((self.home.parent / "server.log").read_text()[-2000:])
            time.sleep(0.05)

    def make_user(self, username: str, password: str) -> None:
        """Make the first user, by the code."""
        body = {"code": self.setup_code, "username": username, "password": password}
        status = self._ask("POST", "/api/auth/setup", json.dumps(body))
        assert status == 201, status

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask the process to end, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE_S)
            self._process = None

    def _answers(self) -> bool:
        try:
            return self._ask("GET", "/health/live") == 200
        except (OSError, HTTPException):
            return False

    def _ask(self, method: str, path: str, body: str | None = None) -> int:
        """The status of one request."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)) as connection:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            return connection.getresponse().status


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

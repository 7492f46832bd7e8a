"""Hundreds listen and one of them never reads: is any instant late, does anybody else lose anything, does memory grow?

``python -m tests.crowd`` runs a whole server on the sandbox, two instants a wall second, with 499 listeners in
a process of their own and one that signs in, asks for every topic and then reads nothing (fault 58): it is gone
after twenty seconds, or as soon as too much waits for it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fakes.listener import not_reading
from tests.fakes.served import served, until

MOST_GROWTH_KB = 64 * 1024
"""What the process may grow by with 500 listeners: 128 kB each, and far less than what the deaf one was not sent."""


def crowd(sockets: int, seconds: float) -> dict[str, Any]:
    """Listen for a while, and say what came of it."""
    with tempfile.TemporaryDirectory() as home, served(Path(home) / "home", PIPELINE_SPEED="600") as server:
        server.service.run()
        before = _resident_kb()
        command = [sys.executable, "-m", "bench.listeners", str(server.port), str(sockets - 1), str(seconds)]
        environment = {**os.environ, "BENCH_TOKEN": server.token}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as listeners:
            with not_reading(server.port, server.token) as deaf:
                until(lambda: len(server.hub.clients) == sockets, 60)
                time.sleep(seconds / 2)
                growth = _resident_kb() - before
                until(lambda: deaf.getsockname()[1] not in server.connected_ports(), 60)
            told = json.loads(listeners.communicate()[0])
        decided, late = server.service.punctuality()
        return {
            "sockets": sockets, "alive": told["alive"], "megabytes": told["bytes"] >> 20,
            "instants": decided, "late": late, "growth_kb": growth,
        }  # fmt: skip


def _resident_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    found = crowd(options.sockets, options.seconds)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    whole = found["alive"] == options.sockets - 1
    return 0 if whole and found["late"] == 0 and found["growth_kb"] <= MOST_GROWTH_KB else 1


if __name__ == "__main__":
    sys.exit(main())

"""``python app.py`` from the first instruction to ready, and the most memory it took until then and a while after.

Wall time from the start of the process to the first 200 of /health/ready, asked every 10 ms; memory is VmHWM of
/proc/PID/status (Linux). First starts have an empty home: they make the database, the secrets and the history.
Second starts find the home of a session that has run. No peer is started here; a trading bot's imports alone take
2.3 CPU seconds and 290 MB in the widest used one, measured apart.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.measure import ROOT, Figure, report, scratch

STARTS = 5
AFTER_S = 6.0
"""How long the last start goes on: with the default sandbox an instant comes every five seconds."""

LONGEST_S = 60.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def highest_mb(process: int) -> float:
    """The most memory a process has had resident, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def is_ready(port: int) -> bool:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(asked), contextlib.suppress(OSError, http.client.HTTPException):
        asked.request("GET", "/health/ready")
        return asked.getresponse().status == 200
    return False


def start(home: Path, stay_s: float) -> tuple[float, float, float]:
    """Seconds to ready, MB at ready, MB after *stay_s* more seconds; then it is stopped."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIPELINE_")}
    environment |= {"PORT": str(port), "CRYPTOPILOT_HOME": str(home)}
    began = time.perf_counter()
    with (home.parent / "app.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > LONGEST_S:
                raise RuntimeError(f"app.py did not become ready:\n{(home.parent / 'app.log').read_text()[-2000:]}")
            time.sleep(0.01)
        took, memory = time.perf_counter() - began, highest_mb(process.pid)
        time.sleep(stay_s)
        return took, memory, highest_mb(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def main() -> None:
    first, again = [], []
    for number in range(STARTS):
        with scratch() as folder:
            last = number == STARTS - 1
            first.append(start(folder / "home", 0.0))
            again.append(start(folder / "home", AFTER_S if last else 0.0))
    took, memory = median(x[0] for x in first), median(x[1] for x in first)
    took_again = median(x[0] for x in again)
    figures = [
        Figure("python app.py to ready, new home", "s", took, "<= 2.5 s", took <= 2.5),
        Figure("python app.py to ready, home in use", "s", took_again, "<= 2.5 s", took_again <= 2.5),
        Figure("its memory at ready", "MB", memory, "<= 150 MB", memory <= 150.0),
        Figure(f"its memory {AFTER_S:.0f} s later", "MB", again[-1][2], "<= 150 MB", again[-1][2] <= 150.0),
    ]
    report("start", figures)
    slowest, largest = max(x[0] for x in first), max(x[1] for x in first)
    print(f"  of {STARTS} first starts, the slowest {slowest:.2f} s, the largest {largest:.0f} MB")


if __name__ == "__main__":
    main()

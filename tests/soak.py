"""Market time after market time on the sandbox, with random kills: what share of due instants was decided on time?

``python -m tests.soak --minutes 10 --speed 600`` runs ten wall minutes, which at that speed are a hundred market
hours, in processes that are killed at random and started again. A due instant is on time when it is decided before
the next one is due. Memory is read from each process's own status while it runs.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from cryptopilot.adapters.storage.database import connect
from cryptopilot.adapters.storage.schema import fills, trades
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.cli.doctor import verify_books
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

ON_TIME = 0.999
GROWTH = 1.10
"""How much the memory of one process may grow from its first tenth to its last."""


def live() -> None:
    """One process's life: trades until it is killed or told to stop, and reports once a second."""
    service = PipelineService(load_settings())
    service.open()
    service.start_pipeline()
    service.run()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while not service.wait(1.0):
            decided, late = service.punctuality()
            sys.stdout.write(f"{decided} {late} {_resident()}\n")
            sys.stdout.flush()
    finally:
        service.close()


def _resident() -> int:
    """This process's memory in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def soak(minutes: float, speed: float, seed: int) -> dict[str, Any]:
    """Run, kill, restart; then look at what was kept."""
    draw = random.Random(seed)
    decided = late = kills = 0
    growths: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "CRYPTOPILOT_HOME": home, "PIPELINE_SPEED": str(speed)}
        deadline = time.monotonic() + minutes * 60
        while (left := deadline - time.monotonic()) > 0:
            life = min(left, max(6.0, draw.expovariate(1 / (minutes * 60 / 6))))
            lines = _one_life(environment, life, kill=life < left)
            kills += life < left
            if lines:
                decided, late = decided + lines[-1][0], late + lines[-1][1]
                memory = [m for _, _, m in lines]
                if len(memory) >= 20:  # Shorter lives say nothing about growth.
                    tenth = len(memory) // 10
                    growths.append(max(memory[-tenth:]) / max(memory[tenth : 2 * tenth]))
        return {
            "wall_minutes": minutes, "speed": speed, "kills": kills, "instants_decided": decided, "late": late,
            "on_time": 1 - late / decided if decided else None, "memory_growth": max(growths, default=None),
            **_kept(home),
        }  # fmt: skip


def _one_life(environment: dict[str, str], seconds: float, *, kill: bool) -> list[tuple[int, int, int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.soak", "--live"], env=environment, stdout=subprocess.PIPE, text=True
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    told, _ = process.communicate(timeout=60)
    rows = [tuple(int(x) for x in line.split()) for line in told.splitlines() if line.count(" ") == 2]
    return [(a, b, c) for a, b, c in rows]


def _kept(home: str) -> dict[str, Any]:
    engine = connect(f"sqlite:///{home}/cryptopilot.db")
    session = Sessions(engine).all()[0]
    with engine.connect() as connection:
        counts = {
            "fills": connection.execute(select(func.count()).select_from(fills)).scalar_one(),
            "closed_trades": connection.execute(
                select(func.count()).select_from(trades).where(trades.c.closed_at.is_not(None))
            ).scalar_one(),
        }
    books = verify_books(engine, session)
    engine.dispose()
    return {**counts, "books": books}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--speed", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.live:
        live()
        return 0
    result = soak(options.minutes, options.speed, options.seed)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    flat = result["memory_growth"] is None or result["memory_growth"] <= GROWTH
    return 0 if result["on_time"] and result["on_time"] >= ON_TIME and flat else 1


if __name__ == "__main__":
    sys.exit(main())

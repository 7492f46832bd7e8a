"""What every figure shares: how time is taken, where peers live, how a result looks.

Single-threaded work is timed in CPU time of the process, because neighbours on a shared machine stretch wall time;
whatever waits for a disk or for another process is timed in wall time. Ratios are formed from numbers of one run.
"""

import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
PEER_PYTHON = Path(os.environ.get("BENCH_PEERS", ROOT / ".venv-bench" / "bin" / "python"))
"""The interpreter of the peers' own environment, made from bench/requirements.txt."""

SCRATCH = os.environ.get("BENCH_SCRATCH")
"""Where databases are written while measuring; the system's temporary folder when it is not set."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; NaN is "not measured", *reached* None "for information".

    Args:
        median, p99: of one set of measurements, in *unit*.
        peer: what was measured beside it, in words, and its median in the same unit.
        ratio: as *target* states it.
    """

    name: str
    unit: str
    median: float
    target: str
    reached: bool | None
    p99: float = math.nan
    peer: str = ""
    peer_median: float = math.nan
    ratio: float = math.nan


def timed(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """How many seconds *work* takes, with no older garbage left to collect."""
    gc.collect()
    began = clock()
    work()
    return clock() - began


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that *share* of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="bench-") as name:
        yield Path(name)


def own(module: str, *arguments: str) -> dict[str, Any]:
    """What a module of the bench, run in a process of its own, prints as its last line: JSON."""
    return _run([sys.executable, "-m", module, *arguments])


def peer(script: str, *arguments: str) -> dict[str, Any]:
    """The same for a script of bench/peers in the peers' environment; nothing where there is none."""
    if not PEER_PYTHON.is_file():
        return {}
    return _run([str(PEER_PYTHON), "-W", "ignore", str(ROOT / "bench" / "peers" / script), *arguments])


def _run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(name: str, figures: Sequence[Figure]) -> None:
    """Keep the figures of a script in bench/results and show them."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "figures": [{k: None if v != v else v for k, v in asdict(f).items()} for f in figures],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(table(figures), flush=True)


def kept_figures(name: str) -> list[Figure]:
    """The figures that a script has kept."""
    rows = json.loads((RESULTS / f"{name}.json").read_text())["figures"]
    numbers = ("median", "p99", "peer_median", "ratio")
    return [Figure(**{k: math.nan if k in numbers and v is None else v for k, v in row.items()}) for row in rows]


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text."""
    head = ("figure", "median", "p99", "unit", "peer", "its median", "ratio", "target", "reached")
    lines = [head, *(_cells(f) for f in figures)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cells(figure: Figure) -> tuple[str, ...]:
    reached = {True: "yes", False: "NO", None: "-"}[figure.reached]
    median, p99, theirs, ratio = (_text(x) for x in (figure.median, figure.p99, figure.peer_median, figure.ratio))
    return (figure.name, median, p99, figure.unit, figure.peer or "-", theirs, ratio, figure.target or "-", reached)


def _text(value: float) -> str:
    if value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

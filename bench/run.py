"""Every figure, one after the other, as one table: ``python -m bench.run``, or with the names of some.

Peers need an environment of their own (nautilus_trader, pandas and TA-Lib pin other versions than we do); make it once:

    .venv/bin/uv venv .venv-bench
    .venv/bin/uv pip sync --require-hashes --python .venv-bench/bin/python bench/requirements.txt

Without it their columns stay empty. BENCH_PEERS names another interpreter, BENCH_SCRATCH the folder for databases.
"""

import subprocess
import sys

from bench.measure import PEER_PYTHON, RESULTS, ROOT, kept_figures, table

NAMES = (
    "indicators", "instant", "start", "journal", "replay", "api", "stream", "search", "sweep", "backtest",
)  # fmt: skip


def main(names: list[str]) -> int:
    if not PEER_PYTHON.is_file():
        print(f"no peers: {PEER_PYTHON} is not there (see bench/run.py)", file=sys.stderr)
    failed = []
    for name in names:
        print(f"-- {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, check=False).returncode:
            failed.append(name)
    figures = [figure for name in names if name not in failed for figure in kept_figures(name)]
    print(f"\n{table(figures)}\n\nkept in {RESULTS.relative_to(ROOT)}/", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(NAMES)))

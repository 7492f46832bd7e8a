"""``cryptopilot serve --market replay:DIR --speed max`` over two years of nine hourly coins, whole, in wall time.

The command as people run it: start, read the files, fold the history, decide 17,521 instants with all their beats,
journal everything to SQLite with full sync, report, stop. Recorded candles and news are used where
CRYPTOPILOT_TEST_DATA names their folder (BINANCE, 2021-12-01 to 2023-11-30); elsewhere nine synthetic coins with a few
gaps are written to Parquet files first, which is not timed.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bench.measure import ROOT, Figure, report, scratch
from cryptopilot.domain.timeframe import DAY, HOUR, parse_time
from cryptopilot.rules.features import LONGEST

FIRST, LAST = "2021-12-01", "2023-11-30"
INSTANTS = (parse_time("to", LAST) + DAY - parse_time("from", FIRST)) // HOUR
COINS = ("ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP")
LONGEST_S = 180.0


def write_coins(folder: Path, seed: int = 3) -> None:
    """Hourly candle files of COINS from well before FIRST to LAST, one bar in two thousand missing."""
    draws = np.random.default_rng(seed)
    times = np.arange(parse_time("from", FIRST) - 45 * LONGEST * HOUR, parse_time("to", LAST) + DAY, HOUR)
    market = 0.004 * draws.standard_normal(len(times))
    folder.mkdir()
    for coin in COINS:
        close = 100.0 * np.exp(np.cumsum(market + 0.006 * draws.standard_normal(len(times))))
        opening = np.concatenate([[100.0], close[:-1]])
        reach = 0.003 * np.abs(draws.standard_normal((2, len(times))))
        high, low = np.maximum(opening, close) * (1 + reach[0]), np.minimum(opening, close) * (1 - reach[1])
        columns = {"open": opening, "high": high + 1e-4, "low": low - 1e-4, "close": close}
        columns |= {"volume": 1e5 * draws.lognormal(0.0, 0.5, len(times))}
        kept = draws.random(len(times)) > 1 / 2000
        table = {"timestamp": times[kept], **{name: np.round(x[kept], 4) for name, x in columns.items()}}
        parquet.write_table(pa.table(table), folder / f"BINANCE-{coin}_USDT-1h.parquet")


def replayed(folder: Path, home: Path) -> tuple[float, dict[str, Any]]:
    """How many seconds the command took, and its report."""
    command = [
        sys.executable, "-c", "from cryptopilot.cli.main import run; run()", "serve", "--market", f"replay:{folder}",
        "--symbols", ",".join(f"{coin}/USDT" for coin in COINS), "--from", FIRST, "--to", LAST,
        "--timeframe", "1h", "--speed", "max", "--port", "0", "--json",
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIPELINE_")}
    environment |= {"CRYPTOPILOT_HOME": str(home), "LOG_LEVEL": "WARNING"}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"the replay failed:\n{done.stderr[-2000:]}")
    return took, json.loads(done.stdout)


def main() -> None:
    recorded = os.environ.get("CRYPTOPILOT_TEST_DATA")
    with scratch() as folder:
        if recorded is None:
            write_coins(folder / "candles")
        took, told = replayed(Path(recorded) if recorded else folder, folder / "home")
    label = "recorded" if recorded else "synthetic"
    report(
        "replay",
        [
            Figure(f"two years of nine hourly coins, {label}", "s", took, "<= 180 s", took <= LONGEST_S),
            Figure("... instants a second", "1/s", INSTANTS / took, "", None),
        ],
    )
    print(f"  its report: {json.dumps(told)[:300]}")


if __name__ == "__main__":
    main()

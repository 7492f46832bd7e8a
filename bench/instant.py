"""One instant, whole: every symbol's bar closes, and every feature, prediction, signal and verdict is journaled.

The product as wired for the server, on synthetic bars of N symbols with two headlines an instant: read the bars,
protect, mark, fold features, predict, decide, review, encode, hash, commit to SQLite (WAL, full sync), send, fill.
The ranks' windows are full, as after three and a half days of a 5-minute market. Wall time as the pipeline's own
status measures it, at full speed, a checkpoint (every 500 instants) and the beats in between included. Each size
runs in a process of its own. The peer does a fraction of this: five indicators of as many pairs, recomputed on
DataFrames.
"""

import json
import sys
import time
from statistics import median
from typing import Any

from bench.measure import Figure, own, peer, percentile, report, scratch
from bench.session import settings_in, started
from bench.synthetic import SyntheticMarket, SyntheticNews
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.wiring import runner_for

SIZES = {10: 520, 100: 520, 500: 520, 1000: 260}
"""How many symbols, for how many instants."""

WARM = 20


def session(symbols: int, instants: int) -> dict[str, Any]:
    """Milliseconds of each instant, CPU milliseconds of one with its beats, microseconds to fold one symbol's bar."""
    with scratch() as home:
        settings = settings_in(home, PIPELINE_SPEED="max")
        candles = SyntheticMarket(symbols, instants + WARM)
        began = time.process_time()
        assembly, recovered = started(Market(candles, (SyntheticNews(candles),)), settings)
        folded = (time.process_time() - began) / symbols / recovered.folded
        runner, _, _ = runner_for(assembly, recovered, settings)
        began = time.process_time()
        runner.run()
        cpu = (time.process_time() - began) / runner.instants
        walls = list(assembly.pipeline.latency["instant"])
        assert len(walls) == runner.instants == instants + WARM, (len(walls), runner.instants)
        kept = assembly.pipeline.latency
        stages = {str(name): median(times) for name, times in kept.items() if times}
    return {"walls": walls[WARM:], "cpu_ms": cpu * 1e3, "fold_us": folded * 1e6, "stages_ms": stages}


def main() -> None:
    found = {n: own("bench.instant", str(n), str(instants)) for n, instants in SIZES.items()}
    frames = peer("dataframe.py", "60", "5")
    each = {n: median(f["walls"]) / n * 1e3 for n, f in found.items()}
    figures = []
    for n, f in found.items():
        p99 = percentile(f["walls"], 0.99)
        target, reached = ("p99 <= 100 ms, aim 50", p99 <= 100.0) if n == 500 else ("", None)
        theirs = frames["seconds"] * n * 1e3 if frames else float("nan")
        figures.append(
            Figure(
                f"an instant of {n} symbols, journaled", "ms", median(f["walls"]), target, reached, p99=p99,
                peer="indicators alone, DataFrames" if frames else "", peer_median=theirs,
                ratio=theirs / median(f["walls"]),
            )
        )  # fmt: skip
    growth = each[1000] / each[100]
    figures.append(
        Figure("... per symbol, of 1000 over of 100", "us", each[1000], "<= 1.2x: linear", growth <= 1.2,
               peer="of 100", peer_median=each[100], ratio=growth)
    )  # fmt: skip
    figures.append(Figure("folding one bar of history, of 500", "us", found[500]["fold_us"], "", None))
    report("instant", figures)
    for n, f in found.items():
        stages = ", ".join(f"{name} {ms:.2f}" for name, ms in f["stages_ms"].items())
        print(f"  {n:5d} symbols: {stages}; longest {max(f['walls']):.1f}; CPU with beats {f['cpu_ms']:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(session(int(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()

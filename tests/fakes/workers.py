"""A worker that works on nothing: real processes for tests of what becomes of them, in a fraction of a second.

How it behaves is said by the number of trials that a backtest is asked with.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryptopilot.adapters.storage.candles import CandleStore
from cryptopilot.domain.series import Series
from cryptopilot.quant.quality import Columns
from cryptopilot.runtime.jobs import queue
from tests.conftest import ROOT

WAITS, FINISHES, IS_KILLED, GIVES_UP, BABBLES, WANTS_MEMORY, GOES_ON, LEAVES_NOTHING = range(1, 9)
"""What it does: it says that it is half through, then that."""

FIGURES = {
    "manifest_id": "0" * 64, "quote": "USDT", "final_equity": "10100", "fees": "1.5", "total_return": 0.01,
    "cagr": 0.04, "sharpe": 1.0, "max_drawdown": 0.02, "trades": 3, "win_rate": None, "profit_factor": None,
    "buy_and_hold": 0.1, "seconds": 0.5,
}  # fmt: skip
DOCUMENT = b'{"manifest":{},"seconds":0.5,"notes":[],"statistics":{},"trades":[],"refusals":{},"equity":[]}'
PAGE = b"<!DOCTYPE html><title>nothing</title>"

_SOURCE = f"""
import os, signal, sys, time
from pathlib import Path
import msgspec
from cryptopilot.runtime.jobs.errand import Errand, Limits, Line
from cryptopilot.runtime.jobs.worker import settle

text, answers = settle(Limits(memory=2 * 2**30))
trials = msgspec.json.decode(text, type=Errand).trials
say = lambda line: answers.write(msgspec.json.encode(line) + b"\\n")
print("a strategy's own words")
Path("me").write_text(f"{{os.getpid()}} {{os.nice(0)}}")
say(Line("reading", 0.1))
say(Line("running", 0.5))
if trials == {WAITS}:
    time.sleep(600)
if trials == {IS_KILLED}:
    os.kill(os.getpid(), signal.SIGKILL)
if trials == {GIVES_UP}:
    sys.exit(7)
if trials == {BABBLES}:
    answers.write(b"what a strategy says\\n")
    time.sleep(600)
if trials == {WANTS_MEMORY}:
    try:
        bytearray(4 * 2**30)
    except MemoryError:
        say(Line(problem="memory"))
if trials in ({FINISHES}, {GOES_ON}):
    Path("report.json").write_bytes({DOCUMENT!r})
    Path("report.html").write_bytes({PAGE!r})
say(Line(figures={FIGURES!r}))
if trials == {GOES_ON}:
    time.sleep(600)
"""


def install(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have backtests worked on by it."""
    (folder / "idle_worker.py").write_text(_SOURCE)
    patch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    patch.setattr(queue, "WORKER", "idle_worker")


def stock(home: Path) -> None:
    """Bring made-up candles into a home's store: three pairs by the hour over a hundred days, one by the minute."""
    store, wanted = CandleStore(home / "candles"), (("BTC/USDT", "1h"), ("ETH/USDT", "1h"), ("ETH/BTC", "1h"))
    for number, (symbol, timeframe) in enumerate((*wanted, ("BTC/USDT", "1m"))):
        series = Series("BINANCE", symbol, timeframe)
        times = 1_640_995_200_000 + series.step_ms * np.arange(2400, dtype=np.int64)
        draw = np.random.default_rng(number)
        close = np.round(1000.0 * np.exp(np.cumsum(draw.normal(0.0, 0.005, len(times)))), 2)
        opened = np.r_[1000.0, close[:-1]]
        high, low = np.maximum(opened, close), np.minimum(opened, close)
        volume = np.round(draw.uniform(50.0, 100.0, len(times)), 3)
        store.merge(series, Columns(times, np.vstack([opened, high, low, close, volume])), "made up", 1)


def a_question(**changed: Any) -> dict[str, Any]:
    """What such a store can answer."""
    given = {
        "symbols": ["BTC/USDT", "ETH/USDT"], "exchange": "BINANCE", "timeframe": "1h", "from": "2022-03-01",
        "to": "2022-03-31",
    }  # fmt: skip
    return given | changed

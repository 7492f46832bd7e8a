"""One strategy over a million one-minute candles: EMA(12) crosses EMA(26) while RSI(14) is calm, stop 2 %, target 4 %.

Ours is the whole way: columns by the rules, wishes, the driver with every limit asked, records and curves. Beside it a
hand-written compiled pass, and vectorbt with its Rust engine and signals from TA-Lib. Then the same with callbacks in
plain Python at every entry, and with a strategy in plain Python at every candle; memory; how cost grows; portfolios of
fifty symbols; and whole processes from their start.
"""

import json
import math
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bench.by_hand import one_pass
from bench.measure import ROOT, Figure, own, peer, report, scratch
from bench.peers.walk import SHARE, TICK, ticks
from bench.sweep import SYMBOL, history, plain, setting, space
from cryptopilot.adapters.storage.candles import CandleStore
from cryptopilot.agents.strategies.chosen import choose
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import MARKET_WIDE
from cryptopilot.domain.series import Series
from cryptopilot.ports.strategy import Columns, Entry, Wishes
from cryptopilot.quant.quality import Columns as Candles
from cryptopilot.research.backtest import Run, Setting, backtest
from cryptopilot.research.history import History
from cryptopilot.research.layout import FILLED
from cryptopilot.research.predictions import predict
from cryptopilot.research.sweep.declared import wish_table
from cryptopilot.research.sweep.shelf import shelf_of
from cryptopilot.research.wishing import Confirming
from cryptopilot.runtime.wiring import MODELS

CANDLES, SHORTER, REPETITIONS = 1_000_000, 100_000, 7
VALUES = {"fast": 12, "slow": 26, "stop": 0.02, "target": 0.04}
UNBOUND = {"min_confidence": 0.0, "max_daily_loss": 0.5, "max_drawdown": 0.9, "cooldown_ms": 0}
"""Limits that are asked and never bind: the peers know none. A million candles cost so many fees that with a tenth of
the equity a trade the account would lose nine tenths, at which ours stops; so all of them take half as much."""

SYMBOLS, INSTANTS = 50, 20_000
FREQTRADE = 20_000
"""Candles a second, as published beside the others in the figures that this bench is held against; not installed."""


def whole(made: History, asked: Setting) -> Run:
    """From closes to records and curves."""
    shelf = shelf_of(made, SYMBOL, asked.cache)
    return backtest(made, asked, wishes=wish_table(made, SYMBOL, space().declaration.bound(VALUES), shelf))


def cpu(work: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Median CPU seconds, after one that does not count."""
    work()
    took = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return median(took)


class Careful:
    """The same with a callback of each kind."""

    name, version, parameters, lookback = "careful", "1", (), 1

    def signals(self, columns: Columns) -> Wishes:
        raise NotImplementedError  # Its wishes are given.

    def stop(self, entry: Entry) -> float:
        return entry.stop

    def stake(self, entry: Entry) -> float:
        return entry.size

    def confirm(self, entry: Entry) -> bool:
        return True


class Walker:
    """Nothing but a call at each candle."""

    name, version, parameters, lookback, reads = "walker", "1", (), 1000, ("close",)

    def start(self) -> "Walker":
        return self

    def on_candle(self, row: tuple[float]) -> int:
        return 1 if row[0] > 1e9 else 0


def single(folder: Path) -> dict[str, Any]:
    """One symbol: ours, by hand, with callbacks, by candles; seconds, bytes and whether the trades are right."""
    made, shorter, checked = history(CANDLES), history(SHORTER), setting(folder, **UNBOUND)
    limits = replace(checked.mandate.limits, max_position=SHARE / 2)
    asked = replace(checked, mandate=replace(checked.mandate, limits=limits))
    prices = tuple(np.ascontiguousarray(x) for x in (ticks(CANDLES) * TICK).T)
    careful = choose(Careful)
    shelf = shelf_of(made, SYMBOL, folder)
    table = wish_table(made, SYMBOL, space().declaration.bound(VALUES), shelf)
    called = replace(asked, confirm=Confirming(careful, made, "USDT"))
    run = whole(made, asked)
    fills = run.records[run.records["kind"] == FILLED]
    trades, equity = plain(shorter, *VALUES.values())
    first = whole(shorter, checked)
    ours = first.records[first.records["kind"] == FILLED]
    walker = choose(Walker)
    columns = _columns(made)
    return {
        "ours": cpu(lambda: whole(made, asked)),
        "driver": cpu(lambda: backtest(made, asked, wishes=table)),
        "shorter": cpu(lambda: whole(shorter, asked)),
        "by_hand": cpu(lambda: one_pass(*prices)),
        "callbacks": cpu(lambda: backtest(made, called, wishes=table), 3),
        "per_candle": cpu(lambda: walker.wishes(SYMBOL, columns), 3),
        "entries": int((fills["side"] > 0).sum()),
        "equity": int(run.equity[-1]) / 1e8,
        "same": trades == [(_place(shorter, f), int(f["ticks"]) * int(f["side"])) for f in ours],
        "off": abs(int(first.equity[-1]) / 1e8 - equity) / equity,
        "bytes": _bytes(asked),
    }


def _place(made: History, fill: Any) -> int:
    return int(np.searchsorted(made.instants, fill["at"]))


def _columns(made: History) -> Columns:
    _, (opened, high, low, close, volume) = made.column(SYMBOL)
    blank = np.full(len(close), np.nan)
    return Columns(made.timeframe_ms, made.instants, opened, high, low, close, volume, *(blank,) * 19)


def _bytes(asked: Setting) -> float:
    """What a candle takes at the most: history, columns, wishes, records and curves of a run."""
    tracemalloc.start()
    made = history(CANDLES)
    tracemalloc.reset_peak()
    whole(made, asked)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / CANDLES


def portfolio(folder: Path) -> dict[str, float]:
    """Fifty symbols under every limit: CPU seconds of features and predictions, and of the driver."""
    draw = np.random.default_rng(1)
    moves = draw.normal(0.0, 0.001, (INSTANTS + 1, 1)) + draw.normal(0.0, 0.002, (INSTANTS + 1, SYMBOLS))
    close = np.rint(10_000 * np.exp(np.cumsum(moves, 0))).astype(np.int64)
    opening = np.vstack([close[:1], close[:-1]])
    reach = draw.integers(0, 20, (2, INSTANTS + 1, SYMBOLS))
    high, low = np.maximum(opening, close) + reach[0], np.minimum(opening, close) - reach[1]
    volume = draw.integers(10**8, 10**10, close.shape)
    bars = np.ascontiguousarray(np.stack([opening, high, low, close, volume], axis=2))
    names = [f"C{i:02d}/USDT" for i in range(SYMBOLS)]
    grids = {n: Instrument(n, *map(_decimal, ("0.01", "0.0001", "100000"))) for n in names}
    coins = (*(i.base for i in grids.values()), MARKET_WIDE)
    instants = 1_672_531_200_000 + 300_000 * np.arange(INSTANTS)
    made = History(grids, 300_000, instants, bars, 1040, coins, np.zeros((INSTANTS, len(coins))))
    asked = setting(folder)
    found = predict(made, MODELS, 0.99, folder)
    run = backtest(made, asked, predictions=found)
    rows = INSTANTS * SYMBOLS
    return {
        "predicted": rows / cpu(lambda: predict(made, MODELS, 0.99, folder), 3),
        "driven": rows / cpu(lambda: backtest(made, asked, predictions=found), 3),
        "asks": float(np.isin(run.records["kind"], (3, 4)).sum()) / rows,
    }


def _decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def processes(folder: Path) -> dict[str, float]:
    """Wall seconds of whole processes, the second of two each: ten symbols a year at 5 m; one of 100,000 candles."""
    store = CandleStore(folder / "large")
    big = np.tile(ticks(100_000), (100, 1)) * TICK
    times = 1_672_531_200_000 + 60_000 * np.arange(len(big))
    store.merge(Series("BINANCE", SYMBOL, "1m"), Candles(times, np.vstack([big.T, np.ones(len(big))])), "bench", 0)
    opening = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        store.open(Series("BINANCE", SYMBOL, "1m"))
        opening.append(time.perf_counter() - began)
    for number in range(10):
        _write(folder / "year" / "candles" / f"BINANCE-C{number}_USDT-5m.parquet", 106_200, 300_000, number)
    _write(folder / "one" / "candles" / "BINANCE-BTC_USDT-1m.parquet", 101_040, 60_000, 7)
    return {
        "open": median(opening),
        "year": _process(folder, "year", "5m"),
        "first": _process(folder, "one", "1m"),
    }


def _write(path: Path, count: int, step: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    prices = np.round(ticks(count, seed) * TICK, 2).T
    columns = {"timestamp": 1_640_995_200_000 + step * np.arange(count)}
    columns |= dict(zip(("open", "high", "low", "close"), prices, strict=True))
    parquet.write_table(pa.table(columns | {"volume": np.full(count, 1000.0)}), path)


def _process(folder: Path, name: str, timeframe: str) -> float:
    command = [
        sys.executable,
        "-c",
        "from cryptopilot.cli.main import run; run()",
        "backtest",
        "--data",
        str(folder / name),
    ]
    command += ["--timeframe", timeframe, "--json", str(folder / "out.json"), "--html", str(folder / "out.html")]
    took = []
    for _ in range(4):
        began = time.perf_counter()
        subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "CRYPTOPILOT_HOME": str(folder)}
        )
        took.append(time.perf_counter() - began)
    return median(took[1:])


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {"single": single, "portfolio": portfolio, "processes": processes}


def main() -> None:
    one, many, whole_ones = (own("bench.backtest", name) for name in PARTS)
    theirs = peer("vectorbt_backtest.py", str(CANDLES), "5")
    rate, hand = CANDLES / one["ours"] / 1e6, CANDLES / one["by_hand"] / 1e6
    best = CANDLES / median(theirs["seconds"]) / 1e6 if theirs else math.nan
    said = "vectorbt Rust, TA-Lib signals" if theirs else "not measured"
    per_candle = CANDLES / one["per_candle"] / 1e6
    callbacks = CANDLES / one["callbacks"]
    longer = one["ours"] / CANDLES / (one["shorter"] / SHORTER)
    both = 1 / (1 / many["driven"] + 1 / many["predicted"])
    at_least = rate >= 4 * best if theirs else None
    figures = [
        Figure("backtest, columns to records", "M candles/s", rate, ">= 4x", at_least, math.nan, said, best,
               rate / best),
        Figure("... against a pass by hand", "M candles/s", rate, ">= 0.25x", rate >= 0.25 * hand, math.nan,
               "one pass by hand", hand, rate / hand),
        Figure("... the driver alone", "M candles/s", CANDLES / one["driver"] / 1e6, "", None),
        Figure(f"callbacks at {one['entries']:,} entries", "candles/s", callbacks, ">= 250x",
               callbacks >= 250 * FREQTRADE, math.nan, "freqtrade (published)", FREQTRADE, callbacks / FREQTRADE),
        Figure("on_candle in plain Python", "M candles/s", per_candle, ">= 1", per_candle >= 1.0),
        Figure("memory a candle", "bytes", one["bytes"], "<= 150", one["bytes"] <= 150),
        Figure("a candle of 1 M against one of 100 k", "x", longer, "<= 1.1x", longer <= 1.1),
        Figure("100 k: trades other than a plain loop's", "", float(not one["same"]), "0", one["same"]),
        Figure("... equity off by, a fraction", "1", one["off"], "<= 1e-6", one["off"] <= 1e-6),
        Figure(f"{SYMBOLS} symbols, all limits, asks on {many['asks']:.0%} of rows", "M rows/s", many["driven"] / 1e6,
               "", None),
        Figure("... features and predictions", "M rows/s", many["predicted"] / 1e6, "", None),
        Figure("... together", "M rows/s", both / 1e6, ">= 20", both >= 20e6),
        Figure("opening 10 M stored candles", "ms", whole_ones["open"] * 1e3, "<= 10", whole_ones["open"] <= 0.010),
        Figure("10 symbols, a year of 5 m, start to report", "s", whole_ones["year"], "<= 3",
               whole_ones["year"] <= 3.0),
        Figure("100 k candles, start to report", "s", whole_ones["first"], "<= 1.5", whole_ones["first"] <= 1.5),
    ]  # fmt: skip
    if theirs:  # Equity differs: its share of the cash includes the fee, ten thousand times over.
        apart = abs(one["entries"] - theirs["trades"])
        figures.append(Figure("entries more or fewer than vectorbt's", "", apart, "", None))
    report("backtest", figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with scratch() as place:
            print(json.dumps(PARTS[sys.argv[1]](place)))
    else:
        main()

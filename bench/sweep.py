"""A thousand combinations over 100,000 candles of one symbol, per CPU second: ``python -m bench.sweep``.

EMA fast x slow, an RSI filter, stop x target (bench/peers/walk.py). First with no limit asked, as `cryptopilot sweep`
does, the ten best run again in full included; then every combination through the full driver with all limits asked.
The peer is vectorbt with its Rust engine. A plain loop in Python says whether the trades are right.
"""

import json
import math
import sys
import time
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from bench.measure import Figure, own, peer, report, scratch
from bench.peers.walk import CASH, FASTS, FEE, GRID, RSI, RSI_MOST, SHARE, SLOWS, STOPS, TARGETS, TICK, WARM, ticks
from cryptopilot.domain.instrument import Instrument, atoms
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Geometry
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.research.backtest import Setting, backtest
from cryptopilot.research.history import ABSENT, History
from cryptopilot.research.sweep.declared import wish_table, wish_tables
from cryptopilot.research.sweep.engine import FILL
from cryptopilot.research.sweep.space import Space, space_of
from cryptopilot.research.sweep.sweeping import Sweep, summarised
from cryptopilot.rules.fills import Costs

CANDLES = 100_000
SYMBOL = "BTC/USDT"
BEGAN = 1_672_531_200_000
ROUNDS = 5
CHECKED = 10
PICKED = 200
"""How many combinations vectorbt and the full driver run: of every fifth entry, or every fifth of all."""
COLUMNS = (10, 1)
"""How many of them vectorbt takes at once: what it is fastest with, and one, as it was measured first."""
LOT = "0.0001"


def space() -> Space:
    """The grid as it is declared."""
    return space_of(
        {
            "name": "cross",
            "enter": ["ema(fast) crosses above ema(slow)", f"rsi({RSI}) below {RSI_MOST}"],
            "leave": ["ema(fast) crosses below ema(slow)"],
            "stop": "stop",
            "target": "target",
            "grid": {"fast": list(FASTS), "slow": list(SLOWS), "stop": list(STOPS), "target": list(TARGETS)},
            "where": ["fast below slow"],
        }
    )


def history(count: int) -> History:
    """The walk as a history that is decided from candle WARM on; as much volume as anybody wants."""
    prices = ticks(count)
    bars = np.column_stack([prices, np.full(count, 10**12)])
    bars = np.concatenate([bars, np.full((1, 5), ABSENT)])[:, np.newaxis]
    instrument = Instrument(SYMBOL, Decimal(str(TICK)), Decimal(LOT), Decimal(10_000))
    instants = BEGAN + MINUTE * np.arange(1, count + 1)
    return History({SYMBOL: instrument}, MINUTE, instants, bars, WARM, ("BTC",), np.zeros((count, 1)))


def setting(cache: Any, **limits: Any) -> Setting:
    """Purchases of a tenth of the equity at the mark itself, and a fee; nothing else costs."""
    asked = RiskLimits(max_position=SHARE, max_order=Decimal(10_000_000), max_price_age_ms=MINUTE, **limits)
    mandate = Mandate(asked, Geometry(hours=0), entry_slack=0.0)
    return Setting(
        mandate, Costs(round(FEE * 1e6), 0.0, 0.0, 0.0, 1.0), atoms(Decimal(CASH), "USDT"), "USDT", cache=cache
    )


def ours(count: int, combinations: int) -> dict[str, Any]:
    """CPU seconds of both ways, and how far the trades are from those of a plain loop."""
    with scratch() as cache:
        made, wanted, limited = history(count), space(), setting(cache)
        groups = list(wanted.groups())[:: len(GRID) // combinations]
        free, full = [], []
        for _ in range(ROUNDS + 1):
            began = time.process_time()
            sweep = Sweep(wanted, made, SYMBOL, limited)
            best = summarised(sweep, "equity", 10).best
            for found in best:
                backtest(
                    made, limited, wishes=wish_table(made, SYMBOL, wanted.declaration.bound(found.values), sweep.shelf)
                )
            free.append(time.process_time() - began)
            began = time.process_time()
            for group in groups:
                for wishes in wish_tables(made, SYMBOL, wanted.declaration, group, sweep.shelf):
                    backtest(made, limited, wishes=wishes)
            full.append(time.process_time() - began)
        different, off = checked(made, wanted, Sweep(wanted, made, SYMBOL, limited))
    figures = [account for _, accounts in sweep.blocks() for account in accounts]
    return {
        "free": median(free[1:]), "full": median(full[1:]), "different": different, "off": off,
        "equity": [int(a["equity"]) / 1e8 for a in figures], "trades": [int(a["trades"]) for a in figures],
    }  # fmt: skip


def checked(made: History, wanted: Space, sweep: Sweep) -> tuple[int, float]:
    """Of some combinations, how many trade otherwise than a plain loop, and how far equity is off, as a fraction."""
    different, off = 0, 0.0
    groups = list(wanted.groups())
    for number in range(CHECKED):
        group = groups[number * len(groups) // CHECKED]
        one = group._replace(brackets=(group.brackets[number % len(group.brackets)],))
        fills = np.zeros(CANDLES, FILL)
        account = sweep.accounts(one, fills)[0]
        values = one.values(0)
        trades, equity = plain(made, values["fast"], values["slow"], values["stop"], values["target"])
        fills = fills[: int(account["used"])]
        different += trades != [(int(f["t"]) + WARM, int(f["ticks"]) * int(f["side"])) for f in fills]
        off = max(off, abs(int(account["equity"]) / 1e8 - equity) / equity)
    return different, off


def plain(made: History, fast: float, slow: float, stop: float, target: float) -> tuple[list[tuple[int, int]], float]:
    """The fills, (candle, price in ticks, negative for sales), and the equity at the end, in floating point."""
    opens, highs, lows, closes = made.bars[:-1, 0, :4].T.tolist()
    quick, lazy, calm = (average(closes, fast), average(closes, slow), strength(closes))
    cash, quantity, cut, goal, fills = CASH, 0.0, 0, 0, []
    pending = 0
    for t in range(WARM - 1, len(closes)):
        if t >= WARM and pending > 0:
            quantity = cash * SHARE / (opens[t] * TICK)
            cash -= quantity * opens[t] * TICK * (1.0 + FEE)
            fills.append((t - 1, opens[t]))
        elif t >= WARM and pending < 0:
            cash, quantity = cash + quantity * opens[t] * TICK * (1.0 - FEE), 0.0
            fills.append((t - 1, -opens[t]))
        entered, pending = pending > 0, 0
        if quantity:
            out = min(cut, opens[t]) if lows[t] <= cut else max(goal, lows[t]) if highs[t] >= goal else 0
            out = opens[t] if not entered and opens[t] >= goal else out
            if out:
                cash, quantity = cash + quantity * out * TICK * (1.0 - FEE), 0.0
                fills.append((t, -out))
        up, before = quick[t] > lazy[t], quick[t - 1] > lazy[t - 1]
        if t < WARM or up == before:
            continue
        if up and not quantity and calm[t] < RSI_MOST:
            pending, cut, goal = 1, math.floor(closes[t] * (1.0 - stop)), math.ceil(closes[t] * (1.0 + target))
        elif not up and quantity:
            pending = -1
    return fills, cash + quantity * closes[-1] * TICK


def average(closes: list[int], n: float) -> list[float]:
    """An exponential average that begins with the first close."""
    found, value = [], float(closes[0])
    for close in closes:
        value += 2.0 / (n + 1.0) * (close - value)
        found.append(value)
    return found


def strength(closes: list[int]) -> list[float]:
    """Wilder's relative strength."""
    found, gain, loss, previous = [], 0.0, 0.0, closes[0]
    for close in closes:
        change, previous = close - previous, close
        gain += (max(change, 0) - gain) / RSI
        loss += (max(-change, 0) - loss) / RSI
        found.append(100.0 * gain / (gain + loss) if gain + loss > 0.0 else 50.0)
    return found


def main() -> None:
    found = own("bench.sweep", str(CANDLES), str(PICKED))
    theirs = {columns: peer("vectorbt_sweep.py", str(CANDLES), str(PICKED), str(columns)) for columns in COLUMNS}
    figures = []
    for columns, heard in theirs.items():
        rate = heard["combinations"] / heard["seconds"] if heard else math.nan
        said = f"vectorbt, Rust engine, {columns} a call" if heard else "not measured"
        for what, ours_, times in (
            ("no limit asked", len(GRID) / found["free"], 40), ("all limits asked", PICKED / found["full"], 5)
        ):  # fmt: skip
            reached = ours_ >= times * rate if heard else None
            figures.append(
                Figure(f"combinations a CPU second, {what}", "1/s", ours_, f">= {times}x", reached, peer=said,
                       peer_median=rate, ratio=ours_ / rate)
            )  # fmt: skip
    different, off = found["different"], found["off"]
    figures += [
        Figure(f"of {CHECKED}, not a plain loop's trades", "", different, "0", different == 0),
        Figure("... equity off by, a fraction", "1", off, "<= 1e-6", off <= 1e-6),
    ]
    if theirs[COLUMNS[0]]:
        mine = found["equity"][:: len(GRID) // PICKED]
        apart = max(abs(a - b) / b for a, b in zip(mine, theirs[COLUMNS[0]]["equity"], strict=True))
        figures.append(Figure("... equity off vectorbt's by at most, a fraction", "1", apart, "", None))
    report("sweep", figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(ours(int(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()

"""Outcomes of backtests that never were: random purchases on random walks, with books that add up to the atom."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.instrument import money
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.research.manifest import Manifest, manifest
from cryptopilot.research.outcome import Outcome, Trade

START = 1_640_995_200_000
"""2022-01-01T00:00:00Z."""
CAPITAL = 10_000 * 10**8
COINS = ("ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP")
SYMBOLS = tuple(f"{coin}/USDT" for coin in COINS)
TAGS = ("BUY", "BREAKOUT", "DIP")
LEVELS = {"optimistic": 500, "expected": 1000, "harsh": 2000}
"""Fees of a fill by level, parts per million of its notional."""

Floats = npt.NDArray[np.float64]


def an_outcome(
    costs: str = "expected", *, instants: int = 2000, step: int = HOUR, trades: int = 60, seed: int = 7,
    symbols: Sequence[str] = SYMBOLS, tags: Sequence[str] = TAGS,
) -> Outcome:  # fmt: skip
    """One run; the other levels of the same seed differ in their fees only."""
    draw = np.random.default_rng(seed)
    volatility = 0.6 * np.sqrt(step / (365 * 24 * HOUR))
    common = draw.normal(0.0, volatility, instants)
    own = draw.normal(0.0, volatility, (len(symbols), instants))
    prices = 100.0 * np.exp(np.cumsum(0.7 * common + 0.7 * own, axis=1))
    cash, invested = np.zeros(instants, np.int64), np.zeros(instants, np.int64)
    held, done, traded = np.zeros(instants, np.int64), [], 0
    for entry in sorted(draw.integers(0, instants - 2, trades).tolist()):
        i, tag = int(draw.integers(len(symbols))), str(draw.choice(tags))
        leave, reason = _exit(prices[i], entry, int(30 * 24 * HOUR / step))
        spent = int(draw.integers(300, 1000)) * 10**8
        came = int(spent * prices[i, leave] / prices[i, entry])
        fees = [amount * LEVELS[costs] // 1_000_000 for amount in (spent, came)]
        over = reason != "open"
        cash[entry] -= spent + fees[0]
        invested[entry : leave + (not over)] += (
            spent * prices[i, entry : leave + (not over)] / prices[i, entry]
        ).astype(np.int64)
        held[entry : leave + (not over)] += 1
        if over:
            cash[leave] += came - fees[1]
        traded += spent + came * over
        pnl = came - fees[1] - spent - fees[0] if over else 0
        done.append(
            Trade(
                symbols[i], tag, START + entry * step, START + leave * step, Decimal(spent) / 10**10,
                Decimal(str(round(prices[i, entry], 6))), Decimal(str(round(prices[i, leave], 6))),
                money(spent + fees[0], "USDT"), money(pnl, "USDT"), money(fees[0] + fees[1] * over, "USDT"), reason,
            )
        )  # fmt: skip
    market = CAPITAL * (1 - LEVELS[costs] / 1e6) * (prices / prices[:, :1]).mean(axis=0)
    return Outcome(
        costs=costs,
        quote="USDT",
        capital=CAPITAL,
        timeframe_ms=step,
        instants=START + step * np.arange(instants, dtype=np.int64),
        equity=CAPITAL + np.cumsum(cash) + invested,
        invested=invested,
        held=held,
        market=market,
        traded=traded,
        signals={"BUY": 20 * trades, "HOLD": 9 * instants - 20 * trades},
        refusals={"min_confidence": 15 * trades, "max_correlation": 3 * trades, "cooldown": trades},
        trades=tuple(sorted(done, key=lambda trade: trade.reason == "open")),
    )


def _exit(price: Floats, entry: int, longest: int) -> tuple[int, str]:
    """Where a stop of 2 %, a target of 4 % or the time limit ends a purchase, whichever comes first."""
    ahead = price[entry + 1 : entry + 1 + longest] / price[entry]
    ends = np.flatnonzero((ahead <= 0.98) | (ahead >= 1.04))
    if ends.size:
        return entry + 1 + int(ends[0]), "stop" if ahead[ends[0]] <= 0.98 else "target"
    last = entry + ahead.size
    return (last, "open") if last == price.size - 1 else (last, "time limit")


def a_manifest(**changed: object) -> Manifest:
    """Of a run of the default strategy over those outcomes."""
    given = {
        "inputs": {f"{coin}_USDT-1h.parquet": f"{i:064x}" for i, coin in enumerate(COINS)},
        "strategy": "default",
        "parameters": {"fast": 12, "slow": 26, "threshold": 0.25},
        "mandate": Mandate(RiskLimits()),
        "costs": {level: {"fee_ppm": ppm} for level, ppm in LEVELS.items()},
        "symbols": SYMBOLS,
        "timeframe": "1h",
        "begins_at": START,
        "ends_at": START + 2000 * HOUR,
        "capital": Decimal(10_000),
        "quote": "USDT",
        "seed": 7,
    }
    return manifest(**(given | changed))  # type: ignore[arg-type]  # A wrong name or kind fails the test that gives it.

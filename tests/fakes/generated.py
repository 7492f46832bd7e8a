"""Markets, headlines and mandates drawn from a seed: rough, thin, with holes, so that every path is met."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from cryptopilot.domain.candle import Bar
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import Headline
from cryptopilot.domain.prediction import Geometry
from cryptopilot.domain.timeframe import HOUR
from tests.fakes.market import START, ScriptedMarket

BEFORE, INSTANTS = 260, 150
COINS = ("ADA", "BTC", "DOGE", "ETH", "SOL", "XRP")
WORDS = ("Bitcoin surges to a record high", "Ethereum network hacked, funds stolen", "Solana outage", "Crypto rally")
THICK, THIN = (8.0, 11.0), (4.0, 8.5)
"""Powers of ten between which a bar's volume lies, in lots."""


@dataclass(frozen=True)
class Generated:
    market: ScriptedMarket
    headlines: list[Headline]
    mandate: Mandate
    forced: frozenset[int]
    """Instants, counted from the first decision, after which every stage is forced once more."""
    restart: int
    """After which instant the process is replaced."""


def generated(seed: int) -> Generated:
    """One of them."""
    draw = np.random.default_rng(seed)
    script = {f"{coin}/USDT": _bars(draw) for coin in COINS[: int(draw.integers(1, len(COINS) + 1))]}
    times = START + draw.integers(-40, INSTANTS, 12) * HOUR - draw.integers(0, HOUR, 12)
    headlines = [
        Headline(f"h{i}", int(at), int(at), "paper", WORDS[i % len(WORDS)]) for i, at in enumerate(sorted(times))
    ]
    forced = frozenset(draw.integers(0, INSTANTS, 10).tolist())
    return Generated(ScriptedMarket(script), headlines, _mandate(draw), forced, int(draw.integers(10, INSTANTS - 10)))


def _bars(draw: np.random.Generator) -> dict[int, Bar]:
    """Hours of a coin that moves by a per cent or two, jumps now and then, and misses some bars altogether."""
    n = BEFORE + INSTANTS + 1
    moves = draw.normal(0.0, draw.choice([0.004, 0.01, 0.02]), n)
    moves[draw.random(n) < 0.02] *= 5.0
    closes = np.maximum(50, draw.integers(300, 60_000) * np.exp(np.cumsum(moves))).astype(int)
    opens = np.maximum(1, np.roll(closes, 1) * (1.0 + draw.normal(0.0, 0.001, n))).astype(int)
    opens[0] = closes[0]
    wicks = 1.0 + np.abs(draw.normal(0.0, 0.006, (2, n)))
    highs = np.ceil(np.maximum(opens, closes) * wicks[0]).astype(int)
    lows = np.maximum(1, np.floor(np.minimum(opens, closes) / wicks[1])).astype(int)
    volumes = (10.0 ** draw.uniform(*THICK if draw.random() < 0.5 else THIN, n)).astype(int)
    volumes[draw.random(n) < 0.05] = 0
    there = draw.random(n) >= draw.choice([0.0, 0.06])
    rows = np.stack([opens, highs, lows, closes, volumes], axis=1).tolist()
    at = [START + (i - BEFORE) * HOUR for i in range(n)]
    return {
        closing: Bar(closing - HOUR, *row) for closing, row, is_there in zip(at, rows, there, strict=True) if is_there
    }


def _mandate(draw: np.random.Generator) -> Mandate:
    stop = float(draw.choice([0.005, 0.01, 0.02, 0.05]))
    limits = RiskLimits(
        min_confidence=float(draw.choice([0.0, 0.3, 0.7])),
        max_daily_loss=float(draw.choice([0.01, 0.05, 0.3])),
        max_drawdown=float(draw.choice([0.03, 0.15, 0.9])),
        max_concurrent=int(draw.integers(1, 7)),
        max_position=float(draw.choice([0.05, 0.1, 0.5, 1.0])),
        max_correlation=float(draw.choice([0.1, 0.7, 1.0])),
        min_order=Decimal(int(draw.choice([10, 150]))),
        max_order=Decimal(int(draw.choice([200, 1000, 10_000]))),
        cooldown_ms=int(draw.choice([0, HOUR, 6 * HOUR])),
        whitelist=frozenset({"BTC/USDT", "ETH/USDT", "ADA/USDT"}) if draw.random() < 0.2 else None,
    )
    geometry = Geometry(target=2 * stop, stop=stop, hours=int(draw.choice([0, 3, 24])))
    trailing = float(draw.choice([0.0, 0.01, 0.03]))
    return Mandate(limits, geometry, float(draw.choice([0.0, 0.02, 0.1])), trailing, float(draw.choice([0.0, 0.005])))

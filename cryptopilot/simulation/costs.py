"""What trading costs: fee schedules of venues, and how spread, impact and latency are assumed."""

import math
from typing import NamedTuple

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.rules.fills import Costs

TAKER_PPM: dict[str, tuple[int, ...]] = {
    "binance": (1000, 1000, 1000, 600, 540, 480, 420, 360, 300, 240),
    "bybit": (1000, 800, 775, 750, 600, 500),
    "coinbase": (6000, 4000, 2500, 2000),
    "kraken": (4000, 3500, 2400, 2200, 2000, 1800, 1600),
    "okx": (1000,),
}
"""Taker fees on spot in parts per million of the notional, by tier, the first being everybody's. Venues change them and
grant discounts, so a figure that matters is to be given as ``--fee``."""

PAPER = Costs(fee_ppm=1000, half_spread=0.0001, impact=0.1, latency_share=0.0, volume_cap=0.05)
"""What paper trading assumes, live."""


class Level(NamedTuple):
    """An assumption about costs beside fees: spread, impact and volume against the expected ones, and latency."""

    name: str
    spread: float
    impact: float
    volume: float
    latency_ms: int


LEVELS = (
    Level("optimistic", 0.5, 0.0, 2.0, 0),
    Level("expected", 1.0, 1.0, 1.0, 0),
    Level("harsh", 3.0, 3.0, 0.5, 1000),
)
"""Every report shows all three; the expected one is what paper trading assumes."""


def fee_of(schedule: str) -> int:
    """The fee of ``VENUE`` or ``VENUE:TIER``, or of a fraction such as ``0.001``, in parts per million.

    Raises:
        InvalidValueError: neither.
    """
    venue, _, tier = schedule.partition(":")
    if venue in TAKER_PPM:
        fees = TAKER_PPM[venue]
        if tier and not (tier.isdecimal() and int(tier) < len(fees)):
            raise InvalidValueError("fee tier", tier, f"0 to {len(fees) - 1} of {venue}")
        return fees[int(tier or 0)]
    try:
        share = float(schedule)
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 0.1:
        allowed = f"a fraction from 0 to 0.1, or {', '.join(TAKER_PPM)} with an optional :TIER"
        raise InvalidValueError("fee", schedule, allowed)
    return round(share * 1_000_000)


def at_level(level: Level, fee_ppm: int, timeframe_ms: int, latency_ms: int = 0) -> Costs:
    """The costs of a level.

    Args:
        latency_ms: how long an order travels, as expected; added to the level's own.
    """
    return Costs(
        fee_ppm,
        PAPER.half_spread * level.spread,
        PAPER.impact * level.impact,
        math.sqrt(min(1.0, (level.latency_ms + latency_ms) / timeframe_ms)),
        PAPER.volume_cap * level.volume,
    )

"""Markets by name: what ``--market`` may say."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, available, chosen
from cryptopilot.adapters.news.recorded import RecordedNews
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import DAY, grid_at_or_before, parse_time, timeframe_ms
from cryptopilot.engine.clock import wall_ms
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.news import NewsSource
from cryptopilot.runtime.settings import Settings
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import DEFAULT_SYMBOLS, SandboxMarket

LABELS = {"sandbox": SandboxMarket.label, "replay": RecordedMarket.label}

_FIRST_DAY, _LAST_DAY = 0, 4_102_444_800_000


class Choice(NamedTuple):
    """Which stretch of a replay is wanted; empty texts mean all there is."""

    exchange: str = "BINANCE"
    start: str = ""
    until: str = ""


class Market(NamedTuple):
    """Where bars and headlines come from."""

    candles: CandleSource
    news: tuple[NewsSource, ...]


def spec(settings: Settings, choice: Choice) -> dict[str, Any]:
    """What identifies the market asked for: the same spec resumes the same session."""
    if settings.market == "sandbox":
        for name, value in (("from", choice.start), ("to", choice.until)):
            if value:
                raise InvalidValueError(name, value, "on a replay only; the sandbox has no end")
        return {
            "market": "sandbox",
            "symbols": sorted(settings.symbols or DEFAULT_SYMBOLS),
            "timeframe": settings.timeframe or "5m",
        }
    folder = _folder(settings)
    timeframe = settings.timeframe or "1h"
    symbols = chosen(settings.symbols, available(folder, choice.exchange, timeframe))
    until = parse_time("to", choice.until) if choice.until else _LAST_DAY
    return {
        "market": "replay",
        "folder": str(folder.resolve()),
        "exchange": choice.exchange,
        "symbols": list(symbols),
        "timeframe": timeframe,
        "start": parse_time("from", choice.start) if choice.start else _FIRST_DAY,
        "until": until + DAY if len(choice.until) == len("2022-01-31") else until,
    }


def drawn(wanted: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """The spec of a new session: a made-up market gets its seed, drawn unless given, and its first instant."""
    if wanted["market"] != "sandbox":
        return dict(wanted)
    step = timeframe_ms(wanted["timeframe"])
    first = grid_at_or_before(wall_ms(), step) + step
    return {**wanted, "seed": secrets.randbelow(2**31) if seed is None else seed, "first_decision": first}


def open_market(session: Mapping[str, Any]) -> Market:
    """The market that a session's spec describes."""
    symbols: Sequence[str] = session["symbols"]
    if session["market"] == "sandbox":
        step = timeframe_ms(session["timeframe"])
        candles = SandboxMarket(session["seed"], symbols, step, session["first_decision"])
        return Market(candles, (SandboxNews(candles, session["seed"]),))
    folder = Path(session["folder"])
    recording = Recording(
        folder, session["exchange"], session["timeframe"], tuple(symbols), session["start"], session["until"]
    )
    recorded = RecordedMarket(recording)
    return Market(recorded, (RecordedNews(folder, recorded.first_instant, session["until"]),))


def _folder(settings: Settings) -> Path:
    kind, _, place = settings.market.partition(":")
    if kind != "replay" or not place:
        raise InvalidValueError("PIPELINE_MARKET", settings.market, "sandbox, or replay:DIR")
    return Path(place)

"""Markets by name: what ``--market`` may say."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, available, chosen, whole_stretch
from cryptopilot.adapters.news.recorded import RecordedNews
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import DAY, grid_at_or_before, iso, parse_time, timeframe_ms
from cryptopilot.engine.clock import wall_ms
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.news import NewsSource
from cryptopilot.runtime.settings import Settings
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import DEFAULT_SYMBOLS, SandboxMarket

LABELS = {"sandbox": SandboxMarket.label, "replay": RecordedMarket.label}


class Choice(NamedTuple):
    """Which stretch of a replay is wanted; unsaid, from where every symbol has its history to the last candle."""

    exchange: str = "BINANCE"
    start: str = ""
    until: str = ""


class Market(NamedTuple):
    """Where bars and headlines come from, and what is to be said of it at the start."""

    candles: CandleSource
    news: tuple[NewsSource, ...]
    notes: tuple[str, ...] = ()


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
    until = parse_time("to", choice.until) if choice.until else None
    whole_day = until is not None and len(choice.until) == len("2022-01-31")
    return {
        "market": "replay",
        "folder": str(folder.resolve()),
        "exchange": choice.exchange,
        "symbols": list(symbols),
        "timeframe": timeframe,
        "start": parse_time("from", choice.start) if choice.start else None,
        "until": until + DAY if until is not None and whole_day else until,
    }


def drawn(wanted: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """The spec of a new session: a made-up market gets its seed, drawn unless given; every one where it begins.

    Raises:
        DataFileError: a file of a replay without start or end is missing, empty or damaged;
        InvalidValueError: it ends before it begins.
    """
    if wanted["market"] != "sandbox":
        return {**wanted, **_stretch(wanted)}
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
    first, last = session["first_decision"], session["last_instant"]
    recorded = RecordedMarket(Recording(folder, session["exchange"], session["timeframe"], tuple(symbols), first, last))
    return Market(recorded, (RecordedNews(folder, recorded.first_instant, last),), tuple(_notes(recorded, last)))


def _stretch(wanted: Mapping[str, Any]) -> dict[str, int]:
    """The first and the last instant of a replay: what was asked for, and else what the recording has."""
    first, last = wanted["start"], wanted["until"]
    if first is None or last is None:
        whole = whole_stretch(Path(wanted["folder"]), wanted["exchange"], wanted["timeframe"], wanted["symbols"])
        if first is not None and first >= whole.last_instant:
            raise InvalidValueError(
                "from", iso(first), f"before the last candle has closed ({iso(whole.last_instant)})"
            )
        first = whole.first_decision if first is None else first
        last = whole.last_instant if last is None else last
    return {"first_decision": first, "last_instant": last}


def _notes(market: RecordedMarket, last: int) -> Iterator[str]:
    yield f"replays {iso(market.first_decision)} to {iso(last)}"
    if market.joining:
        late = ", ".join(f"{symbol} (candles from {iso(first)})" for symbol, first in market.joining.items())
        yield f"without a whole history at first: {late}"


def _folder(settings: Settings) -> Path:
    kind, _, place = settings.market.partition(":")
    if kind != "replay" or not place:
        raise InvalidValueError("PIPELINE_MARKET", settings.market, "sandbox, or replay:DIR")
    return Path(place)

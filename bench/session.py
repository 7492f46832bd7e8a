"""A whole session on a real database file: what the server runs, without its doors."""

from pathlib import Path
from typing import Any

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.adapters.storage.spill import FileSpill
from cryptopilot.engine.recovery import Recovered
from cryptopilot.ports.candles import CandleSource
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.wiring import Assembly, assemble, one_quote


def settings_in(home: Path, **given: Any) -> Settings:
    """The default settings, but for what is *given* by environment name, with their home in *home*."""
    return load_settings(CRYPTOPILOT_HOME=str(home), **given)


def open_journal(candles: CandleSource, settings: Settings) -> SqlJournal:
    """A new session of a market in the database of the settings' home."""
    quote = one_quote(candles.instruments)
    engine = open_database(settings.url())
    sessions = Sessions(engine)
    session = sessions.open(candles.name, candles.label, {"bench": True}, quote, candles.timeframe_ms, 0)
    sessions.describe(session.id, candles.instruments)
    return SqlJournal(engine, session.id, quote, {s: i.scale for s, i in candles.instruments.items()})


def started(market: Market, settings: Settings) -> tuple[Assembly, Recovered]:
    """The four agents on *market*, its history folded, the pipeline started."""
    journal = open_journal(market.candles, settings)
    spill = FileSpill(settings.home / "spill.jsonl")
    assembly = assemble("bench", market, journal, spill, settings.mandate(), settings)
    recovered = assembly.recover()
    assembly.pipeline.started = True
    return assembly, recovered

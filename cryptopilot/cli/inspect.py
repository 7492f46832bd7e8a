"""What commands look up in the journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso, parse_time
from cryptopilot.runtime.explain import EXITS, Explainer
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.reproduce import reproduce
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.shapes.decisions import Lineage
from cryptopilot.runtime.wiring import WALLET, ensemble_card


def explained(decision: str, session_id: str | None) -> Lineage:
    """A decision's lineage; ``last`` is the newest trade."""
    with _opened(session_id) as (_, engine, session):
        reader = Reader(engine, session.id, WALLET)
        explainer = Explainer(reader, open_market(session.spec).candles, ensemble_card())
        symbol, at, moment = decision.partition("@")
        if at:
            return explainer.at(symbol, parse_time("decision", moment))
        if decision == "last":
            trades = reader.trades(limit=1)
            if not trades:
                raise InvalidValueError("decision", "last", "a session that has traded; this one has no trade yet")
            decision = trades[0].id
        return explainer.lineage(decision)


def listed_sessions() -> list[dict[str, Any]]:
    """Every session, newest first: its market, span, and what its closed trades came to."""
    with _opened(None) as (_, engine, _):
        found = []
        for session in Sessions(engine).all():
            totals = Reader(engine, session.id, WALLET).totals()
            quote = str(session.spec["symbols"][0]).partition("/")[2]
            found.append(
                {
                    "session_id": session.id,
                    "market": session.market,
                    "label": session.label,
                    "timeframe": session.spec["timeframe"],
                    "symbols": len(session.spec["symbols"]),
                    "last_instant": None if session.last_instant is None else iso(session.last_instant),
                    "trades": totals.closed,
                    "won": totals.won,
                    "realised_pnl": f"{money(totals.realised, quote):f}",
                    "fees": f"{money(totals.fees, quote):f}",
                }
            )
        return found


def listed_trades(session_id: str | None) -> list[dict[str, Any]]:
    """Every trade of a session, oldest first."""
    with _opened(session_id) as (_, engine, session):
        instruments = open_market(session.spec).candles.instruments
        found = []
        for row in reversed(Reader(engine, session.id, WALLET).trades()):
            instrument = instruments[row.symbol]
            closed = row.closed_at is not None
            found.append(
                {
                    "trade_id": row.id,
                    "symbol": row.symbol,
                    "opened_at": iso(row.opened_at),
                    "closed_at": iso(row.closed_at) if closed else None,
                    "quantity": f"{instrument.quantity(row.lots):f}",
                    "entry_price": f"{instrument.decimal_price(row.entry_ticks):f}",
                    "exit_price": f"{instrument.decimal_price(row.exit_ticks):f}" if closed else None,
                    "exit_reason": EXITS[row.exit_reason],
                    "fees": f"{money(row.fees, instrument.quote):f}",
                    "pnl": f"{money(row.realised, instrument.quote):f}",
                    "pnl_pct": row.realised / row.cost if closed else None,
                }
            )
        return found


def reproduced(session_id: str | None) -> dict[str, Any]:
    """How a session's second run compares with its journal."""
    with _opened(session_id) as (settings, engine, session):
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"running {session.id} again", total=1.0)
            answer = reproduce(engine, session, settings, lambda share: bar.update(task, completed=share))
        differs = answer.difference
        return {
            "session_id": session.id,
            "records": answer.records,
            "difference": None if differs is None else {"recorded": repr(differs[0]), "reproduced": repr(differs[1])},
        }


@contextmanager
def _opened(session_id: str | None) -> Iterator[tuple[Settings, Engine, MarketSession]]:
    """The database of this home, and a session in it: the named one, or the newest."""
    settings = load_settings()
    if not settings.has_database():
        raise InvalidValueError(
            "session", session_id or "newest", f"one that exists; {settings.home} has no database yet"
        )
    engine = open_database(settings.url())
    try:
        sessions = Sessions(engine).all()
        found = next((s for s in sessions if session_id in (None, s.id)), None)
        if found is None:
            known = ", ".join(s.id for s in sessions) or "none yet; run: cryptopilot serve"
            raise InvalidValueError("session", session_id, known)
        yield settings, engine, found
    finally:
        engine.dispose()

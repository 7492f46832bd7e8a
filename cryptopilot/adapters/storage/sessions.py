"""Market sessions and autowallets: which books exist."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, insert, select, update

from cryptopilot.adapters.storage import codec, schema
from cryptopilot.adapters.storage.database import writing
from cryptopilot.domain.instrument import Instrument, atoms_per_unit
from cryptopilot.domain.mandate import Mandate


class MarketSession(NamedTuple):
    """One stretch of one market with books of its own. *spec* is what identifies the market."""

    id: str
    market: str
    label: str
    spec: Mapping[str, Any]
    created_at: int
    ended_at: int | None
    last_instant: int | None


class Sessions:
    """The sessions of a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def resumable(self, market: str, spec: Mapping[str, Any]) -> MarketSession | None:
        """The newest session of that market and spec that has not ended."""
        return next((s for s in self.all() if s.market == market and s.ended_at is None and _same(s.spec, spec)), None)

    def all(self) -> list[MarketSession]:
        """Every session, newest first."""
        table = schema.market_sessions
        with self._engine.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.created_at.desc(), table.c.id.desc())).all()
        return [
            MarketSession(r.id, r.market, r.label, json.loads(r.spec), r.created_at, r.ended_at, r.last_instant)
            for r in rows
        ]

    def open(
        self, market: str, label: str, spec: Mapping[str, Any], quote: str, timeframe_ms: int, created_at: int
    ) -> MarketSession:
        """A new session."""
        table = schema.market_sessions
        with writing(self._engine) as connection:
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            session = MarketSession(
                f"{market.partition(':')[0]}-{count + 1}", market, label, spec, created_at, None, None
            )
            connection.execute(
                insert(table),
                [
                    {
                        "id": session.id, "market": market, "label": label, "spec": json.dumps(spec, sort_keys=True),
                        "quote": quote, "timeframe_ms": timeframe_ms, "created_at": created_at,
                    }
                ],
            )  # fmt: skip
        return session

    def describe(self, session_id: str, instruments: Mapping[str, Instrument]) -> list[str]:
        """Keep the grids of a session's instruments, once; afterwards, the symbols whose grid is another now."""
        table = schema.instruments
        rows = [_instrument_row(session_id, i) for i in instruments.values()]
        with writing(self._engine) as connection:
            kept = {
                r.symbol: (r.tick_size, r.lot_size)
                for r in connection.execute(select(table).where(table.c.session_id == session_id))
            }
            if not kept:
                connection.execute(insert(table), rows)
        return [
            str(r["symbol"]) for r in rows if kept and kept.get(str(r["symbol"])) != (r["tick_size"], r["lot_size"])
        ]

    def end(self, session_id: str, at: int) -> None:
        table = schema.market_sessions
        with writing(self._engine) as connection:
            connection.execute(update(table).where(table.c.id == session_id).values(ended_at=at))

    def wallet(self, wallet_id: str, name: str, mandate: Mandate, created_at: int) -> None:
        """Keep a wallet and its mandate as it is now."""
        table = schema.autowallets
        with writing(self._engine) as connection:
            fields = {"name": name, "mandate": codec.encode_mandate(mandate)}
            changed = connection.execute(update(table).where(table.c.id == wallet_id).values(**fields))
            if not changed.rowcount:
                connection.execute(insert(table), [{"id": wallet_id, **fields, "created_at": created_at}])


def _instrument_row(session_id: str, instrument: Instrument) -> dict[str, object]:
    row = {n: getattr(instrument, n) for n in ("symbol", "price_num", "price_den", "lot_num", "lot_den")}
    texts = {n: f"{getattr(instrument, n):f}" for n in ("tick_size", "lot_size", "max_price")}
    return {"session_id": session_id, **row, **texts, "quote_atoms": atoms_per_unit(instrument.quote)}


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether two specs mean one market; the seed, and where it begins and ends, are its session's own."""
    own = ("seed", "first_decision", "last_instant")
    return {k: v for k, v in ours.items() if k not in own} == {k: v for k, v in theirs.items() if k not in own}

"""Why: decisions with their verdicts, their lineage, and the funnel; news as it arrived; the audit trail."""

from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from cryptopilot.adapters.storage.rows import news_of
from cryptopilot.api.asking import READING, Asking, Desk, Listed, moment, next_cursor
from cryptopilot.domain.errors import InvalidValueError, NotFoundError
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.explain import Explainer
from cryptopilot.runtime.shapes.decisions import (
    AuditAnswer,
    DecisionAnswer,
    DecisionsAnswer,
    FunnelAnswer,
    Lineage,
    LineageAnswer,
    NewsAnswer,
)
from cryptopilot.runtime.shapes.pipeline import SignalShape
from cryptopilot.runtime.views import decisions as views
from cryptopilot.runtime.views.market import headline

router = APIRouter(prefix="/api", tags=["explain"])

_LOOKING_FAR = BoundedSemaphore(2)
"""Who reads through much of a journal takes turns: however many ask, the pipeline shares the processor with two."""


class ListedDecisions(Listed):
    """Also by the rule that refused, or the reason to hold; and by signal type."""

    rule: str | None = Field(None, max_length=40, pattern="^[a-z_]+$")
    signal_type: str | None = Field(None, max_length=40, pattern="^[A-Z_]+$")


class Stretch(BaseModel):
    """A stretch of market time; the whole session when nothing is said."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)


class ListedAudit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=500)
    cursor: int | None = Field(None, ge=1, le=2**53)
    action: str | None = Field(None, max_length=40, pattern="^[a-z_.]+$")
    who: str | None = Field(None, max_length=64, pattern="^[A-Za-z0-9._@-]+$")


DecisionId = Annotated[str, Path(max_length=64, description="Id of a trade, order or signal, or SYMBOL@TIME.")]


@router.get("/decisions", responses=READING)
def decisions(_asking: Asking, desk: Desk, part: Annotated[ListedDecisions, Query()]) -> DecisionsAnswer:
    """Judged signals, newest first; a page looks back over 500 instants at most."""
    with _LOOKING_FAR:
        page = desk.service.pages().decisions(part.wanted(desk), part.rule, part.signal_type)
    assembly = desk.service.assembly
    found = [views.signal(j, assembly.instruments[j.signal.symbol], None, assembly.predictor.card) for j in page.judged]
    cursor = None if page.next is None else str(page.next)
    return {"success": True, "count": len(found), "decisions": found, "next_cursor": cursor}


@router.get("/decisions/funnel", responses=READING)
def funnel(_asking: Asking, desk: Desk, part: Annotated[Stretch, Query()]) -> FunnelAnswer:
    """Candles, predictions, signals, approvals, fills; and which rule stopped the rest."""
    since, until = moment("since", part.since), moment("until", part.until)
    if since is not None and until is not None and since >= until:
        raise InvalidValueError("until", part.until, f"a time after since ({part.since})")
    symbols = len(desk.service.assembly.instruments)
    if since is None and until is None:
        return {"success": True, "funnel": desk.board.posted().documents["funnel"].value}
    with _LOOKING_FAR:
        found = desk.service.pages().funnel(since, until)
    return {"success": True, "funnel": views.funnel(found, symbols, since, until)}


@router.get("/decisions/{decision_id:path}/lineage", responses={**READING, 404: READING[422]})
def lineage(_asking: Asking, desk: Desk, decision_id: DecisionId) -> LineageAnswer:
    """From profit back to fill, order, verdict, signal, prediction, features, candle and headline."""
    return {"success": True, "lineage": _explained(desk, decision_id)}


@router.get("/decisions/{decision_id:path}", responses={**READING, 404: READING[422]})
def decision(_asking: Asking, desk: Desk, decision_id: DecisionId) -> DecisionAnswer:
    """One judged signal."""
    told = _explained(desk, decision_id)
    return {"success": True, "decision": _flat(told)}


@router.get("/news", tags=["news"], responses=READING)
def news(_asking: Asking, desk: Desk, part: Annotated[Listed, Query()]) -> NewsAnswer:
    """Headlines by when they were first seen, newest first; *symbol* keeps those about its coin."""
    wanted = part.wanted(desk)
    if wanted.symbol is not None:
        wanted = wanted._replace(symbol=wanted.symbol.partition("/")[0])
    page = desk.service.pages().news(wanted)
    found = [headline(news_of(row)) for row in page.rows]
    return {"success": True, "count": len(found), "news": found, "next_cursor": next_cursor(page)}


@router.get("/audit", tags=["watching"], responses=READING)
def audit(_asking: Asking, desk: Desk, part: Annotated[ListedAudit, Query()]) -> AuditAnswer:
    """Who did what, newest first; each line is chained to the one before, *head* is the newest link."""
    trail = desk.access.audit
    trail.settle()
    entries = trail.entries(part.limit, part.cursor, part.action, part.who)
    _, head = trail.head()
    return {
        "success": True,
        "count": len(entries),
        "entries": [
            {
                "seq": e.seq, "at": iso(e.at), "who": e.who, "action": e.action, "subject": e.subject,
                "detail": dict(e.detail), "address": e.address, "hash": e.hash,
            }
            for e in entries
        ],
        "next_cursor": str(entries[-1].seq) if len(entries) == part.limit and entries[-1].seq > 1 else None,
        "head": head,
    }  # fmt: skip


def _explained(desk: Desk, identifier: str) -> Lineage:
    """A decision's lineage.

    Raises:
        NotFoundError: no decision has that id.
    """
    assembly = desk.service.assembly
    explainer = Explainer(desk.service.reader(), assembly.market.candles, assembly.predictor.card)
    symbol, at, moment_text = identifier.partition("@")
    with _LOOKING_FAR:
        try:
            decided_at = moment("decision", moment_text) if at else None
            return explainer.at(symbol, decided_at) if decided_at is not None else explainer.lineage(identifier)
        except InvalidValueError as error:
            raise NotFoundError("decision", identifier[:64], error.allowed) from error


def _flat(told: Lineage) -> SignalShape:
    """The signal of a lineage in the shape of a list's entry."""
    s, belief = told["signal"], told["prediction"]
    return {
        "id": s["id"],
        "symbol": told["symbol"],
        "signal_type": s["signal_type"],
        "side": s["side"],
        "confidence": s["confidence"],
        "direction_prob": None if belief is None else belief["direction_prob"],
        "price": s["price"],
        "position_size": s["position_size"],
        "stop_loss": s["stop_loss"],
        "take_profit": s["take_profit"],
        "reasoning": s["reason"] if belief is None else f"{s['reason']}; {belief['reasoning']}",
        "verdict": s["verdict"],
        "expires_at": s["expires_at"],
        "timestamp": told["instant"],
    }

"""Positions, orders, fills, the account; closing by hand; limits, halt and resume."""

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from cryptopilot.api.asking import CHANGING, READING, Acting, Asking, Body, Desk, Part, hot, next_cursor
from cryptopilot.api.pipeline import LimitsChange, changed
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.runtime.control import Left
from cryptopilot.runtime.shapes.books import AccountAnswer, CloseAnswer, FillsAnswer, OrdersAnswer, PositionsAnswer
from cryptopilot.runtime.shapes.pipeline import ChangedAnswer, Done, Risk
from cryptopilot.runtime.views import books

router = APIRouter(prefix="/api")


class RiskAnswer(TypedDict):
    success: bool
    risk: Risk


class Reason(Body):
    """Why; it is written down with who asked."""

    why: str = Field(min_length=1, max_length=200)


@router.get("/positions", tags=["positions"], responses=READING, response_model=PositionsAnswer)
def positions(request: Request, _asking: Asking) -> Response:
    """Open positions in symbol order."""
    return hot(request, "positions")


@router.get("/orders", tags=["positions"], responses=READING)
def orders(_asking: Asking, desk: Desk, part: Part) -> OrdersAnswer:
    """Orders, newest first."""
    page = desk.service.pages().orders(part.wanted(desk))
    instruments = desk.service.assembly.instruments
    found = [books.order(row, instruments[row.symbol]) for row in page.rows]
    return {"success": True, "count": len(found), "orders": found, "next_cursor": next_cursor(page)}


@router.get("/fills", tags=["positions"], responses=READING)
def fills(_asking: Asking, desk: Desk, part: Part) -> FillsAnswer:
    """Fills, newest first."""
    page = desk.service.pages().fills(part.wanted(desk))
    instruments = desk.service.assembly.instruments
    found = [books.fill(row, instruments[row.symbol]) for row in page.rows]
    return {"success": True, "count": len(found), "fills": found, "next_cursor": next_cursor(page)}


@router.get("/account", tags=["positions"], responses=READING, response_model=AccountAnswer)
def account(request: Request, _asking: Asking) -> Response:
    """Where the money is."""
    return hot(request, "account")


@router.post("/positions/close-all", tags=["positions"], responses=CHANGING)
def close_all(who: Acting, desk: Desk) -> CloseAnswer:
    """Order the exit of every position, at its next price."""
    left = desk.control.close_all(who)
    return _closing(left, f"{len(left.orders)} exits are ordered; each fills at its next price")


@router.post("/positions/{position_id}/close", tags=["positions"], responses=CHANGING)
def close(who: Acting, desk: Desk, position_id: str = Path(max_length=64)) -> CloseAnswer:
    """Order the exit of one position, at its next price."""
    left = desk.control.close(who, position_id)
    return _closing(left, "the exit is ordered; it fills at the next price")


@router.get("/risk", tags=["safety"], responses=READING, response_model=RiskAnswer)
def risk(request: Request, _asking: Asking) -> Response:
    """Where the books stand against their limits."""
    return hot(request, "risk")


@router.put("/risk/limits", tags=["safety"], responses=CHANGING)
def limits(asked: LimitsChange, who: Acting, desk: Desk) -> ChangedAnswer:
    """Change a part of the limits: in force from the next review on, and after a restart too."""
    return changed(desk, who, asked.model_dump(exclude_unset=True), "limits.change")


@router.post("/risk/halt", tags=["safety"], responses=CHANGING)
def halt(asked: Reason, who: Acting, desk: Desk) -> Done:
    """No entry from now on, until somebody resumes; open positions stay protected and can be closed."""
    desk.control.halt(who, _reason(asked))
    return {"success": True, "message": "entries are halted; open positions stay protected"}


@router.post("/risk/resume", tags=["safety"], responses=CHANGING)
def resume(asked: Reason, who: Acting, desk: Desk) -> Done:
    """Let entries go on; daily loss and drawdown count from the present equity."""
    desk.control.resume(who, _reason(asked))
    return {"success": True, "message": "entries are allowed; losses count from the present equity"}


def _reason(asked: Reason) -> str:
    why = asked.why.strip()
    if not why or not why.isprintable():
        raise InvalidValueError("why", asked.why, "a reason in words, on one line")
    return why


def _closing(left: Left, message: str) -> CloseAnswer:
    return {"success": True, "message": message, "orders": left.orders, "skipped": left.skipped}

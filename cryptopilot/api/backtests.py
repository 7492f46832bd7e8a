"""Would this have worked? Backtests as jobs of one's own, and what they can be asked with."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from cryptopilot.adapters.storage.pages import Cursor
from cryptopilot.api.asking import CHANGING, READING, Acting, Asking, Body, Desk, may_answer, next_cursor
from cryptopilot.api.pipeline import setting_field
from cryptopilot.domain.instrument import SYMBOL
from cryptopilot.runtime import preferences
from cryptopilot.runtime.jobs import asking, offers
from cryptopilot.runtime.shapes.backtests import (
    BacktestAnswer,
    BacktestsAnswer,
    ReportShape,
    SeriesAnswer,
    StrategiesAnswer,
)
from cryptopilot.runtime.views.backtests import backtest as shown

router = APIRouter(prefix="/api", tags=["research"])

_ONE = {**READING, **may_answer(404)}
_REPORT = {**_ONE, **may_answer(409)}
_SANDBOX = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""A report needs its style and nothing else; wherever it is opened, nothing in it runs (SECURITY.md, R28)."""

MandateChange: Any = create_model(
    "MandateChange",
    __base__=Body,
    __doc__="Limits and exits to try; what is left out is as it is in force.",
    **{name: setting_field(name) for name in (*preferences.LIMITS, *preferences.EXITS)},
)


class BacktestAsked(Body):
    """A question to history. Times are market time; a date as *to* is included."""

    model_config = ConfigDict(populate_by_name=False)

    symbols: list[Annotated[str, Field(pattern=SYMBOL.pattern, max_length=40)]] = Field(min_length=1, max_length=50)
    exchange: str = Field(pattern="^[A-Z0-9_]{1,32}$", description="As GET /api/candles/series names it.")
    timeframe: str = Field(pattern="^[0-9]{1,3}[a-z]$", description="Such as 5m or 1h.")
    start: str = Field(alias="from", min_length=10, max_length=40)
    until: str = Field(alias="to", min_length=10, max_length=40)
    strategy: str = Field(
        "ensemble", pattern="^[a-z][a-z0-9_-]{0,31}$", description="A name of GET /api/strategies; never a file."
    )
    parameters: dict[str, int | float | str] = Field(default_factory=dict, max_length=100)
    capital: Annotated[str, Field(pattern=preferences.AMOUNT)] = Field(
        "", description="In quote; the server's unless given."
    )
    fee: str = Field("binance", pattern="^[a-z0-9.:]{1,40}$", description="A fraction, or VENUE[:TIER].")
    latency_ms: int = Field(0, ge=0, le=600_000)
    trials: int = Field(1, ge=1, le=1_000_000, description="How many settings were tried so far, this one included.")
    mandate: MandateChange = Field(default_factory=MandateChange)
    data: Literal["store", "session"] = Field(
        "store", description="The home's candle store, or the folder that the session replays."
    )


class ListedBacktests(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=100)
    cursor: str | None = Field(None, max_length=100)


BacktestId = Annotated[str, Path(max_length=64)]


@router.get("/strategies", responses=READING)
def strategies(_asking: Asking) -> StrategiesAnswer:
    """Strategies that can be named, with their parameters and what these may be."""
    found = offers.offered_strategies()
    return {"success": True, "count": len(found), "strategies": found}


@router.get("/candles/series", responses=READING)
def series(_asking: Asking, desk: Desk) -> SeriesAnswer:
    """Candles that are there: in the home's store, and in the folder that the session replays."""
    found = offers.offered_series(desk.service.settings)
    return {"success": True, "count": len(found), "series": found}


@router.post("/backtests", status_code=202, responses=CHANGING)
def run(asked: BacktestAsked, identity: Asking, who: Acting, desk: Desk) -> BacktestAnswer:
    """Queue a backtest. It is judged whole first, and runs in a process of its own, one of each user at a time."""
    wanted = asking.Asked(
        tuple(asked.symbols), asked.exchange, asked.timeframe, asked.start, asked.until, asked.strategy,
        asked.parameters, asked.capital or None, asked.fee, asked.latency_ms, asked.trials,
        asked.mandate.model_dump(exclude_unset=True), asked.data,
    )  # fmt: skip
    question, errand = asking.understood(wanted, desk.service.settings)
    return {"success": True, "backtest": shown(desk.jobs.submit(identity.user_id, who, question, errand))}


@router.get("/backtests", responses=READING)
def backtests(identity: Asking, desk: Desk, part: Annotated[ListedBacktests, Query()]) -> BacktestsAnswer:
    """One's own backtests, newest first."""
    page = desk.jobs.page(identity.user_id, part.limit, None if part.cursor is None else Cursor.parse(part.cursor))
    found = [shown(job) for job in page.rows]
    return {"success": True, "count": len(found), "backtests": found, "next_cursor": next_cursor(page)}


@router.get("/backtests/{backtest_id}", responses=_ONE)
def backtest(identity: Asking, desk: Desk, backtest_id: BacktestId) -> BacktestAnswer:
    """Where one of one's own backtests stands."""
    return {"success": True, "backtest": shown(desk.jobs.get(identity.user_id, backtest_id))}


@router.get("/backtests/{backtest_id}/report", responses=_REPORT, response_model=ReportShape)
def report(identity: Asking, desk: Desk, backtest_id: BacktestId) -> Response:
    """The whole report of a backtest that is done: what `cryptopilot backtest --json` writes, its equity thinned."""
    return Response(desk.jobs.document(identity.user_id, backtest_id), media_type="application/json")


@router.get(
    "/backtests/{backtest_id}/report.html",
    responses={**_REPORT, 200: {"content": {"text/html": {}}, "description": "One page, to be saved."}},
    response_class=Response,
)
def report_page(identity: Asking, desk: Desk, backtest_id: BacktestId) -> Response:
    """The same as one page to save and look at: as an attachment, and wherever it is opened nothing in it runs."""
    job = desk.jobs.get(identity.user_id, backtest_id)
    page = desk.jobs.html(identity.user_id, job.id)
    headers = {
        "Content-Security-Policy": _SANDBOX,
        "Content-Disposition": f'attachment; filename="backtest-{job.id}.html"',
    }
    return Response(page, headers=headers, media_type="text/html; charset=utf-8")


@router.delete("/backtests/{backtest_id}", responses=CHANGING)
def drop(identity: Asking, who: Acting, desk: Desk, backtest_id: BacktestId) -> BacktestAnswer:
    """Cancel a backtest that waits or runs; remove one that has ended, with its report."""
    return {"success": True, "backtest": shown(desk.jobs.drop(identity.user_id, who, backtest_id))}

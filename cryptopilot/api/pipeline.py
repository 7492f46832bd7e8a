"""The documented surface of the pipeline: what it shows, and how it is steered."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, create_model

from cryptopilot.adapters.storage.pages import Wanted
from cryptopilot.api.asking import (
    CHANGING,
    READING,
    Acting,
    Asking,
    Body,
    Desk,
    Part,
    hot,
    next_cursor,
)
from cryptopilot.domain.instrument import SYMBOL
from cryptopilot.domain.stage import Stage
from cryptopilot.runtime import preferences
from cryptopilot.runtime.shapes.pipeline import (
    ChangedAnswer,
    ClearedAnswer,
    ConfigAnswer,
    Done,
    MarketAnswer,
    PredictionsAnswer,
    SignalsAnswer,
    StageAnswer,
    StatusAnswer,
    TradesAnswer,
)
from cryptopilot.runtime.shapes.statistics import StatisticsAnswer
from cryptopilot.runtime.status import pipeline_config
from cryptopilot.runtime.views import books
from cryptopilot.runtime.views.stage import stage_answer

router = APIRouter(prefix="/api/trading-pipeline", tags=["pipeline"])


@router.get("/status", responses=READING, response_model=StatusAnswer)
def status(request: Request, _asking: Asking) -> Response:
    """What runs, how each agent does, where books and limits stand."""
    return hot(request, "status")


@router.get("/market-data", responses=READING, response_model=MarketAnswer)
def market_data(request: Request, _asking: Asking) -> Response:
    """The newest closed candle of every symbol, with its age."""
    return hot(request, "market")


@router.get("/predictions", responses=READING, response_model=PredictionsAnswer)
def predictions(request: Request, _asking: Asking) -> Response:
    """The newest prediction of every symbol, with what moved it."""
    return hot(request, "predictions")


@router.get("/signals", responses=READING, response_model=SignalsAnswer)
def signals(request: Request, _asking: Asking) -> Response:
    """The newest instant's signals, with their verdicts, in the order of their review."""
    return hot(request, "signals")


@router.get("/trades", responses=READING, response_model=TradesAnswer)
def trades(request: Request, _asking: Asking, desk: Desk, part: Part) -> Any:
    """Trades, newest first by when they were ordered: pending, open, closed, and entries that were cancelled."""
    wanted = part.wanted(desk)
    if wanted == Wanted():
        return hot(request, "trades")
    page = desk.service.pages().trades(wanted)
    instruments = desk.service.assembly.instruments
    found = [books.trade(row, instruments[row.symbol]) for row in page.rows]
    return {"success": True, "count": len(found), "trades": found, "next_cursor": next_cursor(page)}


@router.get("/statistics", responses=READING)
def statistics(_asking: Asking, desk: Desk) -> StatisticsAnswer:
    """What the session has come to so far, after costs, beside buying and holding."""
    return {"success": True, "statistics": desk.service.statistics()}


@router.post("/start", responses=CHANGING)
def start(who: Acting, desk: Desk) -> Done:
    """Let the stages decide, from the next instant on."""
    desk.control.start(who)
    return {"success": True, "message": "the pipeline is started"}


@router.post("/stop", responses=CHANGING)
def stop(who: Acting, desk: Desk) -> Done:
    """Decide no more; answers once the stage in hand has ended. Open positions stay protected."""
    desk.control.stop(who)
    return {"success": True, "message": "the pipeline is stopped; open positions stay protected"}


@router.post("/force-collect", responses=CHANGING)
def force_collect(who: Acting, desk: Desk) -> StageAnswer:
    """Give the collector its turn now."""
    return stage_answer(desk.control.force(who, Stage.COLLECTOR))


@router.post("/force-predict", responses=CHANGING)
def force_predict(who: Acting, desk: Desk) -> StageAnswer:
    """Give the predictor its turn now."""
    return stage_answer(desk.control.force(who, Stage.PREDICTOR))


@router.post("/force-signals", responses=CHANGING)
def force_signals(who: Acting, desk: Desk) -> StageAnswer:
    """Give the strategy its turn now."""
    return stage_answer(desk.control.force(who, Stage.STRATEGY))


@router.post("/force-execute", responses=CHANGING)
def force_execute(who: Acting, desk: Desk) -> StageAnswer:
    """Give the trader its turn now: the same review, the same limits."""
    return stage_answer(desk.control.force(who, Stage.TRADER))


@router.get("/config", responses=READING)
def config(_asking: Asking, desk: Desk) -> ConfigAnswer:
    """Every setting with its range, and where its value comes from."""
    service = desk.service
    found = preferences.described(service.given, service.settings, desk.access.settings.all())
    return {"success": True, "config": pipeline_config(service.settings), "settings": found}


def setting_field(name: str) -> Any:
    """A setting's type and bounds, as a field that may be left out."""
    low, high = preferences.bounds(name)
    if name in ("min_order", "max_order"):
        amount = f"An amount from {low:g} to {high:g}."
        return (str, Field(default=None, pattern=preferences.AMOUNT, description=amount))
    if name == "whitelist":
        symbol = Annotated[str, Field(pattern=SYMBOL.pattern)]
        return (list[symbol] | None, Field(default=None, max_length=1000))
    kind = int if name in preferences.INTERVALS or name in ("max_concurrent_trades", "cooldown") else float
    return (kind, Field(default=None, ge=low, le=high))


_NESTED = ("max_position_size", "max_daily_loss", "max_correlation", "max_drawdown", *preferences.EXITS)

RiskManagementChange: Any = create_model(
    "RiskManagementChange", __base__=Body, **{name: setting_field(name) for name in _NESTED}
)
ConfigChange: Any = create_model(
    "ConfigChange",
    __base__=Body,
    __doc__="A part of the configuration, in its published shape; what is left out stays as it is.",
    **{name: setting_field(name) for name in preferences.CHANGEABLE if name not in _NESTED},
    risk_management=(RiskManagementChange, Field(default=None)),
)
LimitsChange: Any = create_model(
    "LimitsChange",
    __base__=Body,
    __doc__="A part of the limits; what is left out stays as it is.",
    **{name: setting_field(name) for name in preferences.LIMITS},
)


@router.put("/config", responses=CHANGING)
def change_config(asked: ConfigChange, who: Acting, desk: Desk) -> ChangedAnswer:
    """Change a part of the settings: judged whole, stored, and in force from the next stage on."""
    given: dict[str, Any] = asked.model_dump(exclude_unset=True)
    wanted = {**given.pop("risk_management", {}), **given}
    return changed(desk, who, wanted, "config.change")


def changed(desk: Desk, who: Acting, wanted: dict[str, Any], action: str) -> ChangedAnswer:
    """What a change of settings came to."""
    changes = desk.control.change(who, wanted, action)
    names = ", ".join(c["name"] for c in changes.changed)
    return {
        "success": True,
        "message": f"changed: {names}" if names else "nothing differs from what is in force",
        "changed": changes.changed,
        "config": pipeline_config(changes.settings),
    }


@router.post("/clear-cache", responses=CHANGING)
def clear_cache(who: Acting, desk: Desk) -> ClearedAnswer:
    """Forget what only speeds up looking; the books are untouched."""
    return {"success": True, "cleared": desk.control.clear_cache(who)}

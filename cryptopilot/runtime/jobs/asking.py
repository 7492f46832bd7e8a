"""From what a client asks to an errand: everything is judged before anything is queued, and no client names a path."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cryptopilot.adapters.exchanges.recorded import series_in
from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.series import Series
from cryptopilot.domain.timeframe import DAY, iso, parse_time, timeframe_ms
from cryptopilot.runtime import preferences, strategies
from cryptopilot.runtime.jobs.errand import Errand, carried
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.shapes.backtests import QuestionShape
from cryptopilot.simulation.costs import fee_of

Data = Literal["store", "session"]
DATA: tuple[Data, ...] = ("store", "session")

MOST_BARS = 5_000_000
"""Candles of all symbols together that one backtest may read: nine coins by the minute for a year."""
_FIRST, _LAST = 0, 4_102_444_800_000
_REPLAY = "replay:"


class Asked(NamedTuple):
    """A backtest as a client asks for it; what is None is as the server has it.

    Args:
        start, until: a date or ISO 8601; a date as *until* is included. mandate: limits and exits by name.
        data: the home's candle store, or the folder that the session replays.
    """

    symbols: tuple[str, ...]
    exchange: str
    timeframe: str
    start: str
    until: str
    strategy: str
    parameters: Mapping[str, Any]
    capital: str | None
    fee: str
    latency_ms: int
    trials: int
    mandate: Mapping[str, Any]
    data: Data


def understood(asked: Asked, settings: Settings) -> tuple[QuestionShape, Errand]:
    """What is asked, complete, and the errand that it becomes.

    Args:
        settings: as in force, whose limits hold where *asked* names none.
    Raises:
        InvalidValueError: a field is wrong; names it. StrategyError: an installed strategy cannot be had.
    """
    folder = folder_of(asked.data, settings)
    symbols = _symbols(asked, series_in(folder))
    start, until = _stretch(asked, len(symbols))
    parameters = _parameters(asked)
    fee_of(asked.fee)
    tried = preferences.varied(settings, asked.mandate)
    if asked.capital is not None:
        tried = preferences.replaced(tried, capital=asked.capital)
    tried = tried.model_copy(
        update={
            "market": f"{_REPLAY}{folder.resolve()}", "symbols": symbols, "timeframe": asked.timeframe,
            "strategy": asked.strategy, "strategy_parameters": json.dumps(parameters, sort_keys=True),
        }
    )  # fmt: skip
    question: QuestionShape = {
        "symbols": list(symbols), "exchange": asked.exchange, "timeframe": asked.timeframe, "from": iso(start),
        "to": iso(until), "strategy": asked.strategy, "parameters": parameters,
        "capital": preferences.plain(tried.capital), "fee": asked.fee, "latency_ms": asked.latency_ms,
        "trials": asked.trials, "mandate": dict(asked.mandate), "data": asked.data,
    }  # fmt: skip
    errand = Errand(carried(tried), asked.exchange, iso(start), iso(until), asked.fee, asked.latency_ms, asked.trials)
    return question, errand


def folder_of(data: Data, settings: Settings) -> Path:
    """Where candles of that kind lie.

    Raises:
        InvalidValueError: the session replays no folder.
    """
    if data == "store":
        return settings.home
    if not settings.market.startswith(_REPLAY):
        raise InvalidValueError("data", data, "store; session only where the session is a replay of recorded candles")
    return Path(settings.market.removeprefix(_REPLAY))


def _symbols(asked: Asked, there: list[Series]) -> tuple[str, ...]:
    """The symbols, sorted, once each, all of which there are."""
    if not there:
        raise InvalidValueError("data", asked.data, "one that has candles; cryptopilot data import brings some in")
    _require("exchange", asked.exchange, {s.exchange for s in there})
    _require("timeframe", asked.timeframe, {s.timeframe for s in there if s.exchange == asked.exchange})
    known = {s.symbol for s in there if (s.exchange, s.timeframe) == (asked.exchange, asked.timeframe)}
    for symbol in asked.symbols:
        _require("symbols", symbol, known)
    if len({symbol.partition("/")[2] for symbol in asked.symbols}) > 1:
        raise InvalidValueError("symbols", list(asked.symbols), "pairs against one and the same quote asset")
    return tuple(sorted(set(asked.symbols)))


def _require(field: str, value: str, known: set[str]) -> None:
    if value not in known:
        raise InvalidValueError(field, value, ", ".join(sorted(known)))


def _stretch(asked: Asked, symbols: int) -> tuple[int, int]:
    """From when to when, in ms UTC, both included."""
    start, until = _time("from", asked.start), _time("to", asked.until)
    if len(asked.until) == len("2022-01-31"):
        until += DAY
    if until <= start:
        raise InvalidValueError("to", asked.until, f"a time after from ({asked.start})")
    step = timeframe_ms(asked.timeframe)
    if (until - start) // step * symbols > MOST_BARS:
        longest = iso(start + MOST_BARS // symbols * step)
        raise InvalidValueError(
            "to", asked.until, f"up to {longest}: {MOST_BARS:,} candles of all {symbols} symbols together"
        )
    return start, until


def _time(field: str, text: str) -> int:
    time = parse_time(field, text)
    if not _FIRST <= time <= _LAST:
        raise InvalidValueError(field, text, "a time from 1970 to 2100")
    return time


def _parameters(asked: Asked) -> dict[str, Any]:
    """Every parameter of the strategy with its value; the strategy is built in or installed, never a file."""
    if asked.strategy not in strategies.names():
        raise InvalidValueError("strategy", asked.strategy, ", ".join(strategies.names()))
    chosen = strategies.named(asked.strategy, asked.parameters)
    return dict(chosen.values) if isinstance(chosen, Chosen) else {}

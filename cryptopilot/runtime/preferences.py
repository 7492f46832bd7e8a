"""Settings that can be changed while running: what they are, where each value comes from, and how a change is judged.

A value set in the environment wins and stays; else the stored one; else the default.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cryptopilot.adapters.storage.database import connect
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.domain.errors import ConflictError, InvalidValueError
from cryptopilot.domain.instrument import SYMBOL
from cryptopilot.runtime.settings import Settings, allowed
from cryptopilot.runtime.shapes.pipeline import ChangeShape, SettingShape

INTERVALS = (
    "data_collection_interval",
    "prediction_interval",
    "signal_generation_interval",
    "trade_execution_interval",
)
LIMITS = (
    "max_daily_loss", "max_drawdown", "max_position_size", "max_concurrent_trades", "max_correlation",
    "min_confidence_threshold", "min_order", "max_order", "cooldown", "whitelist",
)  # fmt: skip
EXITS = ("stop_loss_percentage", "take_profit_percentage")
CHANGEABLE = (*INTERVALS, *LIMITS, *EXITS)

AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,8})?$"
"""An amount of the quote asset as a text: digits, and down to its smallest unit."""

_WORDS = {
    "data_collection_interval": ("s", "How often the collector is woken, in market time."),
    "prediction_interval": ("s", "How often the predictor is woken, in market time."),
    "signal_generation_interval": ("s", "How often the strategy is woken, in market time."),
    "trade_execution_interval": ("s", "How often the trader is woken, and how old a signal may be when it is ordered."),
    "max_concurrent_trades": ("positions", "Positions and entries at work at the same time."),
    "min_confidence_threshold": ("rank", "How decisive a prediction must be among its model's last 1,000."),
    "max_position_size": ("fraction", "Share of equity in one position."),
    "max_daily_loss": ("fraction", "Loss since midnight UTC at which entries stop."),
    "max_drawdown": ("fraction", "Fall from the highest equity at which entries stop."),
    "max_correlation": ("correlation", "How closely a new position may move with one that is open."),
    "stop_loss_percentage": ("fraction", "Distance of the stop below the entry."),
    "take_profit_percentage": ("fraction", "Distance of the target above the entry."),
    "min_order": ("quote", "Smallest order."),
    "max_order": ("quote", "Largest order."),
    "cooldown": ("s", "Market time after leaving a symbol before it may be entered again."),
    "whitelist": ("symbols", "The only symbols that may be entered; unset for all."),
    "strategy": ("", "Whose wishes are followed: a name, or the file that it is in."),
    "strategy_parameters": ("", "The strategy's parameters, a JSON object."),
    "paper_trading": ("", "Live trading is not in this version."),
    "market": ("", "sandbox, or replay:DIR."),
    "symbols": ("symbols", "What is traded; the market's own choice when empty."),
    "timeframe": ("", "Length of a candle; the market's own choice when unset."),
    "seed": ("", "What the sandbox's prices are drawn from; drawn itself when unset."),
    "speed": ("x", "Market seconds a second, or max."),
    "log_format": ("", "console, or json."),
    "capital": ("quote", "What a new session begins with."),
}


class Changes(NamedTuple):
    """A change that has been judged whole: the settings it leads to, and what differs."""

    settings: Settings
    changed: list[ChangeShape]
    stored: dict[str, str]


def effective(given: Settings, stored: Mapping[str, str]) -> Settings:
    """*given* with what is stored for everything that neither environment nor command line says.

    Raises:
        InvalidValueError: a stored value is none that this program allows.
    """
    kept = {n: msgspec.json.decode(v) for n, v in stored.items() if n in CHANGEABLE and n not in given.model_fields_set}
    return _built(given, kept, set(kept))


def with_stored(given: Settings) -> Settings:
    """*given* with what its home's database has stored, where there is one: what its server goes by.

    Raises:
        JournalUnavailableError: the database does not answer; InvalidValueError: as `effective`.
    """
    if not given.has_database():
        return given
    engine = connect(given.url())
    try:
        return effective(given, StoredSettings(engine).all())
    finally:
        engine.dispose()


def judged(given: Settings, current: Settings, wanted: Mapping[str, Any]) -> Changes:
    """What changing *wanted* (by name, as JSON values) leads to; nothing is changed yet.

    Args:
        given: as environment and command line say; current: as in force.
    Raises:
        InvalidValueError: a value is malformed or out of its range, alone or beside the others.
        ConflictError: one is set by the environment.
    """
    for name in wanted:
        if name not in CHANGEABLE:
            raise InvalidValueError(name, wanted[name], f"a setting that can be changed: {', '.join(CHANGEABLE)}")
        if name in given.model_fields_set:
            raise ConflictError(
                f"{name} is set by the environment ({_alias(name)}); change it there, or unset it there first"
            )
        _require_kind(name, wanted[name])
    settings = _built(current, wanted, set(wanted))
    settings.mandate()  # Limits that contradict each other are refused here.
    changed: list[ChangeShape] = [
        {"name": n, "before": plain(getattr(current, n)), "after": plain(getattr(settings, n))}
        for n in wanted
        if getattr(settings, n) != getattr(current, n)
    ]
    return Changes(settings, changed, {n: msgspec.json.encode(wanted[n]).decode() for n in wanted})


def varied(current: Settings, wanted: Mapping[str, Any]) -> Settings:
    """*current* with other limits and exits (by name, as JSON values), to be tried on history; nothing is changed.

    Raises:
        InvalidValueError: a value is none of them, malformed or out of its range, alone or beside the others.
    """
    for name, value in wanted.items():
        if name not in (*LIMITS, *EXITS):
            raise InvalidValueError(name, value, f"a limit or an exit: {', '.join((*LIMITS, *EXITS))}")
        _require_kind(name, value)
    settings = _built(current, wanted, set(wanted))
    settings.mandate()  # Limits that contradict each other are refused here.
    return settings


def replaced(current: Settings, **values: Any) -> Settings:
    """*current* with other *values* by field name, validated whole.

    Raises:
        InvalidValueError: one is not allowed; names it.
    """
    return _built(current, values, set(values))


def described(given: Settings, current: Settings, stored: Mapping[str, str]) -> list[SettingShape]:
    """Every setting of the pipeline, with its range and where its value comes from."""
    return [_setting(name, given, current, stored) for name in _WORDS]


def bounds(name: str) -> tuple[float | None, float | None]:
    """The least and the greatest value of a setting; None where there is no such end."""
    marks = Settings.model_fields[name].metadata
    low = next((m.ge if hasattr(m, "ge") else m.gt for m in marks if hasattr(m, "ge") or hasattr(m, "gt")), None)
    high = next((m.le for m in marks if hasattr(m, "le")), None)
    return (None if low is None else float(low)), (None if high is None else float(high))


def plain(value: Any) -> Any:
    """A setting's value as JSON carries it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return list(value) if isinstance(value, tuple) else value


def _setting(name: str, given: Settings, current: Settings, stored: Mapping[str, str]) -> SettingShape:
    field: FieldInfo = Settings.model_fields[name]
    low, high = bounds(name)
    fixed = None
    if name in given.model_fields_set:
        fixed = f"set by the environment ({field.alias})"
    elif name not in CHANGEABLE:
        fixed = "read at the start only"
    unit, words = _WORDS[name]
    return {
        "name": name,
        "environment": str(field.alias),
        "value": plain(getattr(current, name)),
        "default": plain(field.get_default(call_default_factory=True)),
        "minimum": low,
        "maximum": high,
        "unit": unit,
        "source": "environment" if name in given.model_fields_set else "stored" if name in stored else "default",
        "changeable": fixed is None,
        "why_fixed": fixed,
        "description": words,
    }


def _alias(name: str) -> str:
    return str(Settings.model_fields[name].alias)


def _require_kind(name: str, value: Any) -> None:
    """A JSON value of the setting's own kind: no texts for numbers, no true for 1, nothing infinite."""
    kind = Settings.model_fields[name].annotation
    if name == "whitelist":
        if value is not None and not (
            isinstance(value, list) and all(isinstance(s, str) and SYMBOL.fullmatch(s) for s in value)
        ):
            raise InvalidValueError(name, value, "null, or a list of pairs such as BTC/USDT")
    elif kind is Decimal:
        if not isinstance(value, str) or not re.fullmatch(AMOUNT, value):
            raise InvalidValueError(name, value, f'an amount as a text, such as "10.5"; {allowed(_alias(name))}')
    elif kind is int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValueError(name, value, allowed(_alias(name)))
    elif not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidValueError(name, value, allowed(_alias(name)))


def _built(base: Settings, changes: Mapping[str, Any], own: set[str]) -> Settings:
    """*base* with *changes*, validated whole; only names in *own* come from the changes."""
    values = {str(f.alias): getattr(base, n) for n, f in Settings.model_fields.items() if n not in own}
    values |= {_alias(n): changes[n] for n in own}
    try:
        settings = Settings.model_validate(values, by_alias=True)
    except ValidationError as error:
        first = error.errors()[0]
        alias = str(first["loc"][0])
        name = next(n for n, f in Settings.model_fields.items() if f.alias == alias)
        raise InvalidValueError(name, first.get("input"), allowed(alias) or first["msg"]) from error
    return settings

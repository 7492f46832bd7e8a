"""Values of ours as plain JSON values, and their one canonical text."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import iso

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def plain(value: object, name: str = "value") -> Json:
    """*value* with money as strings, times as ISO 8601 in UTC, NaN as null, sets sorted.

    Dataclasses and named tuples become objects. A whole number in a field whose name
    ends in ``_at`` is an instant in ms UTC; the keys of a mapping are nobody's field names.

    Args:
        name: what the value is called; errors say it.
    Raises:
        InvalidValueError: something in it is infinite, or has no JSON value.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return iso(int(value)) if name.endswith("_at") else int(value)
    if isinstance(value, float | np.floating):
        return _number(float(value), name)
    if isinstance(value, Decimal):
        return _decimal(value, name)
    if isinstance(value, Mapping):
        return {str(key): plain(member, f"{name}[{key}]") for key, member in value.items()}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name), field.name) for field in fields(value)}
    return _list(value, name)


def canonical(value: Json) -> str:
    """The one text of a JSON value: keys sorted, no blanks, ASCII; equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _number(value: float, name: str) -> float | None:
    if value in (float("inf"), float("-inf")):
        raise InvalidValueError(name, value, "a finite number, or NaN where it is unknown")
    return value if value == value else None


def _decimal(value: Decimal, name: str) -> str:
    if not value.is_finite():
        raise InvalidValueError(name, str(value), "a finite number")
    return f"{value:f}"


def _list(value: object, name: str) -> Json:
    named: Any = getattr(value, "_fields", None)
    if named is not None:
        return {field: plain(getattr(value, field), field) for field in named}
    if isinstance(value, frozenset | set):
        return sorted((plain(member, name) for member in value), key=canonical)
    if isinstance(value, list | tuple):
        return [plain(member, name) for member in value]
    raise InvalidValueError(name, value, "numbers, texts, and what is made of them")

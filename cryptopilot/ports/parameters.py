"""What a strategy can be told: declared, with bounds, so that a bad value is an error before anything runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cryptopilot.domain.errors import InvalidValueError

Value: TypeAlias = int | float | str
"""What a parameter is set to."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter. Use `whole`, `number` or `choice`.

    Args:
        kind: int, float, or choice among *choices*.
        low, high: bounds, included; step: the grid of a search, which a value need not be on. 0 for a choice.
        words: what it does, for people.
    Raises:
        InvalidValueError: the name is no Python name, bounds are upside down, or the default is not allowed.
    """

    name: str
    kind: Literal["int", "float", "choice"]
    default: Value
    low: float
    high: float
    step: float
    choices: tuple[str, ...]
    words: str

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidValueError("parameter", self.name, "a Python name")
        if self.kind != "choice" and not (math.isfinite(self.low) and self.low <= self.high < math.inf):
            raise InvalidValueError(f"bounds of {self.name}", (self.low, self.high), "low up to high")
        if self.kind != "choice" and not 0 < self.step < math.inf:
            raise InvalidValueError(f"step of {self.name}", self.step, "above 0")
        self.checked(self.default)

    @classmethod
    def whole(cls, name: str, default: int, low: int, high: int, *, step: int = 1, words: str = "") -> "Parameter":
        """A whole number from *low* to *high*."""
        return cls(name, "int", default, low, high, step, (), words)

    @classmethod
    def number(cls, name: str, default: float, low: float, high: float, *, step: float, words: str = "") -> "Parameter":
        """A number from *low* to *high*."""
        return cls(name, "float", default, low, high, step, (), words)

    @classmethod
    def choice(cls, name: str, default: str, choices: Sequence[str], *, words: str = "") -> "Parameter":
        """One of *choices*."""
        return cls(name, "choice", default, 0, 0, 0, tuple(choices), words)

    @property
    def allowed(self) -> str:
        """What a value may be, for people."""
        if self.kind == "choice":
            return ", ".join(self.choices)
        return f"a {'whole ' if self.kind == 'int' else ''}number from {self.low:g} to {self.high:g}"

    def checked(self, value: object) -> Value:
        """*value*, as the strategy gets it: a whole number is a number too.

        Raises:
            InvalidValueError: it is not allowed.
        """
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.kind == "choice" and isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "int" and number and isinstance(value, int) and self.low <= value <= self.high:
            return value
        if self.kind == "float" and isinstance(value, int | float) and number and self.low <= value <= self.high:
            return float(value)
        raise InvalidValueError(self.name, value, self.allowed)


def complete(parameters: Sequence[Parameter], values: Mapping[str, object]) -> dict[str, Value]:
    """A value for every parameter: from *values*, else its default.

    Raises:
        InvalidValueError: a value is not allowed, or nobody declared its name.
    """
    known = {one.name: one for one in parameters}
    for name, value in values.items():
        if name not in known:
            raise InvalidValueError(f"parameter {name}", value, f"one of {', '.join(known) or 'none: it takes none'}")
    return {name: one.checked(values.get(name, one.default)) for name, one in known.items()}

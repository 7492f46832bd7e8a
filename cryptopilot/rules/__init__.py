"""The rules: every decision and every booking, once, as pure functions on plain numbers.

Live and paper call them as plain Python. Research compiles the very same functions. For both to give the same
result to the last bit they are written in a dialect (docs/decisions/0002-rules-once.md), which a test over the
syntax trees enforces.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

RULES: list[Callable[..., object]] = []
"""Every rule, in the order of definition: what research compiles."""


def rule(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Record *function* as a rule and return it untouched."""
    RULES.append(function)
    return function

"""A rule and its compiled twin, called together."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from cryptopilot.research.compiled import compiled_rules

_P = ParamSpec("_P")
_R = TypeVar("_R")


def both(rule: Callable[_P, _R]) -> Callable[_P, _R]:
    """*rule*, as live and as research would call it; what they answer has to be the same, type and bits.

    A plain list stands for a window; its twin gets an array.
    """
    twin: Callable[..., object] = compiled_rules().rule(rule)

    original: Callable[..., object] = rule

    def called(*args: Any) -> object:
        plain = original(*args)
        compiled = twin(*(np.array(a, np.float64) if isinstance(a, list) else a for a in args))
        assert repr(compiled) == repr(plain), f"compiled {compiled!r}, plain {plain!r}, of {args}"
        return plain

    return cast("Callable[_P, _R]", called)

"""What is searched: which values each parameter may take; and what makes two searches the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.parameters import Parameter, Value

Identity = Mapping[str, Any]
"""Plain JSON values: everything that trials of one study have in common."""


def distributions(parameters: Sequence[Parameter]) -> dict[str, BaseDistribution]:
    """The values that each parameter may be tried with: its grid from *low* on, as far as *high*.

    Raises:
        InvalidValueError: there is nothing to search.
    """
    if not parameters:
        raise InvalidValueError("--strategy", "one without parameters", "one that declares parameters")
    return {parameter.name: _distribution(parameter) for parameter in parameters}


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.kind == "choice":
        return CategoricalDistribution(parameter.choices)
    low, high, step = parameter.low, _last(parameter), parameter.step
    if parameter.kind == "int":
        return IntDistribution(int(low), int(high), step=max(1, int(step)))
    return FloatDistribution(low, high, step=step)


def _last(parameter: Parameter) -> float:
    """The highest value of the grid; in decimals, where three tenths are a multiple of one tenth."""
    low, high, step = (Decimal(str(x)) for x in (parameter.low, parameter.high, parameter.step))
    return float(low + (high - low) // step * step)


def on_grid(parameters: Sequence[Parameter], drawn: Mapping[str, Any]) -> dict[str, Value]:
    """Values as people write them: what was drawn as 0.30000000000000004 is 0.3, here and when it is typed in again."""
    return {p.name: _nearest(p, drawn[p.name]) if p.kind == "float" else drawn[p.name] for p in parameters}


def _nearest(parameter: Parameter, drawn: float) -> float:
    low, step = Decimal(str(parameter.low)), Decimal(str(parameter.step))
    return float(low + round((Decimal(drawn) - low) / step) * step)


def identity_of(parameters: Sequence[Parameter]) -> Identity:
    """What a study's identity says of its parameters."""
    return {
        p.name: {"choices": list(p.choices)}
        if p.kind == "choice"
        else {"kind": p.kind, "low": p.low, "high": p.high, "step": p.step}
        for p in parameters
    }


def differences(kept: Identity, asked: Identity) -> list[str]:
    """What makes two searches different, a line each; none when they are the same."""
    ours, theirs = dict(_leaves(asked)), dict(_leaves(kept))
    return [
        f"{path}: the study has {theirs.get(path, 'nothing')}, asked for is {ours.get(path, 'nothing')}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping) and node:
        for key, child in node.items():
            yield from _leaves(child, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(node, sort_keys=True)

"""What is swept: a declaration and a grid of values for its parameters, cut into groups that share their entries."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.sweep.declaration import (
    INDICATORS,
    NUMBER,
    Condition,
    Declaration,
    conditions,
    declaration_of,
    finite,
    require_bracket,
    require_length,
)

MOST_COMBINATIONS = 10_000_000
MOST_BRACKETS = 4096
"""How many pairs of stop and target one group has at most: what is kept in memory at a time."""

FIELDS = ("name", "enter", "leave", "stop", "target", "grid", "where")

Values = Mapping[str, float]


class Group(NamedTuple):
    """Combinations that enter and leave at the same bars.

    Args:
        entry: the values of the parameters of enter and leave; brackets: those of the others, one a combination.
    """

    entry: Values
    brackets: tuple[Values, ...]

    def values(self, place: int) -> dict[str, float]:
        """All values of a combination."""
        return {**self.entry, **self.brackets[place]}


@dataclass(frozen=True, slots=True)
class Space:
    """A declaration, the values that each parameter takes, and which combinations are left out.

    Args:
        where: comparisons of parameters and numbers that a combination has to fulfil.
    Raises:
        InvalidValueError: a parameter has no value or is not used, a value cannot be, or there are too many
            combinations.
    """

    declaration: Declaration
    grid: Mapping[str, tuple[float, ...]]
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        used = self.declaration.entry_names | self.declaration.bracket_names
        for name in sorted(used.union(*(c.names for c in self.where)) - self.grid.keys()):
            raise InvalidValueError("parameter", name, f"one of the grid: {', '.join(self.grid) or 'it has none'}")
        for name in self.grid.keys() - used:
            raise InvalidValueError(f"grid {name}", name, f"a parameter that is used: {', '.join(sorted(used))}")
        if self.combinations > MOST_COMBINATIONS:
            raise InvalidValueError("grid", f"{self.combinations} combinations", f"at most {MOST_COMBINATIONS}")
        self._check_values()
        for one in self.where:
            if {one.left.kind, one.right.kind} != {NUMBER} or "crosses" in one.relation:
                raise InvalidValueError("where", one, "parameters and numbers, compared by above or below")

    @property
    def combinations(self) -> int:
        """How many there are, those that *where* leaves out included."""
        return math.prod(len(values) for values in self.grid.values())

    def groups(self) -> Iterator[Group]:
        """All combinations that *where* leaves in, in the order of the grid, none of them twice."""
        entry = [name for name in self.grid if name in self.declaration.entry_names]
        others = [name for name in self.grid if name not in self.declaration.entry_names]
        for values in _product(self.grid, entry):
            pairs = _product(self.grid, others)
            kept = (pair for pair in pairs if all(_fulfilled(one, {**values, **pair}) for one in self.where))
            while brackets := tuple(itertools.islice(kept, MOST_BRACKETS)):
                yield Group(values, brackets)

    def _check_values(self) -> None:
        made = self.declaration
        for term in (t for c in (*made.enter, *made.leave) for t in (c.left, c.right)):
            if term.kind in INDICATORS and isinstance(term.value, str):
                for value in self.grid[term.value]:
                    require_length(f"grid {term.value}", value)
        for name, term in (("stop", made.stop), ("target", made.target)):
            for value in self.grid[term.value] if isinstance(term.value, str) else ():
                require_bracket(name, value)


def space_of(document: object) -> Space:
    """A space from a JSON document: name, enter, leave, stop, target, grid and where (docs/guide/sweep.md).

    Raises:
        InvalidValueError: something in it is missing, unknown or wrong; names field, value and what is allowed.
    """
    if not isinstance(document, dict):
        raise InvalidValueError("space", document, f"an object of {', '.join(FIELDS)}")
    for field in document.keys() - set(FIELDS):
        raise InvalidValueError("space", field, f"one of {', '.join(FIELDS)}")
    made = declaration_of(
        document.get("name", "declared"), document.get("enter"), document.get("leave", []), document.get("stop"),
        document.get("target"),
    )  # fmt: skip
    grid = document.get("grid")
    if not (isinstance(grid, dict) and grid):
        raise InvalidValueError("grid", grid, "an object of parameters, each with a list of values or a range")
    values = {name: _values(f"grid {name}", given) for name, given in grid.items()}
    return Space(made, values, conditions("where", document.get("where", [])))


def _values(field: str, given: object) -> tuple[float, ...]:
    if isinstance(given, dict):
        return _range(field, given)
    if not (isinstance(given, list) and given):
        raise InvalidValueError(field, given, "at least one number, or a range of from, to and step")
    found = tuple(finite(field, value) for value in given)
    if len(set(found)) < len(found):
        raise InvalidValueError(field, given, "each value once")
    return found


def _range(field: str, given: Mapping[str, object]) -> tuple[float, ...]:
    if set(given) != {"from", "to", "step"}:
        raise InvalidValueError(field, given, '{"from": .., "to": .., "step": ..}, both ends included')
    low, high, step = (finite(f"{field} {name}", given[name]) for name in ("from", "to", "step"))
    if not (step > 0.0 and low <= high and (high - low) / step < MOST_COMBINATIONS):
        raise InvalidValueError(field, given, f"from up to to by a step above 0, in fewer than {MOST_COMBINATIONS}")
    count = math.floor((high - low) / step + 1e-9) + 1
    return tuple(round(low + i * step, 12) for i in range(count))  # 0.1 + 2 * 0.1 is to be 0.3, as people write it.


def _product(grid: Mapping[str, tuple[float, ...]], names: list[str]) -> Iterator[Values]:
    return (dict(zip(names, drawn, strict=True)) for drawn in itertools.product(*(grid[name] for name in names)))


def _fulfilled(one: Condition, values: Values) -> bool:
    left, right = (float(term.bound(values).value) for term in (one.left, one.right))
    return left > right if one.relation == "above" else left < right

"""A strategy by declaration: when to enter and when to leave, as conditions in words, with parameters to be tried.

A condition compares two terms: ``ema(fast) crosses above ema(slow)``, ``rsi(14) below 70``. A term is a column of
prices, an indicator of the closes, a number, or a parameter, which stands for a number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.rules.signals import NEAREST, WIDEST_STOP, WIDEST_TARGET

PRICES = ("open", "high", "low", "close", "volume")
INDICATORS = ("ema", "rsi")
NUMBER = "number"
LONGEST = 10_000
"""Most bars that an indicator may count."""

RELATIONS = ("crosses above", "crosses below", "above", "below")
_CONDITION = re.compile(rf"\s*(.+?)\s+({'|'.join(RELATIONS)})\s+(.+?)\s*")
_INDICATOR = re.compile(rf"({'|'.join(INDICATORS)})\(\s*(\w+)\s*\)")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
ALLOWED = f"{', '.join(PRICES)}, ema(N), rsi(N), a number, or a parameter of the grid"


class Term(NamedTuple):
    """One side of a condition.

    Args:
        kind: a column of PRICES, one of INDICATORS, or NUMBER.
        value: the number or the indicator's length, or the name of the parameter that it is; of a price nothing: 0.
    """

    kind: str
    value: float | str

    def bound(self, values: Mapping[str, float]) -> "Term":
        """With the parameter's value for its name."""
        return Term(self.kind, float(values[self.value])) if isinstance(self.value, str) else self


class Condition(NamedTuple):
    """Two terms and how they are to stand to each other."""

    left: Term
    relation: str
    right: Term

    @property
    def names(self) -> frozenset[str]:
        """The parameters in it."""
        return frozenset(t.value for t in (self.left, self.right) if isinstance(t.value, str))

    def bound(self, values: Mapping[str, float]) -> "Condition":
        """With numbers for all parameters."""
        return Condition(self.left.bound(values), self.relation, self.right.bound(values))


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared. It enters where all of *enter* hold and leaves where any of *leave* does, which goes first.

    Args:
        name: what its purchases are tagged.
        stop, target: fractions of the mark, as numbers or parameters.
    """

    name: str
    enter: tuple[Condition, ...]
    leave: tuple[Condition, ...]
    stop: Term
    target: Term

    @property
    def entry_names(self) -> frozenset[str]:
        """The parameters that say when to enter and leave."""
        return frozenset[str]().union(*(condition.names for condition in (*self.enter, *self.leave)))

    @property
    def bracket_names(self) -> frozenset[str]:
        """Those that say where stop and target are."""
        return frozenset(term.value for term in (self.stop, self.target) if isinstance(term.value, str))

    def bound(self, values: Mapping[str, float]) -> "Declaration":
        """With numbers for all parameters.

        Raises:
            InvalidValueError: a length, a stop or a target is out of bounds.
        """
        made = replace(
            self, enter=tuple(c.bound(values) for c in self.enter), leave=tuple(c.bound(values) for c in self.leave),
            stop=self.stop.bound(values), target=self.target.bound(values),
        )  # fmt: skip
        for condition in (*made.enter, *made.leave):
            for term in (condition.left, condition.right):
                if term.kind in INDICATORS:
                    require_length(term.kind, term.value)
        require_bracket("stop", made.stop.value)
        require_bracket("target", made.target.value)
        return made


def declaration_of(name: object, enter: object, leave: object, stop: object, target: object) -> Declaration:
    """A declaration from the values of a JSON document.

    Raises:
        InvalidValueError: something in it is not understood; names field, value and what is allowed.
    """
    if not (isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name)):
        raise InvalidValueError("name", name, "1 to 32 small letters, digits, - and _, beginning with a letter")
    entering = conditions("enter", enter)
    if not entering:
        raise InvalidValueError("enter", enter, "at least one condition")
    return Declaration(name, entering, conditions("leave", leave), _number("stop", stop), _number("target", target))


def conditions(field: str, texts: object) -> tuple[Condition, ...]:
    """Conditions from a list of texts.

    Raises:
        InvalidValueError: it is no list, or one is not understood.
    """
    if not isinstance(texts, list):
        raise InvalidValueError(field, texts, "a list of conditions")
    return tuple(condition(f"{field}[{i}]", text) for i, text in enumerate(texts))


def condition(field: str, text: object) -> Condition:
    """A condition from its text."""
    found = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidValueError(field, text, f"TERM {' | '.join(RELATIONS)} TERM")
    return Condition(_term(field, found[1]), found[2], _term(field, found[3]))


def _term(field: str, text: str) -> Term:
    if text in PRICES:
        return Term(text, 0.0)
    if (found := _INDICATOR.fullmatch(text)) is not None:
        length: float | str = found[2] if _NAME.fullmatch(found[2]) else _float(field, found[2])
        return Term(found[1], require_length(f"{field}, {found[1]}", length) if isinstance(length, float) else length)
    return Term(NUMBER, text if _NAME.fullmatch(text) else _float(field, text))


def _float(field: str, text: str) -> float:
    try:
        return finite(field, float(text))
    except ValueError:
        raise InvalidValueError(field, text, ALLOWED) from None


def _number(field: str, value: object) -> Term:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return Term(NUMBER, value)
    return Term(NUMBER, require_bracket(field, finite(field, value)))


def finite(field: str, value: object) -> float:
    """A finite number.

    Raises:
        InvalidValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise InvalidValueError(field, value, "a finite number")
    return float(value)


def require_length(field: str, value: object) -> float:
    """How many bars an indicator counts: a whole number."""
    if not (isinstance(value, float) and value.is_integer() and 1 <= value <= LONGEST):
        raise InvalidValueError(field, value, f"a whole number of bars from 1 to {LONGEST}")
    return value


def require_bracket(field: str, value: object) -> float:
    """A stop or a target within the bounds of a mandate."""
    high = WIDEST_STOP if field == "stop" else WIDEST_TARGET
    if not (isinstance(value, float) and NEAREST <= value <= high):
        raise InvalidValueError(field, value, f"a fraction of the mark from {NEAREST} to {high}")
    return value

"""Every rule is written in the dialect that means the same to the interpreter and to the compiler."""

import importlib
from pathlib import Path

import pytest

from cryptopilot import rules
from tests.unit.rules.dialect import Names, problems, rule_modules

MODULES = rule_modules(Path(rules.__path__[0]))


def test_every_module_of_rules_is_written_in_the_dialect() -> None:
    names = Names()
    found = {module: problems(source, names) for module, source in MODULES.items()}
    assert found == {module: [] for module in MODULES}


def test_every_function_of_the_modules_is_on_record_as_a_rule() -> None:
    for module in MODULES:
        importlib.import_module(f"cryptopilot.rules.{module}")
    names = Names()
    for source in MODULES.values():
        problems(source, names)
    assert sorted(names.rules) == sorted(function.__name__ for function in rules.RULES)


def test_no_two_rules_share_a_name() -> None:
    written = [line for source in MODULES.values() for line in source.splitlines() if line.startswith("def ")]
    names = [line.removeprefix("def ").partition("(")[0] for line in written]
    assert len(names) == len(set(names)) >= 50


ALLOWED = '''
import math
from typing import NamedTuple

WINDOW = 20


class Pair(NamedTuple):
    a: int
    b: float


@rule
def half(x: float) -> float:
    """Half of it."""
    return x / 2.0


@rule
def allowed(x: float, n: int, pair: Pair, window: Sequence[float]) -> tuple[int, float]:
    """Everything a rule may do."""
    total = 0.0
    for value in window[n - 1 :]:
        total += value / float(pair.a)
    for i in range(len(window)):
        total += half(window[i])
    while n > WINDOW:
        n = n // 2 + (n & 1)
    if not x <= total:
        return math.floor(x), min(x, abs(total)) / pair.b
    made = Pair(max(n, 1), math.sqrt(x))
    return made.a, made.b if n > 0 else x


Halving: TypeAlias = Callable[[float], float]
HALVINGS: tuple[Halving, ...] = (half, half)


@rule
def quartered(x: float) -> float:
    """A loop over a list of rules."""
    for halving in HALVINGS:
        x = halving(x) / 1.0
        if x > 2.0:
            return x
    return x
'''


def test_what_a_rule_may_do_is_not_complained_of() -> None:
    assert problems(ALLOWED) == []


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("return x**2", "a power"),
        ("return x**0.5", "a power"),
        ("x **= 2.0", "a power"),
        ("return sum(window)", "a call of sum"),
        ("return round(x, 2)", "a call of round"),
        ("return n / 3", "a division of integers: n / 3"),
        ("return (n + 1) / len(window)", "a division of integers: (n + 1) / len(window)"),
        ("return math.floor(x) / n", "a division of integers: math.floor(x) / n"),
        ("n /= 2", "a division of integers: n / 2"),
        ("return max(n, 2) / abs(n)", "a division of integers: max(n, 2) / abs(n)"),
        ("return mystery / n", "a division of integers: mystery / n"),
        ("return int(x)", "a call of int"),
        ("return None", "a None"),
        ("return {1: x}", "a dict"),
        ("return dict()", "a call of dict"),
        ("return {n, 2}", "a set"),
        ("return [x]", "a list"),
        ("return 'up'", "a string"),
        ("return b'up'", "a string"),
        ("return f'{x}'", "an f-string"),
        ("raise ValueError", "an exception"),
        ("assert x", "an exception"),
        ("try:\n        n = 1\n    except ValueError:\n        n = 2", "an exception"),
        ("return max(x for x in window)", "a comprehension"),
        ("return len([x for x in window])", "a comprehension"),
        ("key = lambda x: x", "a lambda"),
        ("return print(x)", "a call of print"),
        ("return math.exp(x)", "a call of math.exp"),
        ("return math.pow(x, x)", "a call of math.pow"),
        ("return math.fsum(window)", "a call of math.fsum"),
        ("return window.index(x)", "a call of window.index"),
        ("return unknown_rule(x)", "a call of unknown_rule"),
        ("return bool(n)", "a call of bool"),
        ("return min(n, key=x)", "a keyword argument"),
        ("total = 0\n    total += x", "total is both an integer and a float"),
        ("return n if n > 0 else 0.5", "either an integer or a float: n if n > 0 else 0.5"),
        ("import os", "a reach outside"),
        ("global n", "a reach outside"),
        ("return n in window", "other syntax"),
        ("return x is n", "other syntax"),
        ("def inner() -> int:\n        return 1", "a definition inside a rule"),
    ],
)
def test_what_a_rule_may_not_do_is_named(statement: str, named: str) -> None:
    source = f"@rule\ndef bad(x: float, n: int, window: Window) -> float:\n    {statement}\n"
    assert f"bad: {named}" in problems(source)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("def helper(x: float) -> float:\n    return x\n", "helper: not a rule"),
        ("def _helper(x: float) -> float:\n    return x\n", "_helper: not a rule"),
        ("@rule\nasync def wait(x: float) -> float:\n    return x\n", "wait: other than a plain function"),
        ("@rule\n@cache\ndef twice(x: float) -> float:\n    return x\n", "twice: not a rule"),
        ("@rule\ndef bare(x) -> float:\n    return 1.0\n", "bare: x is not annotated"),
        ("@rule\ndef bare(x: float):\n    return x\n", "bare: its result is not annotated"),
        (
            "@rule\ndef lenient(x: float = 1.0) -> float:\n    return x\n",
            "lenient: other than plain arguments",
        ),
        ("@rule\ndef many(*x: float) -> float:\n    return 1.0\n", "many: other than plain arguments"),
        (
            "Made: TypeAlias = Callable[[float], int]\nLIST: tuple[Made, ...] = ()\n\n\n"
            "@rule\ndef ratio(x: float) -> float:\n    for one in LIST:\n        x = one(x) / 2\n    return x\n",
            "ratio: a division of integers: one(x) / 2",
        ),
        *(
            (
                "Made: TypeAlias = Callable[[float], float]\nLIST: tuple[Made, ...] = ()\n\n\n"
                f"@rule\ndef early(x: float) -> float:\n    for one in LIST:\n        {leaving}\n    return x\n",
                "early: a way out of the loop over LIST other than returning",
            )
            for leaving in ("break", "continue", "x = one(x)\n    else:\n        return x")
        ),
        ("class Thing:\n    pass\n", "Thing: a class that is no NamedTuple"),
    ],
)
def test_what_a_module_of_rules_may_not_hold_is_named(source: str, named: str) -> None:
    assert named in problems(source)

"""What can be swept, and how a space that cannot be is told so."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.sweep.space import MOST_BRACKETS, space_of
from tests.fakes.sweeps import CROSS, a_space


def combinations(space: Any) -> list[dict[str, float]]:
    return [group.values(k) for group in space.groups() for k in range(len(group.brackets))]


CROSS_VALUES = ((2, 3, 5), (4, 8, 13), (60, 101), (0.01, 0.03), (0.01, 0.05))


def test_groups_hold_every_combination_that_is_left_in_once() -> None:
    found = combinations(a_space())
    expected = [
        {"fast": fast, "slow": slow, "most": most, "stop": stop, "target": target}
        for fast, slow, most, stop, target in itertools.product(*CROSS_VALUES)
        if fast < slow
    ]  # fmt: skip
    assert found == expected
    assert a_space().combinations == 72 > len(found)


@given(st.integers(1, 40), st.integers(1, 400))
def test_a_group_has_no_more_brackets_than_fit_and_loses_none(stops: int, targets: int) -> None:
    grid = {"fast": [2], "slow": [4], "most": [60], "stop": [0.01 + 0.001 * i for i in range(stops)],
            "target": [0.01 + 0.001 * i for i in range(targets)]}  # fmt: skip
    sizes = [len(group.brackets) for group in a_space(grid=grid).groups()]
    assert sum(sizes) == stops * targets
    assert max(sizes) <= MOST_BRACKETS


def test_a_range_has_both_its_ends_and_values_as_people_write_them() -> None:
    space = a_space(grid={**CROSS["grid"], "stop": {"from": 0.1, "to": 0.4, "step": 0.1}})
    assert space.grid["stop"] == (0.1, 0.2, 0.3, 0.4)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"enter": []}, "enter is []"),
    ({"enter": ["sma(fast) crosses above ema(slow)"]}, "enter[0] is 'sma(fast)'; allowed: open, high, low, close"),
    ({"enter": ["ema(fast) touches ema(slow)"]}, "enter[0] is 'ema(fast) touches ema(slow)'; allowed: TERM"),
    ({"enter": ["ema(quick) above close"]}, "parameter is 'quick'; allowed: one of the grid: fast"),
    ({"enter": ["ema(2.5) above close"]}, "enter[0] is"),
    ({"leave": "never"}, "leave is 'never'; allowed: a list"),
    ({"stop": 0.9}, "stop is 0.9; allowed: a fraction"),
    ({"target": None}, "target is None"),
    ({"grid": {}}, "grid is {}"),
    ({"grid": {**CROSS["grid"], "fast": []}}, "grid fast is []"),
    ({"grid": {**CROSS["grid"], "fast": [2, 2]}}, "grid fast is [2, 2]; allowed: each value once"),
    ({"grid": {**CROSS["grid"], "fast": [2.5]}}, "grid fast is 2.5; allowed: a whole number of bars"),
    ({"grid": {**CROSS["grid"], "most": [float("nan")]}}, "grid most is nan; allowed: a finite number"),
    ({"grid": {**CROSS["grid"], "most": [True]}}, "grid most is True"),
    ({"grid": {**CROSS["grid"], "stop": [0.9]}}, "stop is 0.9"),
    ({"grid": {**CROSS["grid"], "slow": {"from": 9, "to": 4, "step": 1}}}, "grid slow is"),
    ({"grid": {**CROSS["grid"], "unused": [1]}}, "grid unused is 'unused'"),
    ({"grid": {**CROSS["grid"], "most": {"from": 0, "to": 1_000_000, "step": 1}}}, "grid is '36000036 combinations'"),
    ({"where": ["ema(fast) below slow"]}, "where is"),
    ({"where": ["fast below slower"]}, "parameter is 'slower'"),
    ({"name": "Cross!"}, "name is 'Cross!'"),
    ({"size": 1}, "space is 'size'; allowed: one of name, enter"),
]


@pytest.mark.parametrize(("changed", "said"), BAD, ids=[said for _, said in BAD])
def test_a_bad_space_is_named_with_field_value_and_what_is_allowed(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(said)):
        a_space(**changed)


def test_what_is_no_object_is_no_space() -> None:
    with pytest.raises(InvalidValueError, match=re.escape("space is []")):
        space_of([])

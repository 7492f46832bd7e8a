"""A strategy's own callbacks: they make an entry smaller, stop it elsewhere, or refuse it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.entries import CallbackFailedError, answered
from cryptopilot.ports.strategy import Callbacks, Entry, wishes

ENTRY = Entry("BTC/USDT", 1_700_046_000_000, 40_000.0, 0.1, 0.02, 0.04, 0.8, 10_000.0, 9_000.0, 1)
NAN = float("nan")


def answers(value: object) -> Callable[[Entry], object]:
    def callback(entry: Entry) -> object:
        return value

    return callback


def with_callbacks(**callbacks: Callable[[Entry], Any]) -> Chosen:
    return Chosen("mine", "1", (), {}, 1, lambda c: wishes(np.zeros(len(c), int)), Callbacks(**callbacks))


def test_a_strategy_without_callbacks_leaves_the_entry_as_it_is() -> None:
    assert answered(with_callbacks(), ENTRY) == ENTRY


def test_a_stake_makes_an_entry_smaller_and_never_larger() -> None:
    assert answered(with_callbacks(stake=lambda e: e.size / 4), ENTRY) == ENTRY._replace(size=0.025)
    assert answered(with_callbacks(stake=answers(0.9)), ENTRY) == ENTRY
    assert answered(with_callbacks(stake=answers(np.float64(0.05))), ENTRY) == ENTRY._replace(size=0.05)


def test_a_stake_of_nothing_and_an_unconfirmed_entry_are_refused() -> None:
    assert answered(with_callbacks(stake=answers(0)), ENTRY) is None
    assert answered(with_callbacks(confirm=answers(False)), ENTRY) is None
    assert answered(with_callbacks(confirm=answers(np.bool_(True))), ENTRY) == ENTRY


def test_each_callback_sees_what_the_one_before_it_answered() -> None:
    seen: list[tuple[float, float]] = []

    def confirm(entry: Entry) -> bool:
        seen.append((entry.stop, entry.size))
        return True

    risk = with_callbacks(stop=answers(0.05), stake=lambda e: 0.002 / e.stop, confirm=confirm)
    assert answered(risk, ENTRY) == ENTRY._replace(stop=0.05, size=0.04)
    assert seen == [(0.05, 0.04)]


def breaks(entry: Entry) -> float:
    raise ZeroDivisionError("nothing left")


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        ({"stake": breaks}, "strategy mine, stake of BTC/USDT at 2023-11-15T11:00:00Z: ZeroDivisionError"),
        ({"stake": answers(NAN)}, "stake .* answered nan; allowed: a number from 0$"),
        ({"stake": answers(-0.1)}, "answered -0.1"),
        ({"stake": answers(float("inf"))}, "answered inf"),
        ({"stake": answers(None)}, "answered None"),
        ({"stake": answers(True)}, "answered True"),
        ({"stake": answers("0.1")}, "answered '0.1'"),
        ({"stop": answers(0.0009)}, "stop .* answered 0.0009; allowed: a number from 0.001 to 0.5"),
        ({"stop": answers(0.6)}, "answered 0.6"),
        ({"stop": answers(NAN)}, "answered nan"),
        ({"confirm": answers(1)}, "confirm .* answered 1; allowed: True or False"),
        ({"confirm": answers(None)}, "answered None"),
        ({"confirm": breaks}, "confirm of BTC/USDT .*ZeroDivisionError"),
    ],
)
def test_a_callback_that_fails_names_strategy_callback_symbol_and_instant(
    callbacks: dict[str, Callable[[Entry], Any]], said: str
) -> None:
    with pytest.raises(CallbackFailedError, match=said):
        answered(with_callbacks(**callbacks), ENTRY)

"""A stand-in for backtests with an account: a market that favours other parameters every day."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from cryptopilot.ports.parameters import Value
from cryptopilot.research.outcome import Outcome, Trade
from cryptopilot.research.search.measures import measured
from cryptopilot.research.windows import Span

HOUR = 3_600_000
DAY = 24 * HOUR
CAPITAL = 1_000_000


class Stretch(NamedTuple):
    """A task of a market that favours another *fast* each day: 10, 20, 30, 40, 50, and again."""

    fast: int
    begin: int
    end: int
    capital: int


def task_of(values: Mapping[str, Value], span: Span, capital: int | None) -> Stretch:
    return Stretch(int(values["fast"]), span.begin, span.end, CAPITAL if capital is None else capital)


def run(task: Stretch) -> Outcome:
    """Gains an hour the more, the nearer *fast* is to what the market favours then."""
    instants = np.arange(task.begin, task.end, HOUR)
    gains = 10 - abs(task.fast - 10 * (1 + instants // (DAY) % 5)) + instants // HOUR % 7
    equity = task.capital + np.cumsum(gains)
    zeros = np.zeros(len(instants), np.int64)
    trade = Trade(
        "BTC/USDT", "trend", task.begin, task.end, Decimal(1), Decimal(1), Decimal(2), Decimal(1), Decimal(1),
        Decimal(0), "target",
    )  # fmt: skip
    return Outcome(
        "expected", "USDT", task.capital, HOUR, instants, equity, zeros, zeros, np.linspace(1, 2, len(instants))
        * task.capital, 7, {"BUY": 1}, {"cooldown": 2}, (trade,),
    )  # fmt: skip


def measured_run(task: Stretch) -> dict[str, float]:
    """Its figures."""
    return measured(run(task))

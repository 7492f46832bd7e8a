"""The sweep books what the full driver books with limits that never bind, to the last unit."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopilot.research.backtest import Run, Setting, backtest
from cryptopilot.research.history import History
from cryptopilot.research.layout import FILLED, REFUSED
from cryptopilot.research.outcomes import outcome_of
from cryptopilot.research.statistics import statistics
from cryptopilot.research.sweep.declared import wish_table
from cryptopilot.research.sweep.engine import FILL
from cryptopilot.research.sweep.space import Group, Space
from cryptopilot.research.sweep.sweeping import Figures, Sweep
from cryptopilot.rules.fills import Costs
from cryptopilot.rules.protection import SIGNAL_EXIT, STOP, TARGET, TIME_LIMIT
from cryptopilot.simulation.costs import PAPER
from tests.fakes.sweeps import SYMBOL, a_history, a_setting, a_space

HARSH = Costs(fee_ppm=2000, half_spread=0.0005, impact=0.5, latency_share=0.3, volume_cap=0.02)
FREE = Costs(fee_ppm=0, half_spread=0.0, impact=0.0, latency_share=0.0, volume_cap=1.0)


def both(history: History, space: Space, setting: Setting, group: Group) -> tuple[Figures, Any, Run]:
    """One combination: its figures and fills, and the run of the full driver."""
    sweep = Sweep(space, history, SYMBOL, setting)
    fills = np.zeros(2000, FILL)
    account = sweep.accounts(group, fills)[0]
    bound = space.declaration.bound(group.values(0))
    run = backtest(history, setting, wishes=wish_table(history, SYMBOL, bound, sweep.shelf))
    return sweep.figures(account), fills[: int(account["used"])], run


def driven(run: Run) -> list[tuple[int, ...]]:
    """The driver's fills, as the sweep writes them."""
    filled = run.records[run.records["kind"] == FILLED]
    places = np.searchsorted(run.instants, filled["at"])
    codes = np.where(filled["side"] > 0, 0, filled["code"])
    columns = (places, filled["side"], codes, *(filled[name] for name in ("lots", "ticks", "fee", "cash")))
    return list(zip(*(column.tolist() for column in columns), strict=True))


GROUPS = [Group(group.entry, (bracket,)) for group in a_space().groups() for bracket in group.brackets]


@settings(max_examples=80)
@given(
    seed=st.integers(0, 10_000),
    group=st.sampled_from(GROUPS),
    size=st.sampled_from([0.01, 0.2, 0.5]),
    hours=st.sampled_from([0, 1, 5]),
    trailing=st.sampled_from([0.0, 0.005, 0.02]),
    slack=st.sampled_from([0.0, 0.001, 0.005]),
    costs=st.sampled_from([PAPER, HARSH, FREE]),
)
def test_a_combination_makes_the_driver_s_fills_and_equity_to_the_last_unit(
    seed: int, group: Group, size: float, hours: int, trailing: float, slack: float, costs: Costs
) -> None:
    history = a_history(seed)
    setting = a_setting(size=size, hours=hours, trailing=trailing, slack=slack, costs=costs)
    figures, fills, run = both(history, a_space(), setting, group)
    assert not (run.records["kind"] == REFUSED).any()  # No limit binds, or there is nothing to compare.
    assert fills.tolist() == driven(run)
    assert (figures.equity, figures.trades) == (int(run.equity[-1]), int(run.book["trades"]))
    assert_same_statistics(figures, run, history)


def assert_same_statistics(figures: Figures, run: Run, history: History) -> None:
    outcome = outcome_of(run, history, "expected", "USDT", "cross")
    found = statistics(outcome)
    assert figures.won == found.trades.won
    assert figures.profit_factor == pytest.approx(found.trades.profit_factor, rel=1e-9, nan_ok=True)
    if not math.isnan(found.returns.sharpe):
        assert figures.sharpe == pytest.approx(found.returns.sharpe, rel=1e-6, abs=1e-9)
    fills = run.records[(run.records["kind"] == FILLED) & (run.records["side"] < 0)]
    closes = fills["cash"][fills["cost"] == 0]
    curve = np.r_[run.capital, closes]
    assert figures.drawdown == pytest.approx(float((1.0 - curve / np.maximum.accumulate(curve)).max()), abs=1e-12)


def test_the_generated_markets_meet_every_way_to_leave_also_in_parts_and_positions_left_open() -> None:
    codes, in_parts, left_open = set[int](), 0, 0
    for seed in range(40):
        history = a_history(seed)
        figures, fills, _ = both(
            history, a_space(), a_setting(size=0.5, hours=5 * (seed % 2)), GROUPS[seed % len(GROUPS)]
        )
        codes |= set(fills["code"][fills["side"] < 0].tolist())
        sales = int((fills["side"] < 0).sum())
        in_parts += sales > figures.trades
        left_open += bool(fills["lots"] @ fills["side"])
    assert codes == {STOP, TARGET, SIGNAL_EXIT, TIME_LIMIT}
    assert in_parts
    assert left_open


def test_combinations_of_one_group_do_not_touch_each_other() -> None:
    history, space = a_history(3), a_space()
    sweep = Sweep(space, history, SYMBOL, a_setting())
    for group in space.groups():
        together = sweep.accounts(group)
        alone = [sweep.accounts(Group(group.entry, (bracket,)))[0] for bracket in group.brackets]
        assert together.tolist() == [account.tolist() for account in alone]

"""What a sweep keeps of its combinations, and how the best of them go on."""

import itertools
import math
import statistics as plain_statistics
import tracemalloc

import numpy as np
import pytest

from bench.sweep import SYMBOL as WALK
from bench.sweep import history, setting, space
from cryptopilot.agents.strategies.chosen import Chosen, choose
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.backtest import backtest
from cryptopilot.research.predictions import Predictions
from cryptopilot.research.sweep.declared import strategy_class, wish_table, wish_tables
from cryptopilot.research.sweep.space import Group
from cryptopilot.research.sweep.sweeping import OBJECTIVES, Sweep, summarised
from cryptopilot.research.wishing import columns_of, wishes_of
from cryptopilot.rules.features import Features
from tests.fakes.sweeps import SYMBOL, a_history, a_setting, a_space


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return Sweep(a_space(), a_history(5), SYMBOL, a_setting())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_are_those_that_sorting_all_of_them_gives(sweep: Sweep, objective: str) -> None:
    every = [
        (float(value), group.values(k), sweep.figures(accounts[k]))
        for group, accounts in sweep.blocks()
        for k, value in enumerate(OBJECTIVES[objective](sweep, accounts))
    ]
    known = sorted((one for one in every if not math.isnan(one[0])), key=lambda one: -one[0])  # Stable: earlier first.
    found = summarised(sweep, objective, 7)
    assert [(dict(one.values), one.figures) for one in found.best] == [(v, f) for _, v, f in known[:7]]
    assert found.trials == len(every)
    sharpes = [figures.sharpe for _, _, figures in every if not math.isnan(figures.sharpe)]
    assert found.sharpe_variance == pytest.approx(plain_statistics.variance(sharpes))


def test_it_says_what_cannot_be_ranked_or_run(sweep: Sweep) -> None:
    with pytest.raises(InvalidValueError, match="objective is 'luck'; allowed: equity, sharpe, profit_factor"):
        summarised(sweep, "luck", 3)
    with pytest.raises(InvalidValueError, match="top is 0"):
        summarised(sweep, "equity", 0)
    with pytest.raises(InvalidValueError, match="symbol is 'BTC/EUR'; allowed: one of ADA/USDT"):
        Sweep(a_space(), a_history(5), "BTC/EUR", a_setting())
    nothing = Sweep(a_space(where=["fast above slow", "fast below slow"]), a_history(5), SYMBOL, a_setting())
    with pytest.raises(InvalidValueError, match="where is 2; allowed: conditions that leave a combination"):
        summarised(nothing, "equity", 3)


def test_more_combinations_take_no_more_memory() -> None:
    """Columns are shared and blocks are dropped: three blocks take what thirty take."""
    peaks = []
    for count in (120, 1200):
        stops, targets = ({"from": 0.01, "to": 0.01 + (n - 1) * 1e-4, "step": 1e-4} for n in (count, 100))
        grid = {"fast": [2], "slow": [13], "most": [60], "stop": stops, "target": targets}
        many = Sweep(a_space(grid=grid), a_history(5), SYMBOL, a_setting())
        tracemalloc.start()
        assert summarised(many, "equity", 10).trials == 100 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_twenty_combinations_of_the_measured_workload_are_the_full_driver_s() -> None:
    made, wanted, limited = history(20_000), space(), setting(None, max_daily_loss=0.5, max_drawdown=0.9, cooldown_ms=0)
    sweep = Sweep(wanted, made, WALK, limited)
    groups = list(wanted.groups())
    draw = np.random.default_rng(20)
    for number in draw.integers(0, len(groups), 20).tolist():
        group = groups[number]
        one = Group(group.entry, (group.brackets[int(draw.integers(len(group.brackets)))],))
        account = sweep.accounts(one)[0]
        run = backtest(
            made, limited, wishes=wish_table(made, WALK, wanted.declaration.bound(one.values(0)), sweep.shelf)
        )
        assert (account["equity"], account["trades"]) == (run.equity[-1], run.book["trades"])
        assert account["trades"] > 50


def test_the_tables_of_a_group_are_those_of_its_combinations(sweep: Sweep) -> None:
    made, declared = a_history(5), a_space().declaration
    group = next(a_space().groups())
    tables = list(wish_tables(made, SYMBOL, declared, group, sweep.shelf))
    assert len(tables) == len(group.brackets) == 4
    for k, table in enumerate(tables):
        alone = wish_table(made, SYMBOL, declared.bound(group.values(k)), sweep.shelf)
        for one, other in zip(table, alone, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_declaration_is_a_strategy_whose_wishes_are_those_of_the_shared_columns(sweep: Sweep) -> None:
    made = a_history(5)
    rows, columns = made.closes.shape
    unknown = np.full((rows, columns), np.nan)
    shown = columns_of(made, Predictions(np.full((rows, columns, len(Features._fields)), np.nan), unknown, unknown))
    for group in itertools.islice(a_space().groups(), 3):
        values = group.values(0)
        strategy = choose(strategy_class(a_space()), values)
        assert isinstance(strategy, Chosen)
        ours = wish_table(made, SYMBOL, a_space().declaration.bound(values), sweep.shelf)
        for one, other in zip(wishes_of(strategy, made, shown), ours, strict=True):
            np.testing.assert_array_equal(one, other)

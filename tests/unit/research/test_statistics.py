"""A run's figures add up, agree with what they are computed from, and make nothing up."""

import json
import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import DAY, HOUR
from cryptopilot.quant.metrics import deepest_drawdown, sharpe
from cryptopilot.research.outcome import Outcome, Trade
from cryptopilot.research.statistics import Statistics, statistics
from tests.fakes.backtests import CAPITAL, START, an_outcome

outcomes = st.builds(
    lambda instants, trades, seed: an_outcome(instants=instants, trades=trades, seed=seed),
    st.integers(3, 300), st.integers(0, 12), st.integers(0, 10**6),
)  # fmt: skip


def three_days() -> Outcome:
    """1,000 USDT; a day of +10 %, one of -20 %, one of +25 %; a trade won, one lost, one open."""
    equity = np.array([1000, 1100, 880, 1100], np.int64) * 10**8

    def trade(day: int, pnl: int, reason: str, tag: str) -> Trade:
        at = START + day * DAY
        prices = (Decimal(1), Decimal(100), Decimal(100 + pnl), Decimal(100), Decimal(pnl), Decimal(1))
        return Trade("BTC/USDT", tag, at, at + 6 * HOUR, *prices, reason)

    return Outcome(
        costs="expected",
        quote="USDT",
        capital=1000 * 10**8,
        timeframe_ms=DAY,
        instants=START + DAY * np.arange(4, dtype=np.int64),
        equity=equity,
        invested=np.array([0, 550, 220, 0], np.int64) * 10**8,
        held=np.array([0, 2, 1, 0], np.int64),
        market=np.array([990.0, 1089.0, 1089.0, 990.0]) * 1e8,
        traded=2040 * 10**8,
        signals={"BUY": 3},
        refusals={"cooldown": 1},
        trades=(trade(0, 40, "target", "DIP"), trade(1, -20, "stop", "BUY"), trade(2, 0, "open", "BUY")),
    )


def test_three_days_by_hand() -> None:
    found = statistics(three_days())
    assert found.account.profit == Decimal(100)
    assert found.account.realised == 20
    assert found.account.unrealised == 80
    assert found.account.fees == 3
    assert found.returns.total == pytest.approx(0.1)
    assert found.returns.cagr == pytest.approx(1.1 ** (365 / 3) - 1)
    assert found.returns.volatility == pytest.approx(np.std([0.1, -0.2, 0.25], ddof=1) * math.sqrt(365))
    assert found.months == pytest.approx({"2022-01": 0.1})
    assert found.drawdowns.deepest == pytest.approx(0.2)
    assert (found.drawdowns.peak_at, found.drawdowns.trough_at) == (START + DAY, START + 2 * DAY)
    assert (found.drawdowns.recovered_at, found.drawdowns.length_ms) == (START + 3 * DAY, 2 * DAY)
    assert (found.trades.closed, found.trades.open, found.trades.won, found.trades.lost) == (2, 1, 1, 1)
    assert found.trades.expectancy == 10
    assert found.trades.best == 40
    assert found.trades.worst == -20
    assert (found.trades.profit_factor, found.trades.payoff_ratio) == (2.0, 2.0)
    assert found.trades.mean_holding_ms == 6 * HOUR
    assert (found.activity.time_in_market, found.activity.most_held) == (0.5, 2)
    assert found.activity.invested == pytest.approx((0.5 + 0.25) / 4)
    assert found.activity.turnover == pytest.approx(2.0 / (3 / 365))
    assert found.market.total == pytest.approx(-0.01)
    assert found.market.excess == pytest.approx(0.11)
    assert sorted(found.by_tag) == ["BUY", "DIP"]
    assert found.by_reason["stop"].closed == 1
    assert found.by_reason["stop"].profit == -20


@settings(max_examples=40)
@given(outcomes)
def test_the_books_of_every_run_add_up(outcome: Outcome) -> None:
    found = statistics(outcome)
    account = found.account
    assert account.final == account.capital + account.realised + account.unrealised
    assert account.final == money(int(outcome.equity[-1]), "USDT")
    for groups in (found.by_symbol, found.by_tag, found.by_reason, found.by_month):
        assert sum(group.closed for group in groups.values()) == found.trades.closed
        assert sum(group.won for group in groups.values()) == found.trades.won
        assert sum((group.profit for group in groups.values()), Decimal(0)) == account.realised
    assert found.trades.closed + found.trades.open == len(outcome.trades)
    for periods in (found.months, found.years):
        assert math.prod(1.0 + gain for gain in periods.values()) == pytest.approx(1.0 + found.returns.total)


@settings(max_examples=40)
@given(outcomes)
def test_drawdowns_come_from_every_instant_and_ratios_from_days(outcome: Outcome) -> None:
    found = statistics(outcome)
    assert found.drawdowns.deepest == deepest_drawdown([outcome.capital, *outcome.equity.tolist()]).depth
    ends = [t for t in outcome.instants.tolist() if t % DAY == 0 and t > START]
    curve = [outcome.capital, *(int(outcome.equity[(t - START) // HOUR]) for t in ends)]
    if outcome.instants[-1] % DAY:
        curve.append(int(outcome.equity[-1]))
    gains = [later / earlier - 1.0 for earlier, later in pairwise(curve)]
    assert found.returns.sharpe == pytest.approx(sharpe(gains, 365), nan_ok=True)
    assert found.significance.track_record_days == found.span.days == len(gains)


def ratios(found: Statistics) -> list[float]:
    """Every number of a run that has no unit of money."""
    parts = (found.returns, found.drawdowns, found.trades, found.activity, found.market, found.significance)
    values = [getattr(part, name) for part in parts for name in type(part).__dataclass_fields__]
    return [value for value in values if isinstance(value, float)] + list(found.months.values())


@settings(max_examples=40)
@given(outcomes, st.integers(2, 1000))
def test_the_same_run_with_more_money_has_the_same_ratios(outcome: Outcome, factor: int) -> None:
    def richer(trade: Trade) -> Trade:
        return trade._replace(cost=factor * trade.cost, pnl=factor * trade.pnl, fees=factor * trade.fees)

    rich = replace(
        outcome,
        capital=factor * outcome.capital,
        equity=factor * outcome.equity,
        invested=factor * outcome.invested,
        market=factor * outcome.market,
        traded=factor * outcome.traded,
        trades=tuple(richer(trade) for trade in outcome.trades),
    )
    ours, theirs = statistics(outcome), statistics(rich)
    assert ratios(theirs) == pytest.approx(ratios(ours), rel=1e-6, abs=1e-9, nan_ok=True)
    assert theirs.account.profit == factor * ours.account.profit


@settings(max_examples=20)
@given(outcomes)
def test_it_becomes_json_with_money_as_text_and_no_nan(outcome: Outcome) -> None:
    found = json.loads(json.dumps(statistics(outcome).as_json(), allow_nan=False))
    assert Decimal(found["account"]["final"]) == money(int(outcome.equity[-1]), "USDT")
    assert found["span"]["begun_at"] == "2022-01-01T00:00:00Z"
    assert found["refusals"] == dict(outcome.refusals)


def test_a_run_that_never_traded_knows_its_capital_and_makes_nothing_up() -> None:
    idle = an_outcome(trades=0)
    found = statistics(idle)
    assert found.account.final == money(CAPITAL, "USDT")
    assert (found.returns.total, found.drawdowns.deepest, found.activity.turnover) == (0.0, 0.0, 0.0)
    assert (found.drawdowns.peak_at, found.trades.expectancy, found.by_symbol) == (None, None, {})
    assert (found.drawdowns.length_ms, found.drawdowns.longest_ms) == (0, 0)
    for unknown in (found.returns.sharpe, found.trades.win_rate, found.significance.probabilistic):
        assert math.isnan(unknown)
    assert json.loads(json.dumps(found.as_json()))["returns"]["sharpe"] is None


def test_a_single_instant_has_a_return_and_no_year() -> None:
    found = statistics(replace(three_days(), **{
        name: getattr(three_days(), name)[1:2] for name in ("instants", "equity", "invested", "held", "market")
    }))  # fmt: skip
    assert found.returns.total == pytest.approx(0.1)
    assert math.isnan(found.returns.cagr)
    assert math.isnan(found.activity.turnover)


@pytest.mark.parametrize("gap", [math.nan, 0.0, math.inf])
def test_a_market_with_a_gap_is_unknown_as_a_whole(gap: float) -> None:
    market = three_days().market.copy()
    market[1] = gap
    found = statistics(replace(three_days(), market=market)).market
    assert all(math.isnan(getattr(found, name)) for name in type(found).__dataclass_fields__)


def test_the_best_of_many_trials_is_less_credible() -> None:
    outcome = an_outcome(seed=11)
    once, chosen = statistics(outcome), statistics(outcome, 100, 0.5)
    assert once.significance.deflated == once.significance.probabilistic
    assert chosen.significance.deflated < chosen.significance.probabilistic == once.significance.probabilistic
    assert chosen.significance.luckiest_sharpe == pytest.approx(math.sqrt(0.5) * 2.53, rel=0.01)


def test_trials_whose_sharpe_ratios_were_not_kept_count_as_trials_without_skill() -> None:
    outcome = an_outcome(seed=11)
    unskilled = 365 / (statistics(outcome).significance.track_record_days - 1)
    assert statistics(outcome, 100).significance == statistics(outcome, 100, unskilled).significance


def test_a_run_without_an_instant_is_refused() -> None:
    empty = {name: getattr(three_days(), name)[:0] for name in ("instants", "equity", "invested", "held", "market")}
    with pytest.raises(InvalidValueError, match="instants is"):
        statistics(replace(three_days(), **empty))

"""The figures that reports compare, in their order: one line each, for every level of costs and for the market."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.groups import Group
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.report.wording import UNKNOWN, amount, change, count, duration, percent, ratio
from cryptopilot.research.statistics import Statistics

LEVELS = ("optimistic", "expected", "harsh")
Run = tuple[Outcome, Statistics]


class Row(NamedTuple):
    """A figure: how it reads from a run's statistics, and what the market has in its place; empty for nothing."""

    label: str
    shown: Callable[[Statistics], str]
    market: Callable[[Statistics], str] = lambda _: ""


class Section(NamedTuple):
    title: str
    rows: tuple[Row, ...]


def _length(s: Statistics) -> str:
    if s.drawdowns.peak_at is None:
        return UNKNOWN
    return f"{duration(s.drawdowns.length_ms)}{'' if s.drawdowns.recovered_at else ', open'}"


def _interval(s: Statistics) -> str:
    low, high = s.trades.win_rate_interval
    return f"{percent(low, 1)} to {percent(high, 1)}" if s.trades.closed else UNKNOWN


SECTIONS = (
    Section(
        "Returns",
        (
            Row("Total return", lambda s: change(s.returns.total), lambda s: change(s.market.total)),
            Row("Return a year (CAGR)", lambda s: change(s.returns.cagr), lambda s: change(s.market.cagr)),
            Row("Final equity", lambda s: amount(s.account.final, s.account.capital)),
            Row("Fees paid", lambda s: amount(s.account.fees, s.account.capital)),
            Row("Volatility a year", lambda s: percent(s.returns.volatility), lambda s: percent(s.market.volatility)),
            Row("Sharpe ratio", lambda s: ratio(s.returns.sharpe), lambda s: ratio(s.market.sharpe)),
            Row("Sortino ratio", lambda s: ratio(s.returns.sortino)),
            Row("Calmar ratio", lambda s: ratio(s.returns.calmar)),
            Row("Best month", lambda s: f"{change(s.returns.best_month.gain)} ({s.returns.best_month.period})"),
            Row("Worst month", lambda s: f"{change(s.returns.worst_month.gain)} ({s.returns.worst_month.period})"),
        ),
    ),
    Section(
        "Risk",
        (
            Row("Deepest drawdown", lambda s: percent(s.drawdowns.deepest), lambda s: percent(s.market.deepest)),
            Row("Length of the deepest", _length),
            Row("Longest drawdown", lambda s: duration(s.drawdowns.longest_ms)),
            Row("Average drawdown (days)", lambda s: percent(s.drawdowns.average)),
            Row("Ulcer index (days)", lambda s: percent(s.drawdowns.ulcer_index)),
            Row("Value at risk, one day, 5%", lambda s: change(s.returns.value_at_risk)),
            Row("Expected shortfall, one day, 5%", lambda s: change(s.returns.expected_shortfall)),
        ),
    ),
    Section(
        "Trades",
        (
            Row("Closed", lambda s: f"{count(s.trades.closed)}{f' (+{s.trades.open} open)' if s.trades.open else ''}"),
            Row("Win rate", lambda s: percent(s.trades.win_rate, 1)),
            Row("Win rate, 95% interval", _interval),
            Row("Profit factor", lambda s: ratio(s.trades.profit_factor)),
            Row("Payoff ratio", lambda s: ratio(s.trades.payoff_ratio)),
            Row("Expectancy a trade", lambda s: amount(s.trades.expectancy, s.account.capital)),
            Row("Expectancy ratio", lambda s: ratio(s.trades.expectancy_ratio)),
            Row("System quality (SQN)", lambda s: ratio(s.trades.system_quality)),
            Row("Mean return on cost", lambda s: change(s.trades.mean_return)),
            Row("Best trade", lambda s: amount(s.trades.best, s.account.capital)),
            Row("Worst trade", lambda s: amount(s.trades.worst, s.account.capital)),
            Row("Mean holding time", lambda s: duration(s.trades.mean_holding_ms)),
            Row("Median holding time", lambda s: duration(s.trades.median_holding_ms)),
            Row("Longest streaks, won and lost", lambda s: f"{s.trades.longest_winning} / {s.trades.longest_losing}"),
        ),
    ),
    Section(
        "Activity",
        (
            Row("Time in the market", lambda s: percent(s.activity.time_in_market, 1), lambda _: percent(1.0, 1)),
            Row("Equity invested, mean", lambda s: percent(s.activity.invested, 1), lambda _: percent(1.0, 1)),
            Row("Positions at once, at most", lambda s: count(s.activity.most_held)),
            Row("Turnover a year", lambda s: f"{ratio(s.activity.turnover)} ×"),
        ),
    ),
    Section(
        "Against buy and hold",
        (
            Row("Return beyond it", lambda s: change(s.market.excess)),
            Row("Correlation (days)", lambda s: ratio(s.market.correlation), lambda _: ratio(1.0)),
            Row("Beta (days)", lambda s: ratio(s.market.beta), lambda _: ratio(1.0)),
            Row("Alpha a year", lambda s: change(s.market.alpha)),
        ),
    ),
    Section(
        "What the Sharpe ratio proves",
        (
            Row("Days of record", lambda s: count(s.significance.track_record_days)),
            Row("Days needed for 95%", lambda s: count(s.significance.needed_days)),
            Row("Probability that it is above 0", lambda s: percent(s.significance.probabilistic, 1)),
            Row("Trials it was chosen from", lambda s: count(s.significance.trials)),
            Row("Best Sharpe by luck of so many", lambda s: ratio(s.significance.luckiest_sharpe)),
            Row("Probability, deflated by trials", lambda s: percent(s.significance.deflated, 1)),
        ),
    ),
)


class GroupColumn(NamedTuple):
    """A column of a table of groups."""

    label: str
    shown: Callable[[Group, Statistics], str]


GROUP_COLUMNS = (
    GroupColumn("trades", lambda g, _: count(g.closed)),
    GroupColumn("won", lambda g, _: percent(g.win_rate, 1)),
    GroupColumn("profit", lambda g, s: amount(g.profit, s.account.capital)),
    GroupColumn("fees", lambda g, s: amount(g.fees, s.account.capital)),
    GroupColumn("profit factor", lambda g, _: ratio(g.profit_factor)),
    GroupColumn("mean return", lambda g, _: change(g.mean_return)),
    GroupColumn("mean holding", lambda g, _: duration(g.mean_holding_ms)),
)


def expected(runs: Sequence[Run]) -> Run:
    """The run at expected costs, whose trades and curves the reports show.

    Raises:
        InvalidValueError: the runs are not one of each level, in the order of LEVELS.
    """
    levels = tuple(outcome.costs for outcome, _ in runs)
    if levels != LEVELS:
        raise InvalidValueError("costs of the runs", levels, f"{', '.join(LEVELS)}, in this order")
    return runs[1]

"""The figures of a run, by what they are about. Ratios are fractions, money in quote; unknown is NaN.

Annual figures come from days of UTC, 365 to a year; the first and the last day may be shorter. Drawdowns come from
every instant, except where it says of days.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from cryptopilot.quant.trades import Interval


class Named(NamedTuple):
    """A period and what it returned, a fraction."""

    period: str
    gain: float


@dataclass(frozen=True, slots=True)
class Span:
    """Which time: its first and last instant, how many there were, and days of UTC that they touch."""

    begun_at: int
    ended_at: int
    instants: int
    days: int


@dataclass(frozen=True, slots=True)
class Account:
    """Where the money went: final is capital and profit; profit is realised and unrealised.

    Args:
        fees: of all fills; traded: the notional of all fills, purchases and sales.
    """

    capital: Decimal
    final: Decimal
    profit: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    traded: Decimal


@dataclass(frozen=True, slots=True)
class Returns:
    """What the account returned.

    Args:
        total: over the whole span; cagr: the yearly rate that comes to the same.
        value_at_risk, expected_shortfall: of daily returns at 5 %; a loss is negative.
    """

    total: float
    cagr: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    value_at_risk: float
    expected_shortfall: float
    best_month: Named
    worst_month: Named


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """How far and how long the account fell.

    Args:
        deepest: of every instant; peak_at, trough_at: its own; recovered_at: None while it goes on.
        length_ms: of the deepest, from peak to recovery or to the end; longest_ms: of the longest.
        average: the mean depth of all falls of the daily curve; ulcer_index: of the daily curve.
    """

    deepest: float
    peak_at: int | None
    trough_at: int | None
    recovered_at: int | None
    length_ms: int
    longest_ms: int
    average: float
    ulcer_index: float


@dataclass(frozen=True, slots=True)
class Trades:
    """What closed trades came to, after every fee; money to the nearest atom, None while there is no trade.

    Args:
        won, lost: those that came to more, to less than 0; win_rate_interval: its 95 % Wilson interval.
        expectancy: the mean result; expectancy_ratio: in units of the mean loss; payoff_ratio: mean win over mean loss.
        system_quality: Tharp's SQN of profit over cost, which is proportional to his R wherever stops are equally far.
        best, worst: results; best_return, worst_return: of profit over cost.
        longest_winning, longest_losing: trades in a row, in the order in which they were closed.
    """

    closed: int
    open: int
    won: int
    lost: int
    win_rate: float
    win_rate_interval: Interval
    profit_factor: float
    payoff_ratio: float
    expectancy: Decimal | None
    expectancy_ratio: float
    system_quality: float
    best: Decimal | None
    worst: Decimal | None
    best_return: float
    worst_return: float
    mean_return: float
    mean_holding_ms: float
    median_holding_ms: float
    longest_winning: int
    longest_losing: int


@dataclass(frozen=True, slots=True)
class Activity:
    """How busy the account was.

    Args:
        time_in_market: share of the instants at which anything was held; most_held: positions at once.
        invested: the mean share of equity in positions; turnover: notional of all fills over mean equity, a year.
    """

    time_in_market: float
    invested: float
    most_held: int
    turnover: float


@dataclass(frozen=True, slots=True)
class Market:
    """Buying everything at the first instant and keeping it, and how the account went with that.

    Args:
        excess: the account's total return less the market's; alpha: of a year. All NaN when the market is not known.
    """

    total: float
    cagr: float
    volatility: float
    sharpe: float
    deepest: float
    excess: float
    correlation: float
    beta: float
    alpha: float


@dataclass(frozen=True, slots=True)
class Significance:
    """What the Sharpe ratio proves: probabilities that the true one is above 0.

    Args:
        trials: how many strategies were tried to find this one.
        luckiest_sharpe: what the best of so many is expected to show without any skill, annual.
        probabilistic: for a single trial; deflated: for the best of them all.
        track_record_days: there are; needed_days: for 95 % of a single trial; NaN when no length would do.
        skewness, kurtosis: of daily returns; a normal distribution has 0 and 3.
    """

    trials: int
    luckiest_sharpe: float
    probabilistic: float
    deflated: float
    track_record_days: int
    needed_days: float
    skewness: float
    kurtosis: float

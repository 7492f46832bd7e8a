"""Everything that is computed from a backtest's outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import numpy as np

from cryptopilot.domain.instrument import money
from cryptopilot.quant.drawdowns import average_drawdown, falls, ulcer_index
from cryptopilot.quant.metrics import Floats, deepest_drawdown, expectancy, profit_factor, sharpe, sortino
from cryptopilot.quant.periods import DAYS_PER_YEAR, YEAR_MS, Closes, Unit, closes
from cryptopilot.quant.returns import cagr, calmar, compared, expected_shortfall, value_at_risk, volatility
from cryptopilot.quant.significance import (
    deflated_sharpe,
    evidence,
    luckiest_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    unskilled_variance,
)
from cryptopilot.quant.trades import expectancy_ratio, longest_streaks, payoff_ratio, system_quality, wilson
from cryptopilot.research.figures import (
    Account,
    Activity,
    Drawdowns,
    Market,
    Named,
    Returns,
    Significance,
    Span,
    Trades,
)
from cryptopilot.research.groups import Group, grouped, holding_ms, month, return_of
from cryptopilot.research.outcome import OPEN, Outcome, Trade
from cryptopilot.research.plain import Json, plain
from cryptopilot.rules.arithmetic import UNKNOWN, share

_UNITS: tuple[Unit, ...] = ("D", "M", "Y")


@dataclass(frozen=True, slots=True)
class Statistics:
    """A run in numbers. `months` and `years` hold returns by period, the `by_` tables closed trades."""

    costs: str
    quote: str
    span: Span
    account: Account
    returns: Returns
    drawdowns: Drawdowns
    trades: Trades
    activity: Activity
    market: Market
    significance: Significance
    months: Mapping[str, float]
    years: Mapping[str, float]
    by_symbol: Mapping[str, Group]
    by_tag: Mapping[str, Group]
    by_reason: Mapping[str, Group]
    by_month: Mapping[str, Group]
    signals: Mapping[str, int]
    refusals: Mapping[str, int]

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values: money as strings, times in UTC, unknown as null."""
        return cast("dict[str, Json]", plain(self))


def statistics(outcome: Outcome, trials: int = 1, trial_sharpe_variance: float = UNKNOWN) -> Statistics:
    """All figures of a run.

    Args:
        trials: how many strategies or settings were tried until this one was chosen, this one included.
        trial_sharpe_variance: of their annual Sharpe ratios, as `Returns.sharpe` has them; NaN where they were not
            kept: then it is that of strategies without any skill over as many days.
    Raises:
        InvalidValueError: there is no instant, equity is not positive, or trials is below 1.
    """
    daily, months, years = (closes(outcome.instants, outcome.equity, outcome.capital, unit) for unit in _UNITS)
    closed = sorted((trade for trade in outcome.trades if trade.reason != OPEN), key=lambda trade: trade.closed_at)
    return Statistics(
        costs=outcome.costs,
        quote=outcome.quote,
        span=Span(int(outcome.instants[0]), int(outcome.instants[-1]), outcome.instants.size, len(daily.names)),
        account=_account(outcome),
        returns=_returns(outcome, daily.gains(), months),
        drawdowns=_drawdowns(outcome, daily.curve),
        trades=_trades(outcome, closed),
        activity=_activity(outcome),
        market=_market(outcome, daily.gains()),
        significance=_significance(daily.gains(), trials, trial_sharpe_variance),
        months=_by_period(months),
        years=_by_period(years),
        by_symbol=grouped(closed, lambda trade: trade.symbol),
        by_tag=grouped(closed, lambda trade: trade.tag),
        by_reason=grouped(closed, lambda trade: trade.reason),
        by_month=grouped(closed, month),
        signals=dict(outcome.signals),
        refusals=dict(outcome.refusals),
    )


def years_of(outcome: Outcome) -> float:
    """How long it lasted, in years of 365 days."""
    return float(outcome.instants[-1] - outcome.instants[0]) / YEAR_MS


def _account(outcome: Outcome) -> Account:
    final = money(int(outcome.equity[-1]), outcome.quote)
    capital = money(outcome.capital, outcome.quote)
    realised = sum((trade.pnl for trade in outcome.trades), Decimal(0))
    return Account(
        capital=capital,
        final=final,
        profit=final - capital,
        realised=realised,
        unrealised=final - capital - realised,
        fees=sum((trade.fees for trade in outcome.trades), Decimal(0)),
        traded=money(outcome.traded, outcome.quote),
    )


def _returns(outcome: Outcome, gains: Floats, months: Closes) -> Returns:
    growth = float(outcome.equity[-1]) / outcome.capital
    yearly = cagr(growth, years_of(outcome))
    by_month = [Named(name, gain) for name, gain in _by_period(months).items()]
    return Returns(
        total=growth - 1.0,
        cagr=yearly,
        volatility=volatility(gains, DAYS_PER_YEAR),
        sharpe=sharpe(gains, DAYS_PER_YEAR),
        sortino=sortino(gains, DAYS_PER_YEAR),
        calmar=calmar(yearly, deepest_drawdown(_curve(outcome)).depth),
        value_at_risk=value_at_risk(gains),
        expected_shortfall=expected_shortfall(gains),
        best_month=max(by_month, key=lambda named: named.gain),
        worst_month=min(by_month, key=lambda named: named.gain),
    )


def _curve(outcome: Outcome) -> Floats:
    """Equity with the capital before it: float64 [m + 1], atoms."""
    curve: Floats = np.r_[float(outcome.capital), outcome.equity.astype(np.float64)]
    return curve


def _drawdowns(outcome: Outcome, daily: Floats) -> Drawdowns:
    all_falls = falls(_curve(outcome))
    times = np.r_[outcome.instants[0], outcome.instants].tolist()
    deepest = max(all_falls, key=lambda fall: fall.depth, default=None)
    return Drawdowns(
        deepest=deepest.depth if deepest else 0.0,
        peak_at=times[deepest.peak] if deepest else None,
        trough_at=times[deepest.trough] if deepest else None,
        recovered_at=times[deepest.end] if deepest and deepest.recovered else None,
        length_ms=times[deepest.end] - times[deepest.peak] if deepest else 0,
        longest_ms=max((times[fall.end] - times[fall.peak] for fall in all_falls), default=0),
        average=average_drawdown(daily),
        ulcer_index=ulcer_index(daily),
    )


def _trades(outcome: Outcome, closed: Sequence[Trade]) -> Trades:
    profits = [trade.pnl for trade in closed]
    results = np.array([float(profit) for profit in profits])
    gains = np.array([return_of(trade) for trade in closed])
    holding = np.array([holding_ms(trade) for trade in closed], np.float64)
    won, streaks = int((results > 0.0).sum()), longest_streaks(results)
    return Trades(
        closed=len(closed),
        open=len(outcome.trades) - len(closed),
        won=won,
        lost=int((results < 0.0).sum()),
        win_rate=share(won, len(closed)),
        win_rate_interval=wilson(won, len(closed)),
        profit_factor=profit_factor(results),
        payoff_ratio=payoff_ratio(results),
        expectancy=_mean(profits, outcome.quote),
        expectancy_ratio=expectancy_ratio(results),
        system_quality=system_quality(gains),
        best=max(profits, default=None),
        worst=min(profits, default=None),
        best_return=float(gains.max()) if closed else UNKNOWN,
        worst_return=float(gains.min()) if closed else UNKNOWN,
        mean_return=expectancy(gains),
        mean_holding_ms=expectancy(holding),
        median_holding_ms=float(np.median(holding)) if closed else UNKNOWN,
        longest_winning=streaks.won,
        longest_losing=streaks.lost,
    )


def _mean(profits: Sequence[Decimal], quote: str) -> Decimal | None:
    """To the nearest atom; None of nothing."""
    return (sum(profits, Decimal(0)) / len(profits)).quantize(money(1, quote)) if profits else None


def _activity(outcome: Outcome) -> Activity:
    equity = outcome.equity.astype(np.float64)
    years = years_of(outcome)
    return Activity(
        time_in_market=float((outcome.held > 0).mean()),
        invested=float((outcome.invested / equity).mean()),
        most_held=int(outcome.held.max()),
        turnover=outcome.traded / float(equity.mean()) / years if years > 0.0 else UNKNOWN,
    )


def _market(outcome: Outcome, ours: Floats) -> Market:
    market = outcome.market
    if not (np.isfinite(market).all() and (market > 0.0).all()):
        return Market(*[UNKNOWN] * len(Market.__dataclass_fields__))
    gains = closes(outcome.instants, market, outcome.capital, "D").gains()
    growth = float(market[-1]) / outcome.capital
    comparison = compared(ours, gains, DAYS_PER_YEAR)
    return Market(
        total=growth - 1.0,
        cagr=cagr(growth, years_of(outcome)),
        volatility=volatility(gains, DAYS_PER_YEAR),
        sharpe=sharpe(gains, DAYS_PER_YEAR),
        deepest=deepest_drawdown(np.r_[float(outcome.capital), market]).depth,
        excess=float(outcome.equity[-1]) / outcome.capital - growth,
        correlation=comparison.correlation,
        beta=comparison.beta,
        alpha=comparison.alpha,
    )


def _significance(gains: Floats, trials: int, annual_variance: float) -> Significance:
    found = evidence(gains)
    variance = annual_variance / DAYS_PER_YEAR if annual_variance == annual_variance else unskilled_variance(found.n)
    return Significance(
        trials=trials,
        luckiest_sharpe=luckiest_sharpe(trials, variance) * DAYS_PER_YEAR**0.5,
        probabilistic=probabilistic_sharpe(found),
        deflated=deflated_sharpe(found, trials, variance),
        track_record_days=found.n,
        needed_days=minimum_track_record(found),
        skewness=found.skewness,
        kurtosis=found.kurtosis,
    )


def _by_period(periods: Closes) -> dict[str, float]:
    return dict(zip(periods.names, periods.gains().tolist(), strict=True))

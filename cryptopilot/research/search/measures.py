"""What a search compares: the figures of a run that are one number each, by name."""

from cryptopilot.research.outcome import Outcome
from cryptopilot.research.statistics import statistics


def measured(outcome: Outcome) -> dict[str, float]:
    """Figures by the names of `objectives.WANTED`, and how many trades were closed; NaN is unknown."""
    found = statistics(outcome)
    return {
        "total_return": found.returns.total,
        "cagr": found.returns.cagr,
        "volatility": found.returns.volatility,
        "sharpe": found.returns.sharpe,
        "sortino": found.returns.sortino,
        "calmar": found.returns.calmar,
        "max_drawdown": found.drawdowns.deepest,
        "average_drawdown": found.drawdowns.average,
        "ulcer_index": found.drawdowns.ulcer_index,
        "profit_factor": found.trades.profit_factor,
        "expectancy_ratio": found.trades.expectancy_ratio,
        "system_quality": found.trades.system_quality,
        "win_rate": found.trades.win_rate,
        "turnover": found.activity.turnover,
        "time_in_market": found.activity.time_in_market,
        "trades": float(found.trades.closed),
    }

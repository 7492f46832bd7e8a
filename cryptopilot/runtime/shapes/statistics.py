"""The published shape of the statistics. Money is a decimal text, a ratio a fraction, a time ISO 8601 in UTC."""

from typing_extensions import TypedDict  # From typing, pydantic takes them only on Python 3.12 and newer.

from cryptopilot.runtime.shapes.stream import EquityPoint


class Percentiles(TypedDict):
    """Wall milliseconds that the newest runs took, up to 2,000 of them; null while there was none."""

    p50: float | None
    p95: float | None
    p99: float | None


class SymbolStatistics(TypedDict):
    """What the trades of one symbol have come to, fees included; best and worst are null while none is closed."""

    closed: int
    won: int
    realised_pnl: str
    fees: str
    best_trade: str | None
    worst_trade: str | None


class Statistics(TypedDict):
    """One wallet's session so far, as of *last_update*; null is what is not known yet.

    `total_signals` counts HOLDs too, `total_trades` closed trades, `successful_trades` those that ended above 0.
    `total_pnl` is `realised_pnl` plus `unrealised_pnl`: equity less capital. `expectancy` is the mean result of a
    closed trade, to the nearest atom. Sharpe and Sortino are annualised from the returns of every instant, with 365
    days a year. `versus_buy_and_hold` is the return on capital less what equal parts of all symbols, bought at the
    first prices, have returned before costs. `equity_curve` has 2,000 points at most, the first and the newest among
    them.
    """

    quote: str
    capital: str
    total_signals: int
    total_trades: int
    successful_trades: int
    success_rate: float | None
    total_pnl: str
    realised_pnl: str
    unrealised_pnl: str
    fees: str
    max_drawdown: float | None
    max_drawdown_at: str | None
    sharpe: float | None
    sortino: float | None
    profit_factor: float | None
    expectancy: str | None
    stage_latency_ms: dict[str, Percentiles]
    equity_curve: list[EquityPoint]
    by_symbol: dict[str, SymbolStatistics]
    versus_buy_and_hold: float | None
    last_update: str


class StatisticsAnswer(TypedDict):
    success: bool
    statistics: Statistics

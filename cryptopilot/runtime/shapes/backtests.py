"""What is published of backtests: question, job and report; strategies and candles to choose from."""

from typing import Any, Literal

from typing_extensions import TypedDict

Level = Literal["optimistic", "expected", "harsh"]
DataName = Literal["store", "session"]

QuestionShape = TypedDict(
    "QuestionShape",
    {
        "symbols": list[str],
        "exchange": str,
        "timeframe": str,
        "from": str,
        "to": str,
        "strategy": str,
        "parameters": dict[str, int | float | str],
        "capital": str,
        "fee": str,
        "latency_ms": int,
        "trials": int,
        "mandate": dict[str, Any],
        "data": DataName,
    },
)
"""What was asked, complete; market times. *mandate* is what differs from the limits then in force."""


class FiguresShape(TypedDict):
    """What came of a backtest, in short, at expected costs; null is unknown, such as a win rate without trades."""

    manifest_id: str
    quote: str
    final_equity: str
    fees: str
    total_return: float | None
    cagr: float | None
    sharpe: float | None
    max_drawdown: float | None
    trades: int
    win_rate: float | None
    profit_factor: float | None
    buy_and_hold: float | None
    seconds: float


class BacktestShape(TypedDict):
    """A backtest and where it stands; wall times. *removed* is told to listeners alone, once."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled", "interrupted", "removed"]
    progress: float
    doing: str
    asked_at: str
    begun_at: str | None
    ended_at: str | None
    question: QuestionShape
    figures: FiguresShape | None
    problem: str | None


class BacktestAnswer(TypedDict):
    success: bool
    backtest: BacktestShape


class BacktestsAnswer(TypedDict):
    success: bool
    count: int
    backtests: list[BacktestShape]
    next_cursor: str | None


class EquityBesideMarket(TypedDict):
    """A point of the thinned curve; market time."""

    at: str
    equity: str
    buy_and_hold: str | None
    drawdown: float


class SimulatedTrade(TypedDict):
    """One round trip of a backtest; market times. *reason* is open for one that the end of the data left open."""

    symbol: str
    tag: str
    opened_at: str
    closed_at: str
    quantity: str
    entry_price: str
    exit_price: str
    cost: str
    pnl: str
    fees: str
    reason: str


class ReportShape(TypedDict):
    """The whole report: what it was made from, statistics at three levels of costs, the rest at the expected one."""

    manifest: dict[str, Any]
    seconds: float
    notes: list[str]
    statistics: dict[Level, dict[str, Any]]
    trades: list[SimulatedTrade]
    refusals: dict[str, int]
    equity: list[EquityBesideMarket]


class ParameterShape(TypedDict):
    """A parameter of a strategy; bounds and step are null for a choice."""

    name: str
    kind: Literal["int", "float", "choice"]
    default: int | float | str
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: list[str]
    description: str


class StrategyShape(TypedDict):
    """A strategy that can be named; *problem* says why an installed one cannot be used."""

    name: str
    built_in: bool
    version: str | None
    parameters: list[ParameterShape]
    problem: str | None


class StrategiesAnswer(TypedDict):
    success: bool
    count: int
    strategies: list[StrategyShape]


class SeriesShape(TypedDict):
    """A candle series: first and last open time, candles, and how many are missing between; null where a file does not
    say so without being read."""

    data: DataName
    exchange: str
    symbol: str
    timeframe: str
    first: str | None
    last: str | None
    candles: int | None
    missing: int | None


class SeriesAnswer(TypedDict):
    success: bool
    count: int
    series: list[SeriesShape]

"""The pipeline's answers: status, market, predictions, signals, trades, stages, settings."""

from typing import Literal

from typing_extensions import TypedDict

AgentName = Literal["collector", "predictor", "strategy", "trader"]
RiskState = Literal["active", "reducing", "halted"]
TradeStatus = Literal["pending", "executed", "cancelled", "failed", "closed"]


class RiskManagement(TypedDict):
    """Fractions: 0.02 is 2 %."""

    max_position_size: float
    max_daily_loss: float
    stop_loss_percentage: float
    take_profit_percentage: float
    max_correlation: float
    max_drawdown: float


class PipelineConfig(TypedDict):
    """Intervals in seconds of market time."""

    data_collection_interval: int
    prediction_interval: int
    signal_generation_interval: int
    trade_execution_interval: int
    max_concurrent_trades: int
    min_confidence_threshold: float
    risk_management: RiskManagement


class Stats(TypedDict):
    """Over the session so far; total_pnl holds realised and unrealised profit, in the quote asset."""

    total_signals: int
    total_trades: int
    successful_trades: int
    total_pnl: str
    realised_pnl: str
    unrealised_pnl: str
    last_update: str


class AgentStatus(TypedDict):
    """How an agent does. Executions are market times, processing_time_ms is wall time."""

    status: str
    last_execution: str | None
    next_execution: str
    execution_count: int
    skipped_count: int
    error_count: int
    last_error: str | None
    processing_time_ms: float | None


class Agents(TypedDict):
    """The four agents, in the order of the stream."""

    collector: AgentStatus
    predictor: AgentStatus
    strategy: AgentStatus
    trader: AgentStatus


class Limits(TypedDict):
    """What the review refuses beyond. Order sizes in the quote asset, cooldown in seconds."""

    max_daily_loss: float
    max_drawdown: float
    max_position_size: float
    max_concurrent_trades: int
    max_correlation: float
    min_confidence_threshold: float
    min_order: str
    max_order: str
    cooldown: int
    whitelist: list[str] | None


class Risk(TypedDict):
    """*reducing*: a loss limit is reached, entries are refused, exits go on; *halted*: a person said so."""

    state: RiskState
    daily_loss: float | None
    drawdown: float | None
    open_positions: int
    reserved: str
    halted_by: str | None
    halted_why: str | None
    halted_at: str | None
    limits: Limits


class AccountGlance(TypedDict):
    """The books in a line; capital is what was paid in."""

    cash: str
    equity: str
    capital: str
    quote: str
    open_positions: int


class Status(TypedDict):
    """What runs, how each agent does, where books and limits stand. Times are market times unless they say wall."""

    is_running: bool
    mode: Literal["paper", "live"]
    market: str
    label: str
    simulated: bool
    session_id: str
    timeframe: str
    market_time: str
    speed: str
    config: PipelineConfig
    stats: Stats
    market_data_count: int
    predictions_count: int
    signals_count: int
    trades_count: int
    agents: Agents
    risk: Risk
    account: AccountGlance
    failure: str | None
    busy: bool
    journal: Literal["ok", "away"]
    source_errors: dict[str, str]
    model_errors: dict[str, str]
    strategy_errors: dict[str, str]


class StatusAnswer(TypedDict):
    success: bool
    status: Status


class MarketDatum(TypedDict):
    """The newest closed bar of a symbol. *age_ms* counts market time; a stale price takes no entry."""

    symbol: str
    price: str | None
    volume: str | None
    change_24h: float | None
    timestamp: str | None
    source: str
    age_ms: int | None
    stale: bool
    simulated: bool
    news_sentiment: float | None
    social_sentiment: float | None
    technical_indicators: dict[str, float | None]


class MarketAnswer(TypedDict):
    success: bool
    count: int
    market_data: dict[str, MarketDatum]


class GeometryShape(TypedDict):
    """Target and stop as fractions of the entry, and the time limit in hours."""

    target: float
    stop: float
    hours: int


class ContributionShape(TypedDict):
    """How much one part of one model moved the ensemble's score."""

    model: str
    part: str
    value: float


class PredictionShape(TypedDict):
    """One belief: *direction_prob* is the probability that a long with this geometry ends in profit after costs."""

    id: str
    symbol: str
    direction_prob: float | None
    calibrated: bool
    confidence: float | None
    expected_edge: float | None
    geometry: GeometryShape
    volatility: float | None
    reasoning: str
    contributions: list[ContributionShape]
    abstained: list[str]
    age_ms: int
    stale: bool
    timestamp: str
    model_name: str
    model_version: str


class PredictionsAnswer(TypedDict):
    success: bool
    count: int
    predictions: dict[str, PredictionShape]


class Verdict(TypedDict):
    """What the review said. *rule* refused, at *limit*, having found *found*; all three are None when approved."""

    approved: bool
    rule: str | None
    limit: float | None
    found: float | None
    in_words: str
    order_id: str | None


class SignalShape(TypedDict):
    """One proposal with its verdict; position_size is a fraction of equity. *side* is BUY, SELL or HOLD."""

    id: str
    symbol: str
    signal_type: str
    side: str
    confidence: float | None
    direction_prob: float | None
    price: str
    position_size: float
    stop_loss: str | None
    take_profit: str | None
    reasoning: str
    verdict: Verdict
    expires_at: str
    timestamp: str


class SignalsAnswer(TypedDict):
    success: bool
    count: int
    signals: list[SignalShape]


class TradeShape(TypedDict):
    """One round trip. *price* is the entry's (its limit while pending); pnl is after fees, pnl_pct of cost."""

    trade_id: str
    autowallet_id: str
    symbol: str
    signal_type: str
    side: Literal["buy", "sell"]
    quantity: str
    price: str
    exit_price: str | None
    status: TradeStatus
    fees: str
    pnl: str | None
    pnl_pct: float | None
    exit_reason: str | None
    opened_at: str | None
    closed_at: str | None
    timestamp: str


class TradesAnswer(TypedDict):
    success: bool
    count: int
    trades: list[TradeShape]
    next_cursor: str | None


class SkippedShape(TypedDict):
    symbol: str
    why: str


class StageAnswer(TypedDict):
    """What a forced stage did; an instant that is handled already: produced 0, skipped with that reason."""

    success: bool
    stage: AgentName
    instant: str | None
    produced: int
    refused: list[str]
    skipped: list[SkippedShape]
    duration_ms: float


class Done(TypedDict):
    """Something was done, in words."""

    success: bool
    message: str


class ClearedAnswer(TypedDict):
    """How many entries each cache held."""

    success: bool
    cleared: dict[str, int]


class SettingShape(TypedDict):
    """One setting: where its value comes from, what is allowed, and whether it can be changed while running."""

    name: str
    environment: str
    value: str | float | int | bool | list[str] | None
    default: str | float | int | bool | list[str] | None
    minimum: float | None
    maximum: float | None
    unit: str
    source: Literal["environment", "stored", "default"]
    changeable: bool
    why_fixed: str | None
    description: str


class ConfigAnswer(TypedDict):
    success: bool
    config: PipelineConfig
    settings: list[SettingShape]


class ChangeShape(TypedDict):
    name: str
    before: str | float | int | bool | list[str] | None
    after: str | float | int | bool | list[str] | None


class ChangedAnswer(TypedDict):
    """What a change of settings came to: applied and stored."""

    success: bool
    message: str
    changed: list[ChangeShape]
    config: PipelineConfig

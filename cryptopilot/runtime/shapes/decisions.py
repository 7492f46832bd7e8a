"""Explanations: decisions, their lineage, and the funnel."""

from typing import Any

from typing_extensions import TypedDict

from cryptopilot.runtime.shapes.pipeline import ContributionShape, SignalShape, Verdict


class DecisionsAnswer(TypedDict):
    """Judged signals, newest first. A page looks back over a bounded stretch; *next_cursor* goes on from there."""

    success: bool
    count: int
    decisions: list[SignalShape]
    next_cursor: str | None


class DecisionAnswer(TypedDict):
    success: bool
    decision: SignalShape


class LineageFill(TypedDict):
    order_id: str
    side: str
    at: str
    quantity: str
    price: str
    fee: str
    realised_pnl: str
    why: str


class LineageTrade(TypedDict):
    trade_id: str
    pnl: str
    fees: str
    opened_at: str
    closed_at: str | None
    exit_reason: str
    fills: list[LineageFill]


class LineageSignal(TypedDict):
    """*title* is the type, with the side where the type does not say it."""

    id: str
    signal_type: str
    side: str
    title: str
    reason: str
    confidence: float | None
    position_size: float
    price: str
    stop_loss: str | None
    take_profit: str | None
    expires_at: str
    verdict: Verdict


class LineageHeadline(TypedDict):
    title: str
    source: str
    published_at: str
    first_seen_at: str
    score: float
    simulated: bool


class LineagePrediction(TypedDict):
    id: str
    direction_prob: float | None
    calibrated: bool
    confidence: float | None
    expected_edge: float | None
    reasoning: str
    contributions: list[ContributionShape]
    abstained: list[str]
    features: dict[str, float | None]
    model_name: str
    model_version: str
    headlines: list[LineageHeadline]


class LineageCandle(TypedDict):
    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str


class Lineage(TypedDict):
    """From profit back to fill, order, verdict, signal, prediction, features, candle and headline."""

    label: str
    symbol: str
    instant: str
    trade: LineageTrade | None
    signal: LineageSignal
    prediction: LineagePrediction | None
    candle: LineageCandle | None


class LineageAnswer(TypedDict):
    success: bool
    lineage: Lineage


class FunnelShape(TypedDict):
    """How many got how far, and what stopped the rest: *candles* are instants times symbols."""

    since: str | None
    until: str | None
    instants: int
    candles: int
    predictions: int
    known: int
    signals: dict[str, int]
    holds: dict[str, int]
    refusals: dict[str, int]
    approved: int
    entries_filled: int
    why: str


class FunnelAnswer(TypedDict):
    success: bool
    funnel: FunnelShape


class NewsShape(TypedDict):
    """One headline as plain text; *score* in [-1, 1]."""

    id: str
    title: str
    source: str
    coins: list[str]
    score: float
    published_at: str
    first_seen_at: str
    simulated: bool


class NewsAnswer(TypedDict):
    success: bool
    count: int
    news: list[NewsShape]
    next_cursor: str | None


class AuditShape(TypedDict):
    """One line of the chained audit; *at* is wall time."""

    seq: int
    at: str
    who: str
    action: str
    subject: str
    detail: dict[str, Any]
    address: str
    hash: str


class AuditAnswer(TypedDict):
    """Newest first; *head* names the newest link, to be kept elsewhere as a witness."""

    success: bool
    count: int
    entries: list[AuditShape]
    next_cursor: str | None
    head: str

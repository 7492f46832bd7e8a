"""The messages of `/api/stream`: what a client sends, what it hears, and what each topic carries.

Every topic counts its own messages: `seq` grows by one from message to message of one topic in one stream. Topics of
state (status, market, predictions, positions, account, funnel) carry the whole of it each time. Topics of events
(signals, orders, trades, fills, news, alerts, log, equity, jobs) carry what is new; an entry with an id that is known
replaces the one before. A snapshot stands for everything before it.

Of signals a snapshot holds the newest instant's and, before them, the latest to buy or sell; an update every one to buy
or sell since the last, and the newest instant's HOLDs. The topic of jobs is everybody's own: each user hears of theirs
alone, and numbers count for that user.
"""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from cryptopilot.runtime.shapes.backtests import BacktestShape
from cryptopilot.runtime.shapes.books import AccountShape, FillShape, OrderShape, PositionShape
from cryptopilot.runtime.shapes.decisions import FunnelShape, NewsShape
from cryptopilot.runtime.shapes.pipeline import MarketDatum, PredictionShape, SignalShape, Status, TradeShape

Topic = Literal[
    "status", "market", "predictions", "signals", "orders", "fills", "positions", "news", "alerts", "log",
    "account", "trades", "equity", "funnel", "jobs",
]  # fmt: skip


class Alert(TypedDict):
    """Something that a person should know; *at* is wall time."""

    id: str
    at: str
    level: Literal["info", "warning", "critical"]
    code: str
    text: str


class LogLine(TypedDict):
    """One line of the pipeline's log; *at* is wall time."""

    id: str
    at: str
    level: str
    event: str
    fields: dict[str, str]


class EquityPoint(TypedDict):
    """Equity in the quote asset at a market time."""

    at: str
    equity: str


class Authenticate(TypedDict):
    """The first message of a client; later ones renew its leave to stay."""

    type: Literal["auth"]
    token: str


class Subscribe(TypedDict):
    """Hear *topics* from now on; with the stream's id and the last seq seen of each, what was missed comes first."""

    type: Literal["subscribe"]
    topics: list[Topic]
    stream_id: NotRequired[str]
    after: NotRequired[dict[Topic, int]]


class Unsubscribe(TypedDict):
    type: Literal["unsubscribe"]
    topics: list[Topic]


class Ping(TypedDict):
    type: Literal["ping"]


FromClient = Annotated[Authenticate | Subscribe | Unsubscribe | Ping, Field(discriminator="type")]


class Welcome(TypedDict):
    """Who is signed in, until when (wall time), and which stream this is."""

    type: Literal["welcome"]
    stream_id: str
    username: str
    expires_at: str
    topics: list[Topic]


class Subscribed(TypedDict):
    """Which topics are heard now; *resumed* are those that went on where the client was."""

    type: Literal["subscribed"]
    topics: list[Topic]
    resumed: list[Topic]


class Pong(TypedDict):
    """Also sent unasked every few seconds; *at* is wall time."""

    type: Literal["pong"]
    at: str


class StreamProblem(TypedDict):
    """What was wrong with the client's message; the stream goes on unless it is closed with a code."""

    type: Literal["problem"]
    code: str
    detail: str
    field: str | None


class _Message(TypedDict):
    """*kind*: whether *data* stands for everything before it; *at* is the wall time at which it was sent."""

    type: Literal["message"]
    kind: Literal["snapshot", "update"]
    seq: int
    at: str


class StatusMessage(_Message):
    topic: Literal["status"]
    data: Status


class MarketMessage(_Message):
    topic: Literal["market"]
    data: dict[str, MarketDatum]


class PredictionsMessage(_Message):
    topic: Literal["predictions"]
    data: dict[str, PredictionShape]


class SignalsMessage(_Message):
    topic: Literal["signals"]
    data: list[SignalShape]


class OrdersMessage(_Message):
    topic: Literal["orders"]
    data: list[OrderShape]


class FillsMessage(_Message):
    topic: Literal["fills"]
    data: list[FillShape]


class TradesMessage(_Message):
    topic: Literal["trades"]
    data: list[TradeShape]


class PositionsMessage(_Message):
    topic: Literal["positions"]
    data: list[PositionShape]


class AccountMessage(_Message):
    topic: Literal["account"]
    data: AccountShape


class NewsMessage(_Message):
    topic: Literal["news"]
    data: list[NewsShape]


class AlertsMessage(_Message):
    topic: Literal["alerts"]
    data: list[Alert]


class LogMessage(_Message):
    topic: Literal["log"]
    data: list[LogLine]


class EquityMessage(_Message):
    topic: Literal["equity"]
    data: list[EquityPoint]


class FunnelMessage(_Message):
    topic: Literal["funnel"]
    data: FunnelShape


class JobsMessage(_Message):
    topic: Literal["jobs"]
    data: list[BacktestShape]


Message = Annotated[
    StatusMessage | MarketMessage | PredictionsMessage | SignalsMessage | OrdersMessage | FillsMessage | TradesMessage
    | PositionsMessage | AccountMessage | NewsMessage | AlertsMessage | LogMessage | EquityMessage | FunnelMessage
    | JobsMessage,
    Field(discriminator="topic"),
]  # fmt: skip

FromServer = Welcome | Subscribed | Pong | StreamProblem | Message

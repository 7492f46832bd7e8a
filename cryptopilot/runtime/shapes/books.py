"""The books' answers: positions, orders, fills, the account."""

from typing import Literal

from typing_extensions import TypedDict

Side = Literal["buy", "sell"]
OrderStatus = Literal["intended", "sent", "partly_filled", "filled", "cancelled"]


class PositionShape(TypedDict):
    """One open long. *unrealised_pnl* is at the mark, entry fees included, exit fees not."""

    id: str
    autowallet_id: str
    symbol: str
    direction: Literal["long"]
    quantity: str
    entry_price: str
    mark_price: str | None
    cost: str
    value: str | None
    unrealised_pnl: str | None
    unrealised_pnl_pct: float | None
    stop_loss: str
    take_profit: str
    closes_at: str | None
    leaving: bool
    opened_at: str
    age_ms: int | None
    stale: bool


class PositionsAnswer(TypedDict):
    success: bool
    count: int
    positions: list[PositionShape]


class OrderShape(TypedDict):
    """Intent. An exit and a protective order have no limit price. *why* says why it was cancelled."""

    id: str
    autowallet_id: str
    symbol: str
    side: Side
    kind: Literal["entry", "exit"]
    quantity: str
    filled: str
    limit_price: str | None
    stop_loss: str | None
    take_profit: str | None
    status: OrderStatus
    reason: str | None
    why: str | None
    created_at: str
    expires_at: str | None


class OrdersAnswer(TypedDict):
    success: bool
    count: int
    orders: list[OrderShape]
    next_cursor: str | None


class FillShape(TypedDict):
    """One execution; realised_pnl is after fees, 0 for an entry."""

    order_id: str
    trade_id: str
    autowallet_id: str
    symbol: str
    side: Side
    quantity: str
    price: str
    fee: str
    realised_pnl: str
    reason: str
    at: str


class FillsAnswer(TypedDict):
    success: bool
    count: int
    fills: list[FillShape]
    next_cursor: str | None


class AccountShape(TypedDict):
    """Cash, reserved for orders at work, positions at their marks; equity is cash and positions."""

    autowallet_id: str
    session_id: str
    quote: str
    capital: str
    cash: str
    reserved: str
    free_cash: str
    positions_value: str
    equity: str
    equity_at_midnight: str
    peak_equity: str
    total_pnl: str
    realised_pnl: str
    unrealised_pnl: str
    fees: str
    as_of: str


class AccountAnswer(TypedDict):
    success: bool
    account: AccountShape


class CloseAnswer(TypedDict):
    """Exits that were ordered; each fills at its next price. *skipped* names positions that are being left already."""

    success: bool
    message: str
    orders: list[str]
    skipped: list[str]

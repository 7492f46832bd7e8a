"""Positions, orders, fills, trades and the account, from rows and from the account of a moment."""

from typing import Any, Literal

from cryptopilot.domain.account import Account
from cryptopilot.domain.instrument import Instrument, money
from cryptopilot.domain.position import Position
from cryptopilot.domain.timeframe import iso
from cryptopilot.rules.arithmetic import notional
from cryptopilot.runtime.explain import EXITS
from cryptopilot.runtime.moment import Moment
from cryptopilot.runtime.shapes.books import AccountShape, FillShape, OrderShape, PositionShape
from cryptopilot.runtime.shapes.pipeline import TradeShape, TradeStatus
from cryptopilot.runtime.views.market import price

_AT_WORK = ("intended", "sent")


def amount(atoms: int, quote: str) -> str:
    """Atoms as the text of a decimal."""
    return f"{money(atoms, quote):f}"


def side_of(side: int) -> Literal["buy", "sell"]:
    return "buy" if side > 0 else "sell"


def positions(moment: Moment) -> list[PositionShape]:
    """Open positions in symbol order."""
    held = moment.account.positions
    return [_position(moment, held[symbol]) for symbol in sorted(held)]


def _position(moment: Moment, p: Position) -> PositionShape:
    instrument, mark = moment.instruments[p.symbol], moment.mark(p.symbol)
    order = moment.account.orders.get(p.symbol)
    worth = notional(mark, p.lots, instrument.scale) if mark else None
    return {
        "id": p.trade_id,
        "autowallet_id": p.wallet_id,
        "symbol": p.symbol,
        "direction": "long",
        "quantity": f"{instrument.quantity(p.lots):f}",
        "entry_price": price(instrument, p.entry_ticks),
        "mark_price": price(instrument, mark) if mark else None,
        "cost": amount(p.cost, moment.quote),
        "value": None if worth is None else amount(worth, moment.quote),
        "unrealised_pnl": None if worth is None else amount(worth - p.cost, moment.quote),
        "unrealised_pnl_pct": None if worth is None else (worth - p.cost) / p.cost,
        "stop_loss": price(instrument, p.stop_ticks),
        "take_profit": price(instrument, p.target_ticks),
        "closes_at": iso(p.opened_at + p.longest_ms) if p.longest_ms else None,
        "leaving": order is not None and order.only_reduces,
        "opened_at": iso(p.opened_at),
        "age_ms": moment.age_ms(p.symbol),
        "stale": moment.stale(p.symbol),
    }


def account(moment: Moment) -> AccountShape:
    """Where the money is."""
    a, quote = moment.account, moment.quote
    reserved, worth = sum(a.reservations.values()), a.worth(moment.mark)
    return {
        "autowallet_id": a.wallet_id,
        "session_id": moment.session_id,
        "quote": quote,
        "capital": amount(a.deposited, quote),
        "cash": amount(a.cash, quote),
        "reserved": amount(reserved, quote),
        "free_cash": amount(a.cash - reserved, quote),
        "positions_value": amount(worth - a.cash, quote),
        "equity": amount(worth, quote),
        "equity_at_midnight": amount(a.day_base, quote),
        "peak_equity": amount(a.peak, quote),
        "total_pnl": amount(worth - a.deposited, quote),
        "realised_pnl": amount(moment.realised, quote),
        "unrealised_pnl": amount(unrealised(a, worth, moment.realised), quote),
        "fees": amount(moment.fees, quote),
        "as_of": iso(moment.instant),
    }


def unrealised(account: Account, worth: int, realised: int) -> int:
    """What open positions would add to realised profit at their marks, in atoms."""
    return worth - account.deposited - realised


def order(row: Any, instrument: Instrument) -> OrderShape:
    """An order from its row."""
    entry = row.side > 0
    return {
        "id": row.id,
        "autowallet_id": row.wallet_id,
        "symbol": row.symbol,
        "side": side_of(row.side),
        "kind": "entry" if entry else "exit",
        "quantity": f"{instrument.quantity(row.lots):f}",
        "filled": f"{instrument.quantity(row.filled_lots):f}",
        "limit_price": price(instrument, row.limit_ticks) if row.limit_ticks else None,
        "stop_loss": price(instrument, row.stop_ticks) if row.stop_ticks else None,
        "take_profit": price(instrument, row.target_ticks) if row.target_ticks else None,
        "status": row.status,
        "reason": None if entry else EXITS[row.reason],
        "why": row.why or None,
        "created_at": iso(row.born_at),
        "expires_at": iso(row.expires_at) if row.expires_at else None,
    }


def fill(row: Any, instrument: Instrument) -> FillShape:
    """A fill from its row."""
    return {
        "order_id": row.order_id,
        "trade_id": row.trade_id,
        "autowallet_id": row.wallet_id,
        "symbol": row.symbol,
        "side": side_of(row.side),
        "quantity": f"{instrument.quantity(row.lots):f}",
        "price": price(instrument, row.ticks),
        "fee": amount(row.fee, instrument.quote),
        "realised_pnl": amount(row.realised, instrument.quote),
        "reason": "entry" if row.side > 0 else EXITS[row.reason],
        "at": iso(row.at),
    }


def trade(row: Any, instrument: Instrument) -> TradeShape:
    """A round trip from the row of its entry order, joined with what came of it."""
    filled = row.opened_at is not None
    status = _trade_status(row)
    return {
        "trade_id": row.id,
        "autowallet_id": row.wallet_id,
        "symbol": row.symbol,
        "signal_type": "BUY",
        "side": "buy",
        "quantity": f"{instrument.quantity(row.trade_lots if filled else row.lots):f}",
        "price": price(instrument, row.entry_ticks if filled else row.limit_ticks),
        "exit_price": price(instrument, row.exit_ticks) if row.exit_ticks else None,
        "status": status,
        "fees": amount(row.fees or 0, instrument.quote),
        "pnl": amount(row.realised, instrument.quote) if status == "closed" else None,
        "pnl_pct": row.realised / row.cost if status == "closed" else None,
        "exit_reason": EXITS[row.exit_reason] if status == "closed" else row.why or None,
        "opened_at": iso(row.opened_at) if filled else None,
        "closed_at": iso(row.closed_at) if status == "closed" else None,
        "timestamp": iso(row.closed_at or row.opened_at or row.born_at),
    }


def _trade_status(row: Any) -> TradeStatus:
    if row.closed_at is not None:
        return "closed"
    if row.opened_at is not None:
        return "executed"
    return "pending" if row.status in _AT_WORK else "cancelled"

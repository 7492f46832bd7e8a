"""Closed trades by what they have in common: their symbol, their tag, what ended them, the month in which they did."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.metrics import expectancy, profit_factor
from cryptopilot.quant.trades import Interval, wilson
from cryptopilot.research.outcome import Trade
from cryptopilot.rules.arithmetic import share


@dataclass(frozen=True, slots=True)
class Group:
    """What closed trades came to. Money in quote, after every fee.

    Args:
        closed: how many; won: those that came to more than 0; win_rate_interval: its 95 % Wilson interval.
        profit: their sum; fees: what of their results went to the venue.
        mean_return: of a trade's profit over its cost; mean_holding_ms: from opening to closing.
    """

    closed: int
    won: int
    win_rate: float
    win_rate_interval: Interval
    profit: Decimal
    fees: Decimal
    profit_factor: float
    mean_return: float
    mean_holding_ms: float


def grouped(trades: Iterable[Trade], by: Callable[[Trade], str]) -> Mapping[str, Group]:
    """Trades by a name that each has, in the order of the names; each of them closed."""
    members: dict[str, list[Trade]] = {}
    for trade in trades:
        members.setdefault(by(trade), []).append(trade)
    return {name: _group(members[name]) for name in sorted(members)}


def month(trade: Trade) -> str:
    """The month of UTC in which a trade was closed, such as 2022-01."""
    return iso(trade.closed_at)[:7]


def return_of(trade: Trade) -> float:
    """Profit over cost, a fraction; NaN of a trade that cost nothing."""
    return float(trade.pnl / trade.cost) if trade.cost else float("nan")


def holding_ms(trade: Trade) -> int:
    return trade.closed_at - trade.opened_at


def _group(trades: list[Trade]) -> Group:
    won = sum(trade.pnl > 0 for trade in trades)
    return Group(
        closed=len(trades),
        won=won,
        win_rate=share(won, len(trades)),
        win_rate_interval=wilson(won, len(trades)),
        profit=sum((trade.pnl for trade in trades), Decimal(0)),
        fees=sum((trade.fees for trade in trades), Decimal(0)),
        profit_factor=profit_factor([float(trade.pnl) for trade in trades]),
        mean_return=expectancy([return_of(trade) for trade in trades]),
        mean_holding_ms=expectancy([holding_ms(trade) for trade in trades]),
    )

"""Holding: what is owned of one symbol, what it cost, and what guards it."""

from dataclasses import dataclass

from cryptopilot.domain.order import Protection


@dataclass(frozen=True, slots=True)
class Position:
    """One open long. Quantity in lots, cost in atoms (entry fees included), prices in ticks, times in ms UTC."""

    trade_id: str
    wallet_id: str
    symbol: str
    lots: int
    cost: int
    entry_ticks: int
    stop_ticks: int
    target_ticks: int
    longest_ms: int
    opened_at: int

    def protection(self) -> Protection:
        return Protection(self.wallet_id, self.symbol, self.lots, self.stop_ticks, self.target_ticks, self.opened_at)

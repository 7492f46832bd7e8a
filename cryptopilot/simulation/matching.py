"""The matching engine: waiting orders meet the first prices of a bar, protections meet its range."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.ids import decision_id
from cryptopilot.domain.order import Execution, Order, Protection
from cryptopilot.rules.fills import BUYING, SELLING, Costs, fillable, slippage, slipped
from cryptopilot.rules.protection import NOTHING, STOP, protective_exit


class Working(NamedTuple):
    """An order at the venue, and the last instant whose opening it has met."""

    order: Order
    met: int


class MatchingEngine:
    """Orders and protections of one wallet, by symbol: at most one each."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._orders: dict[str, Working] = {}
        self._protections: dict[str, Protection] = {}

    def add(self, order: Order) -> None:
        """Take an order; one that is at work already stays as it is."""
        present = self._orders.get(order.symbol)
        if present is None or present.order.id != order.id:
            self._orders[order.symbol] = Working(order, -1)

    def protect(self, protection: Protection) -> None:
        self._protections[protection.symbol] = protection

    def adopt(self, orders: Iterable[Working], protections: Iterable[Protection]) -> None:
        """Have exactly these."""
        self._orders = {w.order.symbol: w for w in orders}
        self._protections = {p.symbol: p for p in protections}

    def close(self, instant: int, bars: Mapping[str, Bar], volatility: Mapping[str, float]) -> list[Execution]:
        """Rank 0, by symbol: expiries, then each bar's range against the protection."""
        done: list[Execution] = []
        for symbol in sorted({*self._orders, *self._protections}):
            working = self._orders.get(symbol)
            if working is not None and 0 < working.order.expires_at <= instant:
                done.append(self._cancel(working.order, instant, "no price before it expired"))
            protection, bar = self._protections.get(symbol), bars.get(symbol)
            if protection is not None and bar is not None:
                done += self._range(protection, bar, instant, volatility.get(symbol, 0.0))
        return done

    def open(self, instant: int, openings: Mapping[str, Opening], volatility: Mapping[str, float]) -> list[Execution]:
        """Rank 3, by symbol: waiting orders meet the first price."""
        done: list[Execution] = []
        for symbol in sorted(self._orders):
            opening, working = openings.get(symbol), self._orders[symbol]
            if opening is None or working.met >= instant:
                continue
            self._orders[symbol] = Working(working.order, instant)
            done += self._meet(working.order, instant, opening, volatility.get(symbol, 0.0))
        return done

    def symbols(self) -> list[str]:
        """Every symbol with something at work."""
        return sorted({*self._orders, *self._protections})

    def _range(self, protection: Protection, bar: Bar, instant: int, volatility: float) -> list[Execution]:
        reason, ticks = protective_exit(
            protection.stop_ticks, protection.target_ticks, bar.open, bar.high, bar.low,
            protection.entered_at == bar.open_time,
        )  # fmt: skip
        if reason == NOTHING:
            return []
        lots, symbol = protection.lots, protection.symbol
        if reason == STOP:
            ticks = slipped(ticks, SELLING, slippage(self._costs, volatility, lots, bar.volume))
        cancelled = []
        if symbol in self._orders:
            cancelled.append(self._cancel(self._orders[symbol].order, instant, "its position was closed by protection"))
        del self._protections[symbol]
        order_id = decision_id(protection.wallet_id, symbol, instant, "protection")
        fill = Execution(order_id, protection.wallet_id, symbol, SELLING, instant, lots, ticks, reason, True)
        return [*cancelled, fill]

    def _meet(self, order: Order, instant: int, opening: Opening, volatility: float) -> list[Execution]:
        lots = fillable(order.lots, opening.bar_lots, self._costs.volume_cap)
        worse = slippage(self._costs, volatility, lots, opening.bar_lots)
        ticks = slipped(opening.ticks, order.side, worse)
        if order.side == BUYING:
            if lots <= 0:
                return [self._cancel(order, instant, "the bar's volume leaves nothing to take")]
            if ticks > order.limit_ticks:
                return [self._cancel(order, instant, "the price is worse than the limit")]
            del self._orders[order.symbol]
            self.protect(Protection(order.wallet_id, order.symbol, lots, order.stop_ticks, order.target_ticks, instant))
            return [self._fill(order, instant, lots, ticks, done=True)]
        if lots <= 0:
            return []
        rest = order.lots - lots
        protection = self._protections.pop(order.symbol)
        if rest:
            self._orders[order.symbol] = Working(replace(order, lots=rest), instant)
            self.protect(replace(protection, lots=rest))
        else:
            del self._orders[order.symbol]
        return [self._fill(order, instant, lots, ticks, done=rest == 0)]

    def _fill(self, order: Order, instant: int, lots: int, ticks: int, *, done: bool) -> Execution:
        return Execution(order.id, order.wallet_id, order.symbol, order.side, instant, lots, ticks, order.reason, done)

    def _cancel(self, order: Order, instant: int, why: str) -> Execution:
        del self._orders[order.symbol]
        return Execution(order.id, order.wallet_id, order.symbol, order.side, instant, 0, 0, order.reason, True, why)

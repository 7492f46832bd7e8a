"""How one wallet's session is doing: running statistics for those who look, fed by committed batches only."""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import NamedTuple

from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.domain.events import Marked, OrderFilled
from cryptopilot.domain.instrument import money
from cryptopilot.domain.tally import Tally
from cryptopilot.domain.timeframe import DAY, iso
from cryptopilot.ports.journal import Batch
from cryptopilot.quant.running import Curve, GrowingCurve
from cryptopilot.runtime.latency import quantiles
from cryptopilot.runtime.recent import Recent
from cryptopilot.runtime.shapes.statistics import Percentiles, Statistics, SymbolStatistics
from cryptopilot.runtime.wiring import Assembly

_YEAR = 365 * DAY
"""Crypto markets never close."""


class Standing(NamedTuple):
    """A session as of its last committed batch; it never changes. Money in atoms.

    Args:
        at: the instant of that batch; equity: cash and every position at its mark, fills since the last mark included.
        buy_and_hold: what the market has returned since the first mark, a fraction; None before the second one.
        by_symbol: of every symbol that was ever traded.
    """

    at: int
    capital: int
    equity: int
    buy_and_hold: float | None
    curve: Curve
    by_symbol: Mapping[str, Tally]

    @property
    def total(self) -> Tally:
        return reduce(Tally.plus, self.by_symbol.values(), Tally())

    @property
    def versus_buy_and_hold(self) -> float | None:
        """The return on capital less the market's; positive is ahead of it."""
        return None if self.buy_and_hold is None else self.equity / self.capital - 1.0 - self.buy_and_hold


class Performance:
    """Fed in the pipeline's thread, read from any other.

    `observe` replaces `now`, which itself never changes: whoever reads holds one consistent moment, and nobody waits.
    A batch costs the same however long the session is, and memory is bounded by the number of symbols.

    Args:
        marks: instants and equity in atoms so far, oldest first; by_symbol: what its trades have come to.
        begun: what open trades have realised so far, by id.
    """

    def __init__(
        self, assembly: Assembly, marks: Iterable[tuple[int, int]], by_symbol: Mapping[str, Tally],
        begun: Mapping[str, int],
    ) -> None:  # fmt: skip
        self._assembly = assembly
        self._curve = GrowingCurve()
        self._by_symbol, self._begun = dict(by_symbol), dict(begun)
        self._first: dict[str, int] = {}
        for at, equity in marks:
            self._marked(at, equity)
        self.now = self._standing(assembly.pipeline.handled)

    @classmethod
    def resumed(cls, assembly: Assembly, reader: Reader) -> "Performance":
        """As of what the database holds; its equity curve passes through, a page at a time."""
        return cls(assembly, reader.equity(), reader.tallies(), reader.begun())

    def observe(self, batch: Batch) -> None:
        """Count a committed batch in: an observer of the pipeline."""
        for wallet_id, event in batch.events:
            if wallet_id != self._assembly.trader.account.wallet_id:
                continue
            if isinstance(event, Marked):
                self._marked(event.at, event.equity)
            elif isinstance(event, OrderFilled):
                self._filled(event)
        self.now = self._standing(batch.instant)

    @property
    def periods_per_year(self) -> float:
        """How many instants a year has: what annualises their returns."""
        return _YEAR / self._assembly.market.candles.timeframe_ms

    def _marked(self, at: int, equity: int) -> None:
        if not self._first:
            self._first = _closes(self._assembly, at)
        self._curve.add(at, equity)

    def _filled(self, event: OrderFilled) -> None:
        tally = self._by_symbol.get(event.symbol, Tally()).filled(event.fee, event.realised)
        if event.side < 0:
            result = self._begun.pop(event.trade_id, 0) + event.realised
            if event.position is None:
                tally = tally.ended(result)
            else:
                self._begun[event.trade_id] = result
        self._by_symbol = {**self._by_symbol, event.symbol: tally}  # A new one: readers hold the old one.

    def _standing(self, at: int) -> Standing:
        account, mark = self._assembly.trader.account, self._assembly.view.mark
        curve = self._curve.curve()
        market = buy_and_hold(self._first, mark) if curve.n > 1 else None  # A return takes two marks.
        return Standing(at, account.deposited, account.worth(mark), market, curve, self._by_symbol)


def buy_and_hold(first: Mapping[str, int], mark: Callable[[str], int]) -> float | None:
    """What equal parts of all symbols, bought at *first* and never touched, have returned; costs left out.

    Args:
        first: marks in ticks at the start; mark: gives the newest, 0 where there is none.
    Returns:
        A fraction; None when nothing had a price at the start.
    """
    returns = [mark(symbol) / ticks - 1.0 for symbol, ticks in first.items() if mark(symbol)]
    return sum(returns) / len(returns) if returns else None


def statistics_of(assembly: Assembly, recent: Recent, performance: Performance) -> Statistics:
    """The published statistics, as of the last committed batch. From any thread; the pipeline does not wait for it."""
    now, quote = performance.now, assembly.quote
    total, curve, moments = now.total, now.curve, now.curve.moments
    profit = now.equity - now.capital
    return {
        "quote": quote,
        "capital": _money(now.capital, quote),
        "total_signals": sum(recent.funnel.signals.values()),
        "total_trades": total.closed,
        "successful_trades": total.won,
        "success_rate": total.success_rate,
        "total_pnl": _money(profit, quote),
        "realised_pnl": _money(total.realised, quote),
        "unrealised_pnl": _money(profit - total.realised, quote),
        "fees": _money(total.fees, quote),
        "max_drawdown": curve.drawdown if curve.n else None,
        "max_drawdown_at": None if curve.fallen_at is None else iso(curve.fallen_at),
        "sharpe": _known(moments.sharpe(performance.periods_per_year)),
        "sortino": _known(moments.sortino(performance.periods_per_year)),
        "profit_factor": total.profit_factor,
        "expectancy": _money_if(total.expectancy, quote),
        "stage_latency_ms": _latency(assembly),
        "equity_curve": [{"at": iso(p.at), "equity": _money(p.equity, quote)} for p in curve.points()],
        "by_symbol": {symbol: _of_symbol(tally, quote) for symbol, tally in sorted(now.by_symbol.items())},
        "versus_buy_and_hold": now.versus_buy_and_hold,
        "last_update": iso(now.at),
    }


def _closes(assembly: Assembly, instant: int) -> dict[str, int]:
    """The marks in ticks that were made at *instant*: those in view, or for an instant long gone the source's."""
    view = assembly.view
    if view.instant == instant:
        return {s: view.mark(s) for s in view.symbols if view.age_ms(s, instant) == 0}
    return {symbol: bar.close for symbol, bar in assembly.market.candles.closed(instant).bars.items()}


def _latency(assembly: Assembly) -> dict[str, Percentiles]:
    unknown = Percentiles(p50=None, p95=None, p99=None)
    found = quantiles(assembly.pipeline.latency)
    return {str(n): unknown if q is None else Percentiles(p50=q.p50, p95=q.p95, p99=q.p99) for n, q in found.items()}


def _of_symbol(tally: Tally, quote: str) -> SymbolStatistics:
    return {
        "closed": tally.closed,
        "won": tally.won,
        "realised_pnl": _money(tally.realised, quote),
        "fees": _money(tally.fees, quote),
        "best_trade": _money_if(tally.best, quote),
        "worst_trade": _money_if(tally.worst, quote),
    }


def _money(atoms: int, quote: str) -> str:
    return f"{money(atoms, quote):f}"


def _money_if(atoms: int | None, quote: str) -> str | None:
    return None if atoms is None else _money(atoms, quote)


def _known(value: float) -> float | None:
    return value if value == value else None

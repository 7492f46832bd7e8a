"""What a strategy sees of a market, from its first bar on: the live collector and predictor, run over it."""

from collections.abc import Callable

from cryptopilot.agents.rows import Rows
from cryptopilot.domain.events import BarsObserved
from cryptopilot.domain.market import MarketView
from cryptopilot.ports.strategy import Columns
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.wiring import onlookers


def observed(market: Market, last: int, progress: Callable[[float], None] = lambda _: None) -> dict[str, Columns]:
    """The columns of every symbol of *market* up to the instant *last*, in ms UTC.

    Args:
        progress: told the share that is done, from 0 to 1, after each instant.
    """
    candles = market.candles
    instants = range(candles.first_instant, last + 1, candles.timeframe_ms)
    rows = Rows(candles.instruments, candles.timeframe_ms, max(1, len(instants)))
    view = MarketView(candles.instruments)
    collector, predictor = onlookers(market, view, rows)
    for number, instant in enumerate(instants, 1):
        predictor.on_observed(BarsObserved(collector.close(instant)))
        progress(number / len(instants))
    return {symbol: rows.columns(symbol, len(instants)) for symbol in candles.instruments}

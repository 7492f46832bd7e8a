"""What a strategy sees of a market, from its first bar on: the live collector and predictor, run over it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptopilot.adapters.exchanges.files import read_candles
from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, available, candle_path, chosen
from cryptopilot.adapters.news.recorded import RecordedNews
from cryptopilot.agents.rows import Rows
from cryptopilot.domain.events import BarsObserved
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.timeframe import timeframe_ms
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


def newest_recorded(
    folder: Path, exchange: str, symbols: Sequence[str], timeframe: str, bars: int
) -> tuple[Market, int]:
    """A market of the newest *bars* recorded candles, with history before them, and its last instant in ms UTC.

    Args:
        symbols: all that the folder has when empty.
    Raises:
        DataFileError, UnknownSymbolError, InvalidValueError: the folder, a symbol or the timeframe is not there.
    """
    step = timeframe_ms(timeframe)
    found = chosen(symbols, available(folder, exchange, timeframe))
    ends = [int(read_candles(candle_path(folder, exchange, symbol, timeframe)).times[-1]) + step for symbol in found]
    last = max(ends)
    candles = RecordedMarket(Recording(folder, exchange, timeframe, found, last - bars * step, last))
    return Market(candles, (RecordedNews(folder, candles.first_instant, last),)), last

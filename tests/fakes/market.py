"""Markets whose every bar a test writes itself."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.errors import TransientError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import Headline
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.candles import Closed
from cryptopilot.rules.arithmetic import draw31

START = 1_700_046_000_000  # 2023-11-15T11:00:00Z, on the grid of hours.


def an_instrument(
    symbol: str = "BTC/USDT", tick: str = "0.01", lot: str = "0.00001", top: str = "1000000"
) -> Instrument:
    return Instrument(symbol, Decimal(tick), Decimal(lot), Decimal(top))


class ScriptedMarket:
    """A `CandleSource` over hourly bars given by close time; what is not given is missing.

    Args:
        script: per symbol, bars by the instant at which they close.
    """

    label = "SCRIPTED"
    name = "scripted"
    timeframe_ms = HOUR

    def __init__(self, script: Mapping[str, Mapping[int, Bar]], first_decision: int = START) -> None:
        self.script = {s: dict(bars) for s, bars in script.items()}
        self.instruments: Mapping[str, Instrument] = {s: an_instrument(s) for s in sorted(script)}
        self.first_decision = first_decision
        self.first_instant = min((min(b, default=first_decision) for b in script.values()), default=first_decision)
        self.last_instant: int | None = max((max(b, default=0) for b in script.values()), default=None)
        self.late: dict[int, dict[str, tuple[Bar, ...]]] = {}
        self.silent: set[int] = set()

    def closed(self, instant: int) -> Closed:
        if instant in self.silent:
            raise TransientError("the source does not answer")
        bars = {s: bars[instant] for s, bars in self.script.items() if instant in bars}
        return Closed(bars, self.late.get(instant, {}))

    def opened(self, instant: int) -> Mapping[str, Opening]:
        nexts = {s: bars[instant + HOUR] for s, bars in self.script.items() if instant + HOUR in bars}
        return {s: Opening(b.open, b.volume) for s, b in nexts.items()}


def a_bar(closing: int, close: int, *, open: int = 0, high: int = 0, low: int = 0, volume: int = 10**9) -> Bar:  # noqa: A002
    """A bar that closes at an instant; prices in ticks, flat unless told otherwise."""
    opening = open or close
    return Bar(closing - HOUR, opening, high or max(opening, close), low or min(opening, close), close, volume)


class ScriptedNews:
    name = "scripted-news"

    def __init__(self, headlines: Sequence[Headline] = ()) -> None:
        self._headlines = sorted(headlines, key=lambda h: h.first_seen_at)

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        return [h for h in self._headlines if after < h.first_seen_at <= until]


def wobbling(
    symbols: Sequence[str], instants: int, *, before: int = 230, price: int = 10_000
) -> dict[str, dict[int, Bar]]:
    """Bars of symbols that move by a thousandth or less, each on its own: *before* of history, then *instants*.

    Closes by instant; prices in ticks around *price*.
    """
    script: dict[str, dict[int, Bar]] = {}
    for number, symbol in enumerate(symbols):
        bars: dict[int, Bar] = {}
        last = price
        for i in range(-before, instants + 1):
            closing = START + i * HOUR
            close = price + draw31(1, 2, number, i + 1000, 0) % 21 - 10
            bars[closing] = a_bar(closing, close, open=last)
            last = close
        script[symbol] = bars
    return script


def at(instants: int) -> int:
    """The close time *instants* after the first decision; 0 is the first decision itself."""
    return START + instants * HOUR

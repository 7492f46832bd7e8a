"""Which candles: an exchange, a symbol, a timeframe, and the file name that says so."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from cryptopilot.domain.errors import InvalidValueError, RejectedError
from cryptopilot.domain.instrument import SYMBOL
from cryptopilot.domain.timeframe import ALLOWED, iso, timeframe_ms

_EXCHANGE = re.compile(r"[A-Z0-9_]{1,32}")


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One candle series, such as BINANCE BTC/USDT 1h.

    Raises:
        InvalidValueError: a part is malformed; none of them can lead out of a folder.
    """

    exchange: str
    symbol: str
    timeframe: str

    def __post_init__(self) -> None:
        if not _EXCHANGE.fullmatch(self.exchange):
            raise InvalidValueError("exchange", self.exchange, "1 to 32 capitals, digits and _, such as BINANCE")
        if not SYMBOL.fullmatch(self.symbol):
            raise InvalidValueError("symbol", self.symbol, "BASE/QUOTE in capitals, such as BTC/USDT")
        timeframe_ms(self.timeframe)

    def __str__(self) -> str:
        return f"{self.exchange} {self.symbol} {self.timeframe}"

    @property
    def step_ms(self) -> int:
        """The length of one bar."""
        return timeframe_ms(self.timeframe)

    @property
    def stem(self) -> str:
        """The name of a file of it, without the ending: ``BINANCE-BTC_USDT-1h``."""
        return f"{self.exchange}-{self.symbol.replace('/', '_')}-{self.timeframe}"


def series_of(path: PurePath) -> Series | None:
    """The series that a path names; None when it names none.

    A name is ``EXCHANGE-BASE_QUOTE-TIMEFRAME.*``, or in a store ``EXCHANGE/BASE_QUOTE/TIMEFRAME.arrow``.
    """
    parts = path.name.partition(".")[0].split("-")
    if len(parts) == 1 and path.suffix == ".arrow":
        parts = [*path.parts[-3:-1], *parts]
    if len(parts) != 3 or parts[1].count("_") != 1:
        return None
    try:
        return Series(parts[0], parts[1].replace("_", "/"), parts[2])
    except InvalidValueError:
        return None


def timeframe_of(path: PurePath) -> str | None:
    """The timeframe that a path names: the one part of its name, between dashes, that is a timeframe."""
    series = series_of(path)
    if series is not None:
        return series.timeframe
    found = {part for part in path.name.partition(".")[0].split("-") if part in ALLOWED}
    return found.pop() if len(found) == 1 else None


class CandleConflictError(RejectedError):
    """Bars that differ from those already stored: nothing was written. Times are open times in ms UTC."""

    def __init__(self, series: Series, times: list[int]) -> None:
        shown = ", ".join(iso(time) for time in times[:10]) + (", ..." if len(times) > 10 else "")
        super().__init__(
            f"{series}: bars that differ from those stored: {len(times)}, at {shown}; nothing was written; "
            "allowed: equal bars, or --replace to overwrite"
        )
        self.series, self.times = series, times

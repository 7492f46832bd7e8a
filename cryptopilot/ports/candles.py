"""Where bars come from."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.instrument import Instrument
from cryptopilot.rules.features import LONGEST

HISTORY = max(1000, 40 * LONGEST)
"""Bars that a market serves before its first decision, so that averages have forgotten where they began."""


class Closed(NamedTuple):
    """Bars that closed at an instant, and those of earlier instants that were not served before."""

    bars: Mapping[str, Bar]
    late: Mapping[str, tuple[Bar, ...]]


class CandleSource(Protocol):
    """A market's bars on one timeframe's grid. Instants are close times in ms UTC.

    Every source passes tests/contract/test_candles.py.
    """

    @property
    def name(self) -> str:
        """What identifies the market within a session, such as ``sandbox`` or ``replay:BINANCE``."""

    @property
    def label(self) -> str:
        """What every screen shows beside its figures: SIMULATED, REPLAY, or empty for live data."""

    @property
    def timeframe_ms(self) -> int: ...

    @property
    def instruments(self) -> Mapping[str, Instrument]: ...

    @property
    def first_instant(self) -> int:
        """The first instant with history before it, where folding starts."""

    @property
    def first_decision(self) -> int:
        """The first instant at which this session may decide."""

    @property
    def last_instant(self) -> int | None:
        """The last instant there is; None for a market without an end."""

    def closed(self, instant: int) -> Closed:
        """The bars that closed at *instant*; a symbol without a bar is absent.

        Raises:
            TransientError: the source cannot answer now.
        """

    def opened(self, instant: int) -> Mapping[str, Opening]:
        """The first prices of the bars that begin at *instant*; a symbol without a bar is absent."""

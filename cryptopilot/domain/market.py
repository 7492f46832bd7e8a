"""The market as of now: last marks, and grid returns for correlation and slippage."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from cryptopilot.domain.candle import Bar
from cryptopilot.domain.instrument import Instrument
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.fills import VOLATILITY_BARS, grid_volatility
from cryptopilot.rules.limits import CORRELATION_BARS


@dataclass(frozen=True, slots=True)
class MarketState:
    """A `MarketView` in plain values, for checkpoints."""

    instant: int
    marks: dict[str, tuple[int, int]]
    returns: dict[str, list[float]]
    previous: dict[str, float]


class MarketView:
    """What the collector has seen, kept for those who decide. Only `advance` changes it."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.instruments = instruments
        self.symbols = tuple(sorted(instruments))
        self.instant = -1
        self._marks: dict[str, tuple[int, int]] = {}
        self._returns: dict[str, deque[float]] = {s: deque(maxlen=CORRELATION_BARS) for s in self.symbols}
        self._previous: dict[str, float] = dict.fromkeys(self.symbols, UNKNOWN)

    def advance(self, instant: int, bars: Mapping[str, Bar]) -> None:
        """Take the bars that closed at *instant*; a symbol without one has no return there."""
        self.instant = instant
        for symbol in self.symbols:
            bar = bars.get(symbol)
            close = UNKNOWN
            if bar is not None:
                close = self.instruments[symbol].price(bar.close)
                self._marks[symbol] = (bar.close, instant)
            self._returns[symbol].append(close / self._previous[symbol] - 1.0)
            self._previous[symbol] = close

    def mark(self, symbol: str) -> int:
        """The last known close in ticks; 0 while there is none."""
        return self._marks.get(symbol, (0, 0))[0]

    def marks(self) -> dict[str, tuple[int, int]]:
        """Per symbol the last known close in ticks, and its instant."""
        return dict(self._marks)

    def age_ms(self, symbol: str, now: int) -> int:
        """How old the mark is; as old as time itself while there is none."""
        return now - self._marks.get(symbol, (0, 0))[1]

    def returns(self, symbol: str) -> list[float]:
        """Up to CORRELATION_BARS grid returns, oldest first, NaN where a bar is missing."""
        return list(self._returns[symbol])

    def volatility(self, symbol: str) -> float:
        """Root mean square of the known returns among the last VOLATILITY_BARS; NaN when none is known."""
        return grid_volatility(list(self._returns[symbol])[-VOLATILITY_BARS:])

    def state(self) -> MarketState:
        return MarketState(
            self.instant,
            dict(self._marks),
            {s: list(w) for s, w in self._returns.items()},
            dict(self._previous),
        )

    def restore(self, state: MarketState) -> None:
        """Become what *state* describes."""
        self.instant = state.instant
        self._marks = dict(state.marks)
        self._returns = {s: deque(state.returns.get(s, ()), maxlen=CORRELATION_BARS) for s in self.symbols}
        self._previous = {s: state.previous.get(s, UNKNOWN) for s in self.symbols}

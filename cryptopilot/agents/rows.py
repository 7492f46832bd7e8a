"""What a strategy sees live: the newest rows of each symbol, in arrays that grow at their end."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from cryptopilot.ports.strategy import COLUMNS, Columns, Floats
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.features import Features

_VALUES = COLUMNS[1:]
"""Everything but the time of closing."""
_FEATURES = tuple(name for name in Features._fields if name != "close")
_UNPREDICTED = (UNKNOWN, UNKNOWN, UNKNOWN)


class Candle(NamedTuple):
    """A closed bar in plain doubles: prices in quote per base, volume in base."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class Tape:
    """The last *length* rows of one symbol.

    There is room for twice as many, and the newest ones lie side by side, column by column: `columns` copies nothing.
    When the room is used up they move to its beginning.
    """

    def __init__(self, timeframe_ms: int, length: int) -> None:
        self._step, self._length, self._end = timeframe_ms, length, 0
        self._closed_at = np.zeros(2 * length, np.int64)
        self._values: Floats = np.full((len(_VALUES), 2 * length), UNKNOWN)

    def push(self, closed_at: int, candle: Candle, features: Features) -> None:
        """Take a bar whose prediction is not known yet.

        One that is not after the newest row is left out: it came too late for every decision since.
        """
        if self._end and closed_at <= self._closed_at[self._end - 1]:
            return
        if self._end == 2 * self._length:
            self._fill(self._closed_at[self._length :], self._values[:, self._length :])
        self._closed_at[self._end] = closed_at
        self._values[:, self._end] = (*candle, *(getattr(features, name) for name in _FEATURES), *_UNPREDICTED)
        self._end += 1

    def predicted(self, closed_at: int, probability: float, confidence: float, edge: float) -> None:
        """What was predicted at the newest row, if that is the one."""
        if self._end and self._closed_at[self._end - 1] == closed_at:
            self._values[-3:, self._end - 1] = probability, confidence, edge

    def columns(self, most: int) -> Columns:
        """The newest rows, at most that many, oldest first: views that are good until the next bar."""
        rows = slice(max(0, self._end - most), self._end)
        return Columns(self._step, self._closed_at[rows], *(values[rows] for values in self._values))

    def state(self) -> bytes:
        """The rows for a checkpoint: their times as int64, then each column as float64, in this machine's order."""
        rows = slice(max(0, self._end - self._length), self._end)
        return self._closed_at[rows].tobytes() + self._values[:, rows].tobytes()

    def restore(self, state: bytes) -> None:
        """Become what *state* describes; of more rows than there is room for, the newest."""
        numbers = np.frombuffer(state, np.int64).reshape(len(COLUMNS), -1)
        rows = slice(max(0, numbers.shape[1] - self._length), None)
        self._fill(numbers[0, rows], numbers[1:, rows].view(np.float64))

    def _fill(self, closed_at: np.ndarray[tuple[int], np.dtype[np.int64]], values: Floats) -> None:
        self._end = len(closed_at)
        self._closed_at[: self._end], self._values[:, : self._end] = closed_at, values


class Rows:
    """The tapes of all symbols: the predictor writes them, the strategy reads them.

    Args:
        length: how many rows of each are kept; 0 keeps none, for a strategy that looks at no columns.
    """

    def __init__(self, symbols: Iterable[str], timeframe_ms: int, length: int) -> None:
        self.length = length
        self._tapes = {symbol: Tape(timeframe_ms, length) for symbol in symbols} if length else {}

    def push(self, symbol: str, closed_at: int, candle: Candle, features: Features) -> None:
        """See `Tape.push`."""
        if self._tapes:
            self._tapes[symbol].push(closed_at, candle, features)

    def predicted(self, symbol: str, closed_at: int, probability: float, confidence: float, edge: float) -> None:
        """See `Tape.predicted`."""
        if self._tapes:
            self._tapes[symbol].predicted(closed_at, probability, confidence, edge)

    def columns(self, symbol: str, most: int) -> Columns:
        """See `Tape.columns`; *most* is at most the length that is kept."""
        return self._tapes[symbol].columns(most)

    def state(self) -> dict[str, bytes]:
        return {symbol: tape.state() for symbol, tape in self._tapes.items()}

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Become what *state* describes; symbols it does not know start anew."""
        for symbol, tape in self._tapes.items():
            if symbol in state:
                tape.restore(state[symbol])

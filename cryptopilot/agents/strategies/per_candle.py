"""A strategy in plain Python, candle by candle, as one over columns."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from cryptopilot.ports.strategy import CandleStrategy, Columns, Ints, Row, Wishes, wishes


class PerCandle:
    """Feeds a `CandleStrategy` with rows; the wishes of a row depend on its block, and on the one before that has rows.

    Each row is shown twice: to the follower that decides its block, and to warm up the one of the next.
    """

    def __init__(self, strategy: CandleStrategy) -> None:
        self._strategy, self._reads = strategy, strategy.reads
        self._block = strategy.lookback // 2

    def signals(self, columns: Columns) -> Wishes:
        """See `Strategy.signals`."""
        sides: list[int] = []
        before: list[Row] = []
        for rows in self._blocks(columns):
            sides += self._decided(before, rows)
            before = rows
        return wishes(np.array(sides) if sides else np.empty(0, np.int8))

    def _decided(self, before: list[Row], rows: list[Row]) -> list[int]:
        on_candle: Callable[[Row], int] = self._strategy.start().on_candle
        deque(map(on_candle, before), maxlen=0)
        return list(map(on_candle, rows))

    def _blocks(self, columns: Columns) -> Iterator[list[Row]]:
        """The rows of each block of time that has any, as tuples of plain numbers."""
        numbers = columns.closed_at // (columns.timeframe_ms * self._block)
        arrays = [getattr(columns, name) for name in self._reads]
        for start, end in _runs(numbers):
            lists = (array[start:end].tolist() for array in arrays)
            yield list(zip(*lists, strict=True))


def _runs(numbers: Ints) -> Iterator[tuple[int, int]]:
    """Where equal numbers begin and end."""
    changes = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
    edges = [0, *changes.tolist(), len(numbers)]
    return ((start, end) for start, end in itertools.pairwise(edges) if end > start)

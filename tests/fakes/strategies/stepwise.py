"""A strategy in plain Python, candle by candle: buys after three rises in a row, sells after two falls."""

from typing import Any


class Stepwise:
    name, version, parameters, lookback, reads = "stepwise", "1", (), 24, ("close", "volume")

    def start(self) -> "Steps":
        return Steps()


class Steps:
    def __init__(self) -> None:
        self._last, self._run = float("nan"), 0

    def on_candle(self, row: tuple[Any, ...]) -> int:
        close, _ = row
        up = 1 if close > self._last else -1
        self._run = self._run + up if self._run * up > 0 else up
        self._last = close
        return 1 if self._run >= 3 else -1 if self._run <= -2 else 0

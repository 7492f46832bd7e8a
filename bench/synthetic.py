"""A market of any number of symbols, made by numpy: the load that the twelve coins of the sandbox cannot give."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import Headline
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.ports.candles import HISTORY, Closed

STEP = 5 * MINUTE
FIRST_DECISION = 1_763_856_000_000
TEXTS = ("{} surges on record inflows", "{} drops as holders sell", "Developers discuss the {} roadmap")


class SyntheticMarket:
    """A `CandleSource`: one random walk per symbol, correlated through a common one; every symbol has every bar.

    Args:
        symbols: how many; instants: how many decisions it has bars for.
    """

    name = "synthetic"
    label = "SIMULATED"
    timeframe_ms = STEP
    first_decision = FIRST_DECISION
    first_instant = FIRST_DECISION - HISTORY * STEP

    def __init__(self, symbols: int, instants: int, seed: int = 1) -> None:
        self.names = tuple(f"C{n:04d}/USDT" for n in range(symbols))
        self.instruments: Mapping[str, Instrument] = {
            s: Instrument(s, Decimal("0.0001"), Decimal("0.001"), Decimal(1_000_000)) for s in self.names
        }
        self.last_instant: int | None = FIRST_DECISION + (instants - 1) * STEP
        bars = HISTORY + instants + 2
        draws = np.random.default_rng(seed)
        moves = 0.0015 * draws.standard_normal((bars, 1)) + 0.0025 * draws.standard_normal((bars, symbols))
        close = 100.0 * np.exp(np.cumsum(moves, axis=0))
        opening = np.vstack([np.full((1, symbols), 100.0), close[:-1]])
        reach = 0.001 * np.abs(draws.standard_normal((2, bars, symbols)))
        high, low = np.maximum(close, opening) * (1 + reach[0]), np.minimum(close, opening) * (1 - reach[1])
        volume = 1e6 * draws.lognormal(0.0, 0.4, (bars, symbols))
        prices = (
            np.rint(x * 1e4).astype(np.int64) for x in (opening, np.maximum(high, close), np.minimum(low, close), close)
        )
        self._bars = np.stack([*prices, np.rint(volume).astype(np.int64)], axis=2)

    def closed(self, instant: int) -> Closed:
        opened = instant - STEP
        return Closed({s: Bar(opened, *row) for s, row in zip(self.names, self._rows(opened), strict=True)}, {})

    def opened(self, instant: int) -> Mapping[str, Opening]:
        return {s: Opening(row[0], row[4]) for s, row in zip(self.names, self._rows(instant), strict=True)}

    def _rows(self, opened: int) -> Sequence[Sequence[int]]:
        rows: list[list[int]] = self._bars[(opened - self.first_instant) // STEP + 1].tolist()
        return rows


class SyntheticNews:
    """A `NewsSource` with two headlines an instant: one about some coin, one about nothing we trade."""

    name = "synthetic-news"

    def __init__(self, market: SyntheticMarket) -> None:
        self._coins = [s.partition("/")[0] for s in market.names]

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        number = until // STEP
        coin = self._coins[number * 7919 % len(self._coins)]
        texts = (TEXTS[number % len(TEXTS)].format(coin), "Central bank leaves rates unchanged")
        return [
            Headline(f"{until}-{n}", until - MINUTE, until - n, "synthetic", text, simulated=True)
            for n, text in enumerate(texts)
            if after < until - n
        ]

"""A market that is made up, and says so: correlated coins, regimes, clusters, jumps, and their news.

Every number is a pure function of (seed, stream, symbol, bar, draw), so any stretch of any year can be made without
the stretches before it, and a restarted session goes on exactly where it stopped.

Prices are made in blocks. Where a block begins is a stationary walk over blocks; inside, each bar's return adds
the market's move, the coin's own, the regime's drift and jumps; a thin drift bends the block's end to the next one's
beginning.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.errors import UnknownSymbolError
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.ports.candles import HISTORY, Closed
from cryptopilot.rules.arithmetic import draw31

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_draw: Callable[..., Any] = draw31
"""The rule as it works on arrays: its operators are those of integers and of integer arrays alike."""

BLOCK = 1024
_LEVEL, _MARKET, _OWN, _VOL, _REGIME, _RANGE, _VOLUME, _JUMP, _JUMP_SIZE = range(9)
_KEPT_BLOCKS = 6
_MEMORY = 64
_REVERSION = 0.96


class Coin(NamedTuple):
    """What a made-up coin is like: usual price, tick and lot, how it follows the market, its own volatility."""

    price: float
    tick: str
    lot: str
    beta: float
    own: float
    volume: float


COINS: dict[str, Coin] = {
    "ADA": Coin(0.52, "0.0001", "0.1", 1.15, 1.0, 400_000),
    "AVAX": Coin(34.0, "0.01", "0.01", 1.3, 1.2, 9_000),
    "BNB": Coin(560.0, "0.1", "0.001", 0.8, 0.6, 700),
    "BTC": Coin(62_000.0, "0.01", "0.00001", 1.0, 0.25, 12),
    "DOGE": Coin(0.13, "0.00001", "1", 1.3, 1.5, 2_000_000),
    "DOT": Coin(6.4, "0.001", "0.01", 1.2, 1.0, 40_000),
    "ETH": Coin(3_100.0, "0.01", "0.0001", 1.1, 0.5, 150),
    "LINK": Coin(14.5, "0.001", "0.01", 1.15, 1.1, 20_000),
    "LTC": Coin(78.0, "0.01", "0.001", 0.9, 0.8, 4_000),
    "MATIC": Coin(0.62, "0.0001", "0.1", 1.25, 1.1, 350_000),
    "SOL": Coin(148.0, "0.01", "0.001", 1.35, 1.0, 5_000),
    "XRP": Coin(0.57, "0.0001", "0.1", 0.9, 1.1, 600_000),
}
DEFAULT_SYMBOLS = tuple(f"{base}/USDT" for base in COINS)


class Block(NamedTuple):
    """One block of bars: [symbols, BLOCK] ticks and lots; jumps as fractions, 0 where there is none."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    jumps: Floats


class SandboxMarket:
    """A `CandleSource`. Deterministic on one platform and NumPy version.

    Args:
        seed: 31 bits; symbols: of COINS against USDT; first_decision: a grid instant in ms UTC.
    """

    name = "sandbox"
    label = "SIMULATED"

    def __init__(self, seed: int, symbols: Sequence[str], timeframe_ms: int, first_decision: int) -> None:
        unknown = [s for s in symbols if s not in DEFAULT_SYMBOLS]
        if unknown:
            raise UnknownSymbolError(unknown[0], DEFAULT_SYMBOLS)
        self._seed = seed
        self.timeframe_ms = timeframe_ms
        self.first_decision = first_decision
        self.first_instant = first_decision - HISTORY * timeframe_ms
        self.last_instant: int | None = None
        self.symbols = tuple(sorted(symbols))
        self._coins = [COINS[s.partition("/")[0]] for s in self.symbols]
        self._streams = np.array([DEFAULT_SYMBOLS.index(s) for s in self.symbols], np.int64)[:, None]
        self.instruments: Mapping[str, Instrument] = {
            s: Instrument(s, Decimal(c.tick), Decimal(c.lot), Decimal(str(c.price * 200)))
            for s, c in zip(self.symbols, self._coins, strict=True)
        }
        self._scale = float(np.sqrt(timeframe_ms / (5 * MINUTE)))
        self._blocks: OrderedDict[int, Block] = OrderedDict()

    def closed(self, instant: int) -> Closed:
        bar = instant // self.timeframe_ms - 1
        block, i = self._block(bar // BLOCK), bar % BLOCK
        open_time = bar * self.timeframe_ms
        rows = zip(
            self.symbols, block.open[:, i].tolist(), block.high[:, i].tolist(), block.low[:, i].tolist(),
            block.close[:, i].tolist(), block.volume[:, i].tolist(), strict=True,
        )  # fmt: skip
        return Closed({s: Bar(open_time, o, h, low, c, v) for s, o, h, low, c, v in rows}, {})

    def opened(self, instant: int) -> Mapping[str, Opening]:
        bar = instant // self.timeframe_ms
        block, i = self._block(bar // BLOCK), bar % BLOCK
        rows = zip(self.symbols, block.open[:, i].tolist(), block.volume[:, i].tolist(), strict=True)
        return {s: Opening(o, v) for s, o, v in rows}

    def jump(self, symbol: str, bar: int) -> float:
        """The jump of a symbol in a bar, a fraction; 0.0 in nearly all. What the sandbox's news is about."""
        return float(self._block(bar // BLOCK).jumps[self.symbols.index(symbol), bar % BLOCK])

    def jumps(self, bar: int) -> Floats:
        """The jumps of all symbols in a bar."""
        return self._block(bar // BLOCK).jumps[:, bar % BLOCK]

    def _block(self, number: int) -> Block:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._make(number)
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def _make(self, number: int) -> Block:
        bars = np.arange(number * BLOCK, (number + 1) * BLOCK, dtype=np.int64)[None, :]
        coins = len(self.symbols)
        beta = np.array([c.beta for c in self._coins])[:, None]
        own = np.array([c.own for c in self._coins])[:, None]
        volatility = 0.0022 * self._scale * self._volatility(bars)
        jumps = self._jumps(bars)
        market = self._normal(_MARKET, 0, bars)
        moves = volatility * (0.75 * beta * market + 0.7 * own * self._normal(_OWN, self._streams, bars))
        moves = moves + beta * self._drift(bars) + jumps
        begin, end = self._level(number), self._level(number + 1)
        moves += ((end - begin - moves.sum(axis=1)) / BLOCK)[:, None]
        path = np.cumsum(moves, axis=1) + begin[:, None]
        before = np.concatenate([begin[:, None], path[:, :-1]], axis=1)
        usual = np.array([c.price for c in self._coins])[:, None]
        reach = volatility * own * 0.6 + np.abs(moves) * 0.15
        close, opening = usual * np.exp(path), usual * np.exp(before)
        high = np.maximum(close, opening) * (1 + reach * np.abs(self._normal(_RANGE, self._streams, bars)))
        low = np.minimum(close, opening) * (1 - reach * np.abs(self._normal(_RANGE, self._streams + 64, bars)))
        tick = np.array([float(c.tick) for c in self._coins])[:, None]
        lot = np.array([float(c.lot) for c in self._coins])[:, None]
        busy = np.exp(0.45 * self._normal(_VOLUME, self._streams, bars)) * (1 + 60 * np.abs(moves) / self._scale)
        volume = np.array([c.volume for c in self._coins])[:, None] * self._scale**2 * busy
        o, c = (np.maximum(1, np.rint(x / tick)).astype(np.int64) for x in (opening, close))
        h = np.maximum(np.ceil(high / tick).astype(np.int64), np.maximum(o, c))
        low_ticks = np.maximum(1, np.minimum(np.floor(low / tick).astype(np.int64), np.minimum(o, c)))
        assert o.shape == (coins, BLOCK)
        return Block(o, h, low_ticks, c, np.rint(volume / lot).astype(np.int64), jumps)

    def _level(self, number: int) -> Floats:
        """Where a block begins, as the logarithm of price over usual price: shocks that fade block by block."""
        ages = np.arange(_MEMORY, dtype=np.int64)[None, :]
        common = self._normal(_LEVEL, 63, number - ages)
        single = self._normal(_LEVEL, self._streams, number - ages)
        beta = np.array([c.beta for c in self._coins])[:, None]
        own = np.array([c.own for c in self._coins])[:, None]
        fading = _REVERSION ** ages.astype(np.float64)
        step = 0.05 * self._scale
        total: Floats = np.clip((fading * step * (beta * common + 0.6 * own * single)).sum(axis=1), -1.5, 1.5)
        return total

    def _volatility(self, bars: Ints) -> Floats:
        """Clustered volatility around 1: factors that stay for 8 to 512 bars, times the regime's."""
        level = np.zeros(bars.shape)
        for width in (3, 5, 7, 9):
            level += 0.30 * self._normal(_VOL, width, bars >> width)
        factor: Floats = np.exp(level - 0.18) * np.array([0.7, 0.9, 1.1, 1.9])[self._regime(bars)]
        return factor

    def _drift(self, bars: Ints) -> Floats:
        """What the regime adds to each bar."""
        added: Floats = np.array([0.0, 0.00022, -0.00022, -0.00008])[self._regime(bars)] * self._scale
        return added

    def _regime(self, bars: Ints) -> Ints:
        """Calm, bull, bear or turbulent: drawn anew every 192 bars."""
        drawn = _draw(self._seed, _REGIME, 0, bars // 192, 0) % 100
        regime: Ints = np.searchsorted(np.array([35, 62, 86]), drawn, side="right").astype(np.int64)
        return regime

    def _jumps(self, bars: Ints) -> Floats:
        """Rare leaps of one coin, and rarer ones of the whole market."""
        alone = self._leap(self._streams, bars, one_in=420, least=0.012, spread=0.030)
        together = self._leap(np.array([[90]], np.int64), bars, one_in=1500, least=0.010, spread=0.025)
        total: Floats = (alone + together * np.array([c.beta for c in self._coins])[:, None]) * self._scale
        return total

    def _leap(self, stream: Ints, bars: Ints, *, one_in: int, least: float, spread: float) -> Floats:
        happens = _draw(self._seed, _JUMP, stream, bars, 0) % one_in == 0
        size = least + spread * self._uniform(_JUMP_SIZE, stream, bars, 1)
        sign = np.where(_draw(self._seed, _JUMP_SIZE, stream, bars, 2) & 1, 1.0, -1.0)
        leap: Floats = np.where(happens, size * sign, 0.0)
        return leap

    def _uniform(self, stream: int, symbol: Ints | int, bars: Ints, number: int) -> Floats:
        drawn: Ints = _draw(self._seed, stream, symbol, bars, number)
        uniform: Floats = (drawn.astype(np.float64) + 0.5) / 2147483648.0
        return uniform

    def _normal(self, stream: int, symbol: Ints | int, bars: Ints) -> Floats:
        """Standard normal draws after Box and Muller."""
        u, v = self._uniform(stream, symbol, bars, 11), self._uniform(stream, symbol, bars, 12)
        drawn: Floats = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
        return drawn

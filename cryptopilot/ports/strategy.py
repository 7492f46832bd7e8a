"""Who decides: what a strategy of your own is, the same for live trading and for research (docs/guide/strategies.md).

A strategy is a class. It says what it is called, which parameters it takes and how far back it looks, and answers
arrays of wishes to arrays of what was known. Live and research call the very same `signals`; live with the newest
`lookback` rows, research with all there are. A wish is no order: what the books allow (rules.wishes) and what the
review approves stays the house's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cryptopilot.domain.errors import InvalidValueError, RejectedError
from cryptopilot.ports.candles import HISTORY
from cryptopilot.ports.parameters import Parameter
from cryptopilot.rules.arithmetic import UNKNOWN

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Sides: TypeAlias = npt.NDArray[np.int8]

LONGEST_LOOKBACK = HISTORY
"""As many rows as a market serves before the first decision: more could not be there."""


class StrategyError(RejectedError):
    """A strategy broke its promises; names strategy, where, and what was wrong."""

    def __init__(self, strategy: str, where: str, why: str) -> None:
        super().__init__(f"strategy {strategy}, {where}: {why}")
        self.strategy, self.where, self.why = strategy, where, why


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What was known of one symbol at the close of each of its bars, oldest first; NaN is unknown.

    Arrays [n], float64 but for `closed_at`. A bar that is missing has no row. All of them are read-only views.

    Args:
        timeframe_ms: the distance of instants.
        closed_at: int64, ms UTC, rising.
        open, high, low, close: quote per base; volume: base.
        ema_fast to volume_ratio: `rules.features.Features` at that bar.
        probability, confidence, edge: the prediction made at that bar: that a long ends in profit, how decisive it
            is among those before it, and the expected profit after costs, unknown while uncalibrated.
    Raises:
        InvalidValueError: an array has another type or length, or times do not rise.
    """

    timeframe_ms: int
    closed_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ema_fast: Floats
    ema_slow: Floats
    sma: Floats
    rsi: Floats
    macd: Floats
    macd_signal: Floats
    bollinger_low: Floats
    bollinger_high: Floats
    atr: Floats
    stochastic_k: Floats
    stochastic_d: Floats
    obv_change: Floats
    momentum_short: Floats
    momentum_long: Floats
    volatility: Floats
    volume_ratio: Floats
    probability: Floats
    confidence: Floats
    edge: Floats

    def __post_init__(self) -> None:
        shape = (len(self.closed_at),)
        for name, kind in _KINDS:
            view = getattr(self, name).view()
            if view.dtype != kind or view.shape != shape:
                raise InvalidValueError(f"column {name}", f"{view.dtype} {view.shape}", f"{kind} {shape}")
            view.setflags(write=False)
            object.__setattr__(self, name, view)
        if not (self.closed_at[1:] > self.closed_at[:-1]).all():
            raise InvalidValueError("column closed_at", "times that do not rise", "each later than the one before")

    def __len__(self) -> int:
        """How many rows."""
        return len(self.closed_at)

    def __getitem__(self, rows: slice) -> "Columns":
        """The same columns over some of the rows."""
        return Columns(self.timeframe_ms, *(getattr(self, name)[rows] for name in COLUMNS))


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Columns) if field.name != "timeframe_ms")
"""The names of the arrays, in order."""
_KINDS = tuple((name, np.dtype(np.int64 if name == "closed_at" else np.float64)) for name in COLUMNS)


class Wishes(NamedTuple):
    """What a strategy asks for at each row: arrays [n]. Only rows that buy are looked at beyond their side.

    Args:
        side: int8: 1 buy, 0 hold, -1 sell what is held.
        size: float64, share of equity, at least 0; NaN: the mandate's cap times the confidence. Never above the cap.
        stop, target: float64, fractions of the mark: 0.02 is 2 % away; NaN: the mandate's.
        longest_ms: int64, how long a position may be held; 0: without limit; -1: as long as the mandate says.
        confidence: float64 in [0, 1], what the review's `min_confidence` judges; NaN is unknown, which it refuses.
    """

    side: Sides
    size: Floats
    stop: Floats
    target: Floats
    longest_ms: Ints
    confidence: Floats

    def over(self, rows: slice) -> "Wishes":
        """The wishes of some of the rows."""
        return Wishes(
            self.side[rows], self.size[rows], self.stop[rows], self.target[rows], self.longest_ms[rows],
            self.confidence[rows],
        )  # fmt: skip


def wishes(
    side: npt.ArrayLike,
    *,
    size: npt.ArrayLike = UNKNOWN,
    stop: npt.ArrayLike = UNKNOWN,
    target: npt.ArrayLike = UNKNOWN,
    longest_ms: npt.ArrayLike = -1,
    confidence: npt.ArrayLike = 1.0,
) -> Wishes:
    """`Wishes` from sides [n] and, for all rows or for each, whatever else is wished.

    A rule without degrees is as sure as it gets, so its confidence is 1; ``columns.confidence`` leaves that to the
    prediction instead. Sides may be whole numbers or booleans (True buys); values are judged when they are used.

    Raises:
        InvalidValueError: sides are no whole numbers of [n], or something has another length.
    """
    sides = np.asarray(side)
    if sides.ndim != 1 or sides.dtype.kind not in "bi":
        raise InvalidValueError("side", f"{sides.dtype} {sides.shape}", "whole numbers or booleans [n]")
    if bool((np.abs(sides.astype(np.int64)) > 1).any()):
        raise InvalidValueError("side", int(sides[np.argmax(np.abs(sides) > 1)]), "-1, 0 or 1")

    def spread(name: str, values: npt.ArrayLike, kind: type[Any]) -> npt.NDArray[Any]:
        given = np.asarray(values)
        if given.ndim and given.shape != sides.shape:
            raise InvalidValueError(name, given.shape, f"one for all rows, or {sides.shape}")
        return np.broadcast_to(given.astype(kind), sides.shape)  # What holds for all rows takes no room.

    return Wishes(
        sides.astype(np.int8), spread("size", size, np.float64), spread("stop", stop, np.float64),
        spread("target", target, np.float64), spread("longest_ms", longest_ms, np.int64),
        spread("confidence", confidence, np.float64),
    )  # fmt: skip


class Described(Protocol):
    """What every strategy says of itself. Parameters arrive as keywords when the class is called.

    Besides, it may have any of `stake`, `stop` and `confirm`: see `Entry`.
    """

    @property
    def name(self) -> str:
        """What its signals are known by: 1 to 32 small letters, digits, - and _, beginning with a letter."""

    @property
    def version(self) -> str: ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it can be told; read from the class."""

    @property
    def lookback(self) -> int:
        """How many rows a decision may depend on, its own included: 1 to `LONGEST_LOOKBACK`."""


class Strategy(Described, Protocol):
    """A strategy over columns."""

    def signals(self, columns: Columns) -> Wishes:
        """What it wishes at each row: a pure function of *columns*.

        Row t depends on rows t - lookback + 1 to t alone: never on a later row, on an earlier call, on the clock or
        on chance. `cryptopilot lookahead`, and every backtest, tries to prove the opposite.
        """


Row: TypeAlias = tuple[Any, ...]
"""The values of the columns that a strategy reads, at one bar, in the order in which it names them."""


class Follower(Protocol):
    """What follows the candles of one symbol, with a memory of its own."""

    def on_candle(self, row: Row) -> int:
        """1 to buy, 0 to hold, -1 to sell what is held, at the close of this bar."""


class CandleStrategy(Described, Protocol):
    """A strategy in plain Python, candle by candle; size, stop, target and time limit are the mandate's.

    A memory that began at another bar would decide otherwise, so where it begins is fixed: time is cut into blocks of
    half a lookback, and the rows of a block are decided by a fresh follower that was first shown the block before, or
    the last one that has rows. That is why live and research, which begin at different bars, agree to the bit, and why
    *lookback* is true.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it is shown, from `COLUMNS`."""

    def start(self) -> Follower:
        """A follower that has seen nothing yet."""


class Entry(NamedTuple):
    """A purchase that a strategy wishes for and the books allow, before its review.

    Its strategy may answer, each in plain Python and each optional, in this order:

    - ``stop(entry) -> float``: the stop as a fraction of the mark, 0.001 to 0.5;
    - ``stake(entry) -> float``: the share of equity; above *size* it changes nothing, 0 refuses;
    - ``confirm(entry) -> bool``: whether to buy at all.

    Each is shown what the one before it answered. What they leave goes to the review, which has the last word.

    Args:
        instant: ms UTC; mark_price: quote per base.
        size: share of equity; stop, target: fractions of the mark; confidence: in [0, 1], NaN is unknown.
        equity, cash: in quote; cash is what no order has reserved.
        positions: how many are open. All three as the books stood before any signal of the instant was reviewed.
    """

    symbol: str
    instant: int
    mark_price: float
    size: float
    stop: float
    target: float
    confidence: float
    equity: float
    cash: float
    positions: int


class Callbacks(NamedTuple):
    """The callbacks that a strategy has; None where it has none."""

    stop: Callable[[Entry], object] | None = None
    stake: Callable[[Entry], object] | None = None
    confirm: Callable[[Entry], object] | None = None

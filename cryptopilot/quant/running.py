"""Statistics of a curve that grows point by point: constant work a point, bounded memory however long it gets.

They are the statistics that `quant.metrics` computes from whole arrays, by the same definitions.
"""

import math
from typing import NamedTuple

from cryptopilot.quant.metrics import annualised
from cryptopilot.rules.arithmetic import UNKNOWN

MOST_POINTS = 2000
"""How many points a thinned curve has at most."""


class Moments(NamedTuple):
    """What Sharpe and Sortino need of returns, without the returns.

    Args:
        n: how many; mean: their mean.
        squares: the sum of squared deviations from the mean; downside: the sum of squares of the negative ones.
    Source: B. P. Welford, Note on a Method for Calculating Corrected Sums of Squares and Products, Technometrics 4
    (1962).
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    downside: float = 0.0

    def plus(self, gain: float) -> "Moments":
        """These and one more return; a NaN makes everything unknown from here on."""
        n = self.n + 1
        away = gain - self.mean
        mean = self.mean + away / n
        below = min(gain, 0.0)
        return Moments(n, mean, self.squares + away * (gain - mean), self.downside + below * below)

    def sharpe(self, periods_per_year: float) -> float:
        """`metrics.sharpe` of the returns so far."""
        if not self._varies:
            return UNKNOWN
        return annualised(self.mean, math.sqrt(self.squares / (self.n - 1)), periods_per_year)

    def sortino(self, periods_per_year: float) -> float:
        """`metrics.sortino` of the returns so far."""
        if not self._varies:
            return UNKNOWN
        return annualised(self.mean, math.sqrt(self.downside / self.n), periods_per_year)

    @property
    def _varies(self) -> bool:
        """Equal returns leave the squares at exactly 0, because the mean never moves."""
        return self.n > 1 and self.squares > 0.0


class Point(NamedTuple):
    """Equity at an instant: ms UTC, atoms."""

    at: int
    equity: int


class Curve(NamedTuple):
    """A growing curve as it was at one moment; it never changes.

    Args:
        n: points so far; last: the newest one.
        drawdown: the deepest fall from the highest point before, a fraction; fallen_at: its instant, None while the
            curve has never fallen.
        moments: of the simple returns from point to point.
    """

    n: int
    last: Point | None
    drawdown: float
    fallen_at: int | None
    moments: Moments
    kept: list[Point]
    """Shared with the curve that goes on growing, which only ever appends to it: the first `length` are ours."""
    length: int

    def points(self) -> list[Point]:
        """The thinned curve, oldest first: at most MOST_POINTS, the first and the newest point always among them.

        The points between them are evenly spaced, so the shape stays; a spike that is shorter than their spacing may
        be missing. `drawdown` and `moments` come from every point.
        """
        points = self.kept[: self.length]
        if self.last is not None and points[-1] != self.last:
            points.append(self.last)
        return points


class GrowingCurve:
    """An equity curve fed point by point, oldest first.

    One thread adds; others read what `curve` gave, whenever they like, without waiting. Whenever MOST_POINTS are kept,
    every second one is dropped, and from then on half as many are kept.
    """

    def __init__(self) -> None:
        self._kept: list[Point] = []
        self._every = 1
        self._n = 0
        self._last: Point | None = None
        self._peak = 0
        self._drawdown = 0.0
        self._fallen_at: int | None = None
        self._moments = Moments()

    def add(self, at: int, equity: int) -> None:
        """One more point. Where nothing is left to gain on, returns are unknown from there on."""
        last, point = self._last, Point(at, equity)
        if last is not None:
            self._moments = self._moments.plus(equity / last.equity - 1.0 if last.equity > 0 else UNKNOWN)
        self._peak = max(self._peak, equity)
        fall = 1.0 - equity / self._peak if self._peak > 0 else 0.0
        if fall > self._drawdown:
            self._drawdown, self._fallen_at = fall, at
        self._keep(point)
        self._last = point
        self._n += 1

    def curve(self) -> Curve:
        """The curve so far."""
        return Curve(self._n, self._last, self._drawdown, self._fallen_at, self._moments, self._kept, len(self._kept))

    def _keep(self, point: Point) -> None:
        if self._n % self._every == 0:
            self._kept.append(point)
        if len(self._kept) == MOST_POINTS:
            self._kept = self._kept[::2]  # A new list: those who read the old one keep it.
            self._every *= 2

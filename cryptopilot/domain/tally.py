"""What trades have come to, counted as fills arrive."""

from fractions import Fraction
from typing import NamedTuple


class Tally(NamedTuple):
    """Trades of one symbol, or of all: money in atoms of the quote asset, every fee included.

    Args:
        closed: trades that have ended; won: those that ended above 0.
        gained, lost: the sums of their profits and of their losses, both at least 0.
        realised: what all sales have realised, those of trades that are still open too; fees: of all fills.
        best, worst: the highest and the lowest result of a closed trade; None while there is none.
    """

    closed: int = 0
    won: int = 0
    gained: int = 0
    lost: int = 0
    realised: int = 0
    fees: int = 0
    best: int | None = None
    worst: int | None = None

    def filled(self, fee: int, realised: int) -> "Tally":
        """This and one more fill."""
        return self._replace(realised=self.realised + realised, fees=self.fees + fee)

    def ended(self, result: int) -> "Tally":
        """This and one more closed trade, whose fills are counted already and realised *result* in all."""
        return self._replace(
            closed=self.closed + 1,
            won=self.won + (result > 0),
            gained=self.gained + max(result, 0),
            lost=self.lost + max(-result, 0),
            best=result if self.best is None else max(self.best, result),
            worst=result if self.worst is None else min(self.worst, result),
        )

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        best = [x for x in (self.best, other.best) if x is not None]
        worst = [x for x in (self.worst, other.worst) if x is not None]
        return Tally(
            self.closed + other.closed,
            self.won + other.won,
            self.gained + other.gained,
            self.lost + other.lost,
            self.realised + other.realised,
            self.fees + other.fees,
            max(best, default=None),
            min(worst, default=None),
        )

    @property
    def success_rate(self) -> float | None:
        """Which share of the closed trades was won; None while there is none."""
        return self.won / self.closed if self.closed else None

    @property
    def profit_factor(self) -> float | None:
        """What was gained over what was lost; None while nothing was lost."""
        return self.gained / self.lost if self.lost else None

    @property
    def expectancy(self) -> int | None:
        """What a closed trade came to on average, to the nearest atom; None while there is none."""
        return round(Fraction(self.gained - self.lost, self.closed)) if self.closed else None

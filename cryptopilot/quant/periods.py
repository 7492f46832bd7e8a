"""A curve cut into the days, months and years of UTC: what each of them returned."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import DAY
from cryptopilot.quant.metrics import Floats, returns

DAYS_PER_YEAR = 365
"""Crypto markets never close: this annualises daily figures, in leap years too."""
YEAR_MS = DAYS_PER_YEAR * DAY

Unit = Literal["D", "M", "Y"]
"""A day, a month, a year of UTC, as NumPy names them."""


class Closes(NamedTuple):
    """A curve where it began, and at the end of each period.

    Args:
        names: of the n periods, such as 2022-01-31, 2022-01 or 2022.
        curve: float64 [n + 1], the beginning first, in the unit it was given in.
    """

    names: tuple[str, ...]
    curve: Floats

    def gains(self) -> Floats:
        """What each period returned: float64 [n], fractions."""
        return returns(self.curve)


def closes(instants: ArrayLike, curve: ArrayLike, beginning: float, unit: Unit) -> Closes:
    """The last value of each period of UTC.

    Midnight ends a day: an instant at 00:00 counts to the period before it, unless it is the first. The first and the
    last period may be shorter than the others. A period without an instant keeps the value before it, as an account
    does that nobody looks at.

    Args:
        instants: int64 [m], ms UTC, ascending; curve: float64 [m], any unit.
        beginning: the value at the first instant, before anything happened.
    Raises:
        InvalidValueError: there is no instant, or they are not ascending.
    """
    times = np.asarray(instants, np.int64)
    if not times.size or (np.diff(times) <= 0).any():
        raise InvalidValueError("instants", f"{times.size} values", "at least one, ascending")
    first = _period(times[:1], unit)
    index = np.maximum(_period(times - 1, unit), first)
    periods = np.arange(first[0], index[-1] + 1)
    last = np.searchsorted(index, periods, side="right") - 1
    names = np.datetime_as_string(periods.astype(f"M8[{unit}]")).tolist()
    return Closes(tuple(names), np.r_[float(beginning), np.asarray(curve, np.float64)[last]])


def _period(times: NDArray[np.int64], unit: Unit) -> NDArray[np.int64]:
    """How many whole periods lie between 1970 and each time."""
    return times.astype("M8[ms]").astype(f"M8[{unit}]").astype(np.int64)

"""The picture of a run: the account against buy and hold, and below it how far each instant was under the peak."""

import numpy as np

from cryptopilot.domain.instrument import atoms_per_unit
from cryptopilot.quant.drawdowns import drawdown
from cryptopilot.quant.metrics import Floats
from cryptopilot.quant.thinning import thinned
from cryptopilot.research.outcome import Ints, Outcome
from cryptopilot.research.report.svg import Scale, decimals, element, label, line, path, picture, ticks, time_ticks
from cryptopilot.research.report.wording import percent, typeset

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT = 66.0, 940.0
"""Where curves begin and end; left of them stand the values."""
_TOP, _BOTTOM = 14.0, 290.0
_SURFACE, _DEEPEST = 318.0, 392.0
"""Top and bottom of the equity, and of the drawdown below it."""


MOST_POINTS = 1500
"""Of a thinned curve."""


def equity_chart(outcome: Outcome) -> str:
    """Equity and buy and hold over drawdown, on one axis of time. A market that is not known is left out."""
    unit = atoms_per_unit(outcome.quote)
    equity, market, capital = outcome.equity / unit, outcome.market / unit, outcome.capital / unit
    curves = [("equity", equity)] if not np.isfinite(market).all() else [("market", market), ("equity", equity)]
    across = Scale.over((float(outcome.instants[0]), float(outcome.instants[-1])), _LEFT, _RIGHT)
    up = Scale.over([capital, *(float(end) for _, c in curves for end in (c.min(), c.max()))], _BOTTOM, _TOP)
    return picture(
        _WIDTH,
        _HEIGHT,
        "Equity of the account against buy and hold, and the account's drawdown",
        _amounts(up),
        _times(across),
        line(_LEFT, up(capital), _RIGHT, up(capital), "base"),
        *(element("path", d=_thin(across, up, outcome.instants, curve), class_=name) for name, curve in curves),
        _under_water(across, outcome.instants, drawdown(np.r_[capital, equity])[1:]),
    )


def _amounts(up: Scale) -> str:
    places = decimals(up.low, up.high, 5)
    return "".join(_level(up(value), f"{value:,.{places}f}") for value in ticks(up.low, up.high, 5))


def _level(y: float, shown: str) -> str:
    return line(_LEFT, y, _RIGHT, y, "grid") + label(_LEFT - 8.0, y + 4.0, shown, "end")


def _times(across: Scale) -> str:
    shown = ((across(time), name) for time, name in time_ticks(int(across.low), int(across.high)))
    return "".join(line(x, _TOP, x, _DEEPEST, "grid") + label(x, _HEIGHT - 8.0, name, _anchor(x)) for x, name in shown)


def _anchor(x: float) -> str:
    """Within the picture, at its right edge too."""
    return "middle" if x < _RIGHT - 20.0 else "end"


def _under_water(across: Scale, instants: Ints, depth: Floats) -> str:
    """An area that hangs from the surface."""
    down = Scale(0.0, max(float(depth.max()), 0.01), _SURFACE, _DEEPEST)
    area = f"{_thin(across, down, instants, depth)}L{_RIGHT},{_SURFACE}L{_LEFT},{_SURFACE}Z"
    places = decimals(0.0, 100.0 * down.high, 2)
    levels = (_level(down(value), typeset(percent(-value, places))) for value in ticks(0.0, down.high, 2))
    return "".join((*levels, element("path", d=area, class_="drawdown")))


def _thin(across: Scale, up: Scale, instants: Ints, curve: Floats) -> str:
    return path((across(float(instants[i])), up(float(curve[i]))) for i in thinned(curve, MOST_POINTS).tolist())

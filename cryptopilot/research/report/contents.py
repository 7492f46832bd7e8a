"""The report as one JSON document, for programs."""

from collections.abc import Sequence

import numpy as np

from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.drawdowns import drawdown
from cryptopilot.research.manifest import Manifest
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.plain import Json, plain
from cryptopilot.research.report.rows import Run, expected


def document(runs: Sequence[Run], manifest: Manifest, seconds: float) -> dict[str, Json]:
    """Manifest, statistics at three levels of costs; trades, refusals and equity at the expected one.

    Args:
        runs: optimistic, expected and harsh; seconds: how long the run took, all three together.
    Raises:
        InvalidValueError: the runs are not these three, in this order.
    """
    outcome, _ = expected(runs)
    return {
        "manifest": manifest.as_json(),
        "seconds": seconds,
        "statistics": {run.costs: statistics.as_json() for run, statistics in runs},
        "trades": [plain(trade, "trade") for trade in outcome.trades],
        "refusals": plain(dict(outcome.refusals)),
        "equity": equity_points(outcome),
    }


def equity_points(outcome: Outcome) -> Json:
    """Every instant: equity, buy and hold beside it, and how far equity is below its peak."""
    fall = drawdown(np.r_[outcome.capital, outcome.equity])[1:]
    return [
        {
            "at": iso(int(outcome.instants[i])),
            "equity": _money(int(outcome.equity[i]), outcome.quote),
            "buy_and_hold": _money_if_known(float(outcome.market[i]), outcome.quote),
            "drawdown": float(fall[i]),
        }
        for i in range(len(outcome.instants))
    ]


def _money(atoms: int, quote: str) -> str:
    return f"{money(atoms, quote):f}"


def _money_if_known(atoms: float, quote: str) -> str | None:
    return _money(round(atoms), quote) if np.isfinite(atoms) else None

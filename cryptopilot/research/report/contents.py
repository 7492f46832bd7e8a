"""The report as one JSON document, for programs."""

from collections.abc import Sequence

import numpy as np

from cryptopilot.domain.instrument import atoms_per_unit
from cryptopilot.quant.drawdowns import drawdown
from cryptopilot.quant.thinning import thinned
from cryptopilot.research.manifest import Manifest
from cryptopilot.research.outcome import Ints, Outcome
from cryptopilot.research.plain import Json, plain
from cryptopilot.research.report.rows import Run, expected


def document(
    runs: Sequence[Run], manifest: Manifest, seconds: float, most_points: int | None = None
) -> dict[str, Json]:
    """Manifest, statistics at three levels of costs; trades, refusals and equity at the expected one.

    Args:
        runs: optimistic, expected and harsh; seconds: how long the run took, all three together.
        most_points: of the equity, thinned to what a screen shows; every instant unless given.
    Raises:
        InvalidValueError: the runs are not these three, in this order.
    """
    outcome, _ = expected(runs)
    return {
        "manifest": manifest.as_json(),
        "seconds": seconds,
        "notes": list(outcome.notes),
        "statistics": {run.costs: statistics.as_json() for run, statistics in runs},
        "trades": [plain(trade, "trade") for trade in outcome.trades],
        "refusals": plain(dict(outcome.refusals)),
        "equity": equity_points(outcome, most_points),
    }


def equity_points(outcome: Outcome, most: int | None = None) -> Json:
    """Equity, buy and hold beside it, and how far equity is below its peak: at every instant, or the *most* telling."""
    chosen = slice(None) if most is None else thinned(outcome.equity, most)
    fall = drawdown(np.r_[outcome.capital, outcome.equity])[1:][chosen]
    equity, held = outcome.equity[chosen], outcome.market[chosen]
    known = np.isfinite(held)
    market = np.rint(np.where(known, held, 0.0)).astype(np.int64)
    times = np.datetime_as_string(outcome.instants[chosen].astype("M8[ms]"), unit="s").tolist()
    rows = zip(
        times, _texts(equity, outcome.quote), _texts(market, outcome.quote), known.tolist(), fall.tolist(), strict=True
    )
    return [
        {"at": f"{at}Z", "equity": equity, "buy_and_hold": held if is_known else None, "drawdown": below}
        for at, equity, held, is_known, below in rows
    ]


def _texts(amounts: Ints, quote: str) -> list[str]:
    """Amounts in atoms, not negative, as the texts that `money` has for them; a year of minutes has half a million."""
    unit = atoms_per_unit(quote)
    digits = len(str(unit)) - 1
    whole, part = np.divmod(amounts, unit)
    pairs = zip(whole.tolist(), part.tolist(), strict=True)
    return [f"{w}.{p:0{digits}d}".rstrip("0").rstrip(".") for w, p in pairs]

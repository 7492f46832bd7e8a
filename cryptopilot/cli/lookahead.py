"""``cryptopilot lookahead``: a strategy over recorded candles, and what gives it away."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import iso
from cryptopilot.research.lookahead import Finding, check
from cryptopilot.runtime.observed import newest_recorded, observed
from cryptopilot.runtime.settings import canonical_object
from cryptopilot.runtime.strategies import find


def checked(
    text: str, parameters: str, folder: Path, exchange: str, symbols: str, timeframe: str, bars: int, samples: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """What the check found.

    Raises:
        InvalidValueError: the parameters are no JSON object, or the strategy looks at no columns.
        RejectedError: strategy or data are not there, or the strategy failed; says which and why.
    """
    strategy = find(text, _object(parameters))
    if isinstance(strategy, Ensemble):
        raise InvalidValueError("--strategy", text, "one over columns; the ensemble decides row by row")
    wanted = tuple(symbols.upper().replace(" ", "").split(",")) if symbols else ()
    market, last = newest_recorded(folder, exchange, wanted, timeframe, bars)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the market", total=1.0)
        columns = observed(market, last, lambda share: bar.update(task, completed=share))
    findings = check(strategy, columns, samples, seed)
    return {
        "strategy": strategy.name, "version": strategy.version, "parameters": strategy.values,
        "lookback": strategy.lookback, "symbols": sorted(columns), "samples": samples * len(columns), "seed": seed,
        "findings": [_told(one) for one in findings],
    }  # fmt: skip


def _object(parameters: str) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(canonical_object(parameters))
    except ValueError as error:
        raise InvalidValueError("--parameters", parameters, "a JSON object of its parameters") from error
    return found


def _told(finding: Finding) -> dict[str, Any]:
    return finding._asdict() | {
        "instant": iso(finding.instant), "decided_at": iso(finding.decided_at), "in_words": finding.words,
        "before": _known(finding.before), "after": _known(finding.after),
    }  # fmt: skip


def _known(x: float) -> float | None:
    return x if x == x else None

"""What a reader of a run has to know before its figures: what was missing, cut, stopped, or never done."""

from collections.abc import Iterator

import numpy as np

from cryptopilot.domain.instrument import atoms
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.timeframe import DAY, iso
from cryptopilot.research.backtest import Run
from cryptopilot.research.history import History
from cryptopilot.research.layout import INTENDED, REFUSED
from cryptopilot.research.outcome import Outcome
from cryptopilot.rules.arithmetic import Scale, notional_up
from cryptopilot.rules.limits import max_drawdown
from cryptopilot.rules.review import REVIEW

NAMED = 5
"""How many symbols a note names."""

LONG = 14 * DAY
"""How long a run goes on without an entry before that is worth a note."""


def limits_in_words(mandate: Mandate, quote: str) -> str:
    """The limits that a run was under, in one line."""
    one = mandate.limits
    return (
        f"limits: a position up to {one.max_position:.1%} of equity, orders of {one.min_order:,} to {one.max_order:,} "
        f"{quote}, {one.max_concurrent} at once, confidence from {one.min_confidence:g}, correlation up to "
        f"{one.max_correlation:g}; entries stop at {one.max_daily_loss:.1%} lost in a day and {one.max_drawdown:.1%} "
        "below the peak"
    )


def notes_of(history: History, run: Run, outcome: Outcome, mandate: Mandate) -> tuple[str, ...]:
    """The notes of a run, most important first."""
    return (
        *_never(outcome),
        *_stopped(run, mandate),
        *_cut(history, run, mandate, outcome.quote),
        *_late(history),
        *_gaps(history),
    )


def _never(outcome: Outcome) -> Iterator[str]:
    if not outcome.trades:
        counts = {**outcome.signals, **outcome.refusals}
        said = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))
        yield f"nothing was traded; what became of the signals: {said or 'there were none'}"


def _stopped(run: Run, mandate: Mandate) -> Iterator[str]:
    """Whether the drawdown limit ended all trading: it holds until a person resumes, and here is none."""
    bought = run.records[(run.records["kind"] == INTENDED) & (run.records["ticks"] > 0)]
    refused = run.records[run.records["kind"] == REFUSED]
    last = int(bought["at"][-1]) if len(bought) else int(run.instants[0])
    since = refused[refused["at"] > last]
    by_drawdown = int((since["code"] == REVIEW.index(max_drawdown)).sum())
    if by_drawdown and int(run.instants[-1]) - last > LONG:
        yield (
            f"no entry after {iso(last)}: {by_drawdown:,} were refused since, because the account stayed "
            f"{mandate.limits.max_drawdown:.1%} below its peak; what follows is an idle account"
        )


def _cut(history: History, run: Run, mandate: Mandate, quote: str) -> Iterator[str]:
    """Whether the largest order, rather than the share of equity, decided how much was bought."""
    bought = run.records[(run.records["kind"] == INTENDED) & (run.records["ticks"] > 0)]
    most = atoms(mandate.limits.max_order, quote)
    scales = [Scale(*map(int, scale)) for scale in history.scales]
    cut = sum(notional_up(int(r["ticks"]), int(r["lots"]) + 1, scales[int(r["symbol"])]) > most for r in bought)
    if cut:
        yield (
            f"{cut:,} of {len(bought):,} orders were cut to the largest allowed, {mandate.limits.max_order:,} {quote} "
            "(PIPELINE_MAX_ORDER): a larger account would not have bought more"
        )


def _late(history: History) -> Iterator[str]:
    begun = {}
    for s, symbol in enumerate(history.symbols):
        known = np.flatnonzero(history.present[:, s])
        if not len(known) or known[0] > history.begins:
            begun[symbol] = iso(int(history.instants[known[0]])) if len(known) else "never"
    if begun:
        told = ", ".join(f"{symbol} ({at})" for symbol, at in list(begun.items())[:NAMED])
        more = f" and {len(begun) - NAMED} more" if len(begun) > NAMED else ""
        yield f"candles begin later than the run: {told}{more}; until then nothing of it is traded, nor bought and held"


def _gaps(history: History) -> Iterator[str]:
    present = history.present[history.begins :]
    missing = 0
    for s in range(present.shape[1]):
        known = np.flatnonzero(present[:, s])
        missing += int(known[-1] - known[0] + 1 - len(known)) if len(known) else 0
    if missing:
        yield f"{missing:,} candles are missing in between: at those instants nothing is decided about their symbol"

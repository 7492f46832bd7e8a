"""Whether a strategy decides by what it could not know: tried on every backtest, refused by name.

At sampled instants the future is replaced, and everything before the declared lookback is cut off. Neither may change
what was wished. That shows a bias where there is one at a sampled instant; it proves no innocence.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.errors import RejectedError
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.strategy import Columns, Wishes
from cryptopilot.research.noise import FUTURES, Future

SAMPLES = 20
"""Instants of a symbol at which the check looks, unless told otherwise."""

_AROUND = 250
"""Rows on each side of a sampled one that the futures are tried on, and at least two lookbacks."""

PAST, STATE = "past", "state"


class Finding(NamedTuple):
    """One wish that changed and must not have.

    Args:
        kind: what was done to the columns: the name of a future (research.noise), PAST or STATE.
        instant: ms UTC, the sampled instant; decided_at: that of the wish that changed, at or before it.
        field: which of `Wishes`; before, after: its value as first wished, and then.
    """

    symbol: str
    kind: str
    instant: int
    decided_at: int
    field: str
    before: float
    after: float

    @property
    def words(self) -> str:
        """What was done and what changed, for people."""
        done = {
            PAST: "alone with the rows of its lookback",
            STATE: "asked the same again",
            "none": f"without the rows after {iso(self.instant)}",
        }.get(self.kind, f"with another future after {iso(self.instant)} ({self.kind})")
        changed = f"{self.field} at {iso(self.decided_at)} was {self.before:g} and is {self.after:g}"
        return f"{self.symbol}: {changed} {done}"


class LookaheadError(RejectedError):
    """A strategy's wishes depend on what came later, on more rows than it says, or on earlier calls."""

    def __init__(self, strategy: str, findings: tuple[Finding, ...]) -> None:
        more = f"; and {len(findings) - 3} more" if len(findings) > 3 else ""
        told = "; ".join(f.words for f in findings[:3]) + more
        if all(f.kind == PAST for f in findings):
            why = "depends on rows before its lookback: declare a longer one, or begin from them alone: "
        else:
            why = "is biased: "
        super().__init__(f"strategy {strategy} {why}{told}")
        self.strategy, self.findings = strategy, findings


def require_honest(
    strategy: Chosen, columns_of: Mapping[str, Columns], samples: int = SAMPLES, seed: int = 0
) -> Mapping[str, Wishes]:
    """The strategy's wishes for each symbol, after `check` has found nothing.

    Raises:
        LookaheadError: it has; names the first findings. StrategyError: the strategy failed.
    """
    findings = check(strategy, columns_of, samples, seed)
    if findings:
        raise LookaheadError(strategy.name, findings)
    return {symbol: strategy.wishes(symbol, columns) for symbol, columns in columns_of.items()}


def check(
    strategy: Chosen, columns_of: Mapping[str, Columns], samples: int = SAMPLES, seed: int = 0
) -> tuple[Finding, ...]:
    """What gives a strategy away: for each symbol the first change of each kind, in symbol order.

    Best asked before anything else: a strategy that remembers earlier calls is first shown instants whose future it
    has not seen.

    Args:
        samples: instants of each symbol, half of them drawn from those with a wish, where there are any.
        seed: of the draws; the same seed, the same findings.
    Raises:
        StrategyError: the strategy failed on some columns.
    """
    findings: list[Finding] = []
    for number, symbol in enumerate(sorted(columns_of)):
        rng = np.random.default_rng((seed, number))
        kinds: set[str] = set()
        for finding in _findings(strategy, symbol, columns_of[symbol], samples, rng):
            if finding.kind not in kinds:
                kinds.add(finding.kind)
                findings.append(finding)
    return tuple(findings)


def _findings(
    strategy: Chosen, symbol: str, columns: Columns, samples: int, rng: np.random.Generator
) -> Iterator[Finding]:
    rows = np.sort(rng.integers(0, len(columns), samples - samples // 2)).tolist() if len(columns) else []
    alone = {row: _alone(strategy, symbol, columns, row) for row in rows}  # Before it has seen what came later.
    whole = strategy.wishes(symbol, columns)
    acting = np.flatnonzero(whole.side)
    if len(acting):
        rows += rng.choice(acting, samples // 2).tolist()
    for row in rows:
        for future in FUTURES:
            yield from _tried(strategy, symbol, columns, row, future, rng)
        window = alone.get(row) or _alone(strategy, symbol, columns, row)
        yield from _change(symbol, PAST, columns, row, whole.over(slice(row, row + 1)), window)
    again = strategy.wishes(symbol, columns)
    yield from _change(symbol, STATE, columns, len(columns) - 1, whole, again)


def _alone(strategy: Chosen, symbol: str, columns: Columns, row: int) -> Wishes:
    """What it wishes at *row* when it sees what live would show it."""
    window = columns[max(0, row - strategy.lookback + 1) : row + 1]
    return strategy.wishes(symbol, window).over(slice(-1, None))


def _tried(
    strategy: Chosen, symbol: str, columns: Columns, row: int, future: Future, rng: np.random.Generator
) -> Iterable[Finding]:
    """Whether the rows up to *row* are decided otherwise when another future follows."""
    around = max(_AROUND, 2 * strategy.lookback)
    first = max(0, row - around)
    part = columns[first : row + around + 1]
    place = row - first
    before = strategy.wishes(symbol, part)
    after = strategy.wishes(symbol, future(part, place, rng))
    known = slice(place + 1)
    return _change(symbol, future.__name__, part, place, before.over(known), after.over(known))


def _change(symbol: str, kind: str, columns: Columns, row: int, before: Wishes, after: Wishes) -> Iterator[Finding]:
    """The first difference between two answers that end at *row*; what a row that does not buy says else is nothing."""
    buying = before.side == 1
    for field in Wishes._fields:
        was, now = getattr(before, field), getattr(after, field)
        differs = (was != now) & ~((was != was) & (now != now))
        if field != "side":
            differs &= buying
        if differs.any():
            place = int(np.argmax(differs))
            decided = row - len(was) + 1 + place
            yield Finding(
                symbol, kind, int(columns.closed_at[row]), int(columns.closed_at[decided]), field, float(was[place]),
                float(now[place]),
            )  # fmt: skip
            return

"""What a search has found, as plain JSON values and as lines for people."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.parameters import Value
from cryptopilot.research.plain import Json, plain
from cryptopilot.research.search.objectives import Objective
from cryptopilot.research.search.optimise import Found
from cryptopilot.research.search.study import Ended, Search
from cryptopilot.research.search.walk_forward import Leg
from cryptopilot.research.statistics import Statistics
from cryptopilot.research.windows import Span

Document = dict[str, Json]

SHOWN = 10
"""How many trials of a front, and how many different errors, people are shown; the document has all of them."""


def study_document(name: str, search: Search, found: Found, defaults: Mapping[str, float]) -> Document:
    """A study: what was searched, how many trials, the front, and what failed; what the defaults come to."""
    return {
        "study": name,
        "search": plain(search.identity()),
        "trials": len(found.ended),
        "failed": len(found.failed),
        "different": found.different,
        "sharpe_variance": plain(found.sharpe_variance),
        "defaults": _statistics(defaults),
        "front": [_trial(ended) for ended in found.front],
        "failures": [{**_trial(ended), "error": ended.error} for ended in found.failed],
    }


def leg_document(leg: Leg) -> Document:
    """A window of a walk: what it found in training, and what that did in the test."""
    return {
        "train": _span(leg.window.train),
        "test": _span(leg.window.test),
        "trials": len(leg.found.ended),
        "failed": len(leg.found.failed),
        "parameters": plain(dict(leg.winner.trial.values)) if leg.winner else None,
        "in_sample": _statistics(leg.inside_statistics),
        "out_of_sample": _statistics(leg.outside_statistics),
        "change": _statistics(leg.change),
        "error": leg.error,
    }


def study_lines(name: str, search: Search, found: Found, defaults: Mapping[str, float]) -> Iterator[str]:
    """A study in words."""
    counts = f"{len(found.ended)} trials, {len(found.failed)} failed, {found.different} different with a result"
    yield f"study {name}: {counts}"
    yield f"  defaults    {_figures(defaults, search.objectives)}"
    for ended in found.front[:SHOWN]:
        figures = _figures(ended.statistics, search.objectives)
        yield f"  trial {ended.trial.number:>4}  {figures}  {settings(ended.trial.values)}"
    if len(found.front) > SHOWN:
        yield f"  and {len(found.front) - SHOWN} more that no other beats in every objective"
    errors = Counter(ended.error for ended in found.failed)
    for error, times in errors.most_common(SHOWN):
        yield f"  failed {times} times: {error}"


def leg_line(leg: Leg, objectives: Sequence[Objective]) -> str:
    """A window of a walk in one line: each objective in training, and out of sample."""
    days = f"{iso(leg.window.test.begin)[:10]} to {iso(leg.window.test.end)[:10]}"
    if leg.error is not None or leg.winner is None:
        return f"{days}  nothing traded: {leg.error}"
    pairs = (
        f"{o.name} {leg.inside_statistics[o.name]:.3g} -> {leg.outside_statistics.get(o.name, float('nan')):.3g}"
        for o in objectives
    )
    return f"{days}  {'  '.join(pairs)}  {settings(leg.winner.trial.values)}"


def sample_lines(found: Statistics) -> Iterator[str]:
    """What a run came to that nothing was fitted to."""
    yield (
        f"  return {found.returns.total:+.2%}  market {found.market.total:+.2%}  sharpe {found.returns.sharpe:.2f}"
        f"  deepest fall {found.drawdowns.deepest:.2%}  trades {found.trades.closed}"
    )
    yield f"  probability that its true Sharpe ratio is above 0: {found.significance.probabilistic:.2f}"


def settings(values: Mapping[str, Value]) -> str:
    """Parameters as they are typed: ``fast=12 slow=26``."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def _trial(ended: Ended) -> Document:
    return {
        "number": ended.trial.number,
        "parameters": plain(dict(ended.trial.values)),
        "statistics": _statistics(ended.statistics),
    }


def _statistics(found: Mapping[str, float]) -> Json:
    return plain(dict(found))


def _figures(statistics: Mapping[str, float], objectives: Sequence[Objective]) -> str:
    return "  ".join(f"{o.name} {statistics[o.name]:.4g}" for o in objectives)


def _span(span: Span) -> Document:
    return {"begin": iso(span.begin), "end": iso(span.end)}

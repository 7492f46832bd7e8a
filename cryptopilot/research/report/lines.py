"""The report as plain text: what a terminal shows and what goes into a message."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from cryptopilot.research.groups import Group
from cryptopilot.research.manifest import Manifest
from cryptopilot.research.notes import limits_in_words
from cryptopilot.research.report.rows import GROUP_COLUMNS, LEVELS, SECTIONS, Run, expected
from cryptopilot.research.report.svg import MONTHS
from cryptopilot.research.report.wording import change, count, day, percent, printable, shortened
from cryptopilot.research.statistics import Statistics

WIDTH = 120
_MOST_GROUPS = 20
_LABEL, _NAME, _FIGURE = 32, 18, 18
"""Least widths of first columns, and of the figures that stand below each other over several tables."""


def text(runs: Sequence[Run], manifest: Manifest) -> str:
    """All figures at three levels of costs, then the months and groups of the expected one.

    Args:
        runs: optimistic, expected and harsh.
    Raises:
        InvalidValueError: they are not these three, in this order.
    """
    outcome, main = expected(runs)
    blocks = [
        _heading(main, manifest),
        *(wrapped(f"note: {note}") for note in outcome.notes),
        *_comparison([s for _, s in runs], main),
        _months(main),
        *(_groups(title, groups, main) for title, groups in _kinds(main)),
        _refusals(main),
        f"manifest {manifest.id}",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _heading(main: Statistics, manifest: Manifest) -> str:
    span = f"{day(main.span.begun_at)} to {day(main.span.ended_at - 1)} ({main.span.days} days)"
    symbols = f"{len(manifest.symbols)} {'symbol' if len(manifest.symbols) == 1 else 'symbols'}"
    what = f"Backtest of {printable(manifest.strategy)}: {symbols}, {manifest.timeframe}, {span}, money in {main.quote}"
    return f"{what}\n{wrapped(limits_in_words(manifest.mandate, main.quote))}"


def wrapped(said: str) -> str:
    """Prose in lines of a terminal."""
    return textwrap.fill(printable(said), WIDTH, subsequent_indent="  ")


def _comparison(levels: Sequence[Statistics], main: Statistics) -> Iterable[str]:
    names = (*LEVELS, "buy and hold")
    for section in SECTIONS:
        cells = [(row.label, *(row.shown(s) for s in levels), row.market(main)) for row in section.rows]
        yield _table((section.title, *names), cells, _LABEL, _FIGURE)


def _months(main: Statistics) -> str:
    lines = []
    for year, periods in groupby(main.months, key=lambda period: period[:4]):
        gains = {int(period[5:]): main.months[period] for period in periods}
        cells = [change(gains[month], 1) if month in gains else "" for month in range(1, 13)]
        lines.append((year, *cells, change(main.years[year], 1)))
    return _table(("Months", *MONTHS, "year"), lines, 6)


def _kinds(main: Statistics) -> Iterable[tuple[str, Mapping[str, Group]]]:
    return (("By symbol", main.by_symbol), ("By tag", main.by_tag), ("By reason", main.by_reason))


def _groups(title: str, groups: Mapping[str, Group], main: Statistics) -> str:
    if not groups:
        return ""
    ranked = sorted(groups, key=lambda name: (-groups[name].profit, name))
    shown = ranked if len(ranked) <= _MOST_GROUPS else ranked[: _MOST_GROUPS // 2] + ranked[-_MOST_GROUPS // 2 :]
    cells = [(shortened(n, _NAME), *(column.shown(groups[n], main) for column in GROUP_COLUMNS)) for n in shown]
    left_out = f"\n({len(ranked) - len(shown)} between the best and the worst ten are left out)"
    table = _table((title, *(column.label for column in GROUP_COLUMNS)), cells, _NAME + 2)
    return table + (left_out if len(shown) < len(ranked) else "")


def _refusals(main: Statistics) -> str:
    total = sum(main.refusals.values())
    ranked = sorted(main.refusals.items(), key=lambda item: (-item[1], item[0]))
    cells = [(printable(rule), count(n), percent(n / total, 1)) for rule, n in ranked if n]
    return _table(("Why no trade?", "refused", "share"), cells, _LABEL) if cells else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], label: int, figure: int = 0) -> str:
    """A heading, a rule and rows; the first column to the left, the others to the right, two blanks between.

    Args:
        label, figure: least widths of the first column and of the others.
    """
    lines = [head, *rows]
    widths = [max(label, *(len(line[0]) for line in lines))]
    widths += [max(figure, *(len(line[i]) for line in lines)) for i in range(1, len(head))]
    texts = [_line(line, widths) for line in lines]
    return "\n".join([texts[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *texts[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    others = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join((cells[0].ljust(widths[0]), *others)).rstrip()

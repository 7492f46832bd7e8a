"""The tables of the page: levels of costs, months, groups, trades, manifest."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from cryptopilot.research.groups import Group, holding_ms, return_of
from cryptopilot.research.manifest import Manifest
from cryptopilot.research.outcome import OPEN, Trade
from cryptopilot.research.plain import Json, canonical
from cryptopilot.research.report.markup import figure, name, note, row, scrolled, section, sign, table, tag
from cryptopilot.research.report.rows import GROUP_COLUMNS, LEVELS, SECTIONS, Row
from cryptopilot.research.report.svg import MONTHS
from cryptopilot.research.report.wording import amount, change, digits, duration, moment
from cryptopilot.research.statistics import Statistics

MOST_TRADES = 1000
"""So that the page stays small; the JSON document holds all of them."""
_STRONGEST = 55
"""Per cent of colour behind the strongest month: text on it stays readable."""
_READING = (
    "Annual figures come from days of UTC, 365 to a year; of a shorter span they say what a year like it would come to."
    " Buy and hold is at expected costs. A dash is unknown: too little data, or nothing to divide by."
)


def comparison(levels: Sequence[Statistics], main: Statistics) -> str:
    """Every figure at the three levels of costs, and what the market has in its place."""
    rows = [line for part in SECTIONS for line in (_part(part.title), *(_compared(r, levels, main) for r in part.rows))]
    content = table(("", *LEVELS, "buy and hold"), rows, "compared")
    return section("Three levels of costs", scrolled(content, "Levels of costs"), note(_READING), class_="long")


def months(main: Statistics) -> str:
    """Returns by month, coloured by how strong they were."""
    strongest = max((abs(gain) for gain in main.months.values()), default=0.0)
    rows = []
    for year, periods in groupby(main.months, key=lambda period: period[:4]):
        gains = {int(period[5:]): main.months[period] for period in periods}
        cells = [_heat(gains[m], strongest) if m in gains else "<td></td>" for m in range(1, 13)]
        rows.append(row(year, (*cells, tag("td", figure(change(main.years[year], 1))))))
    content = table(("", *MONTHS, "Year"), rows, "heat")
    return section("Returns by month", scrolled(content, "Returns by month"))


def groups(title: str, by: Mapping[str, Group], main: Statistics) -> str:
    """Closed trades by what they have in common, the most profitable first."""
    ranked = sorted(by, key=lambda key: (-by[key].profit, key))
    rows = [_group(key, by[key], main) for key in ranked]
    content = table(("", *(column.label for column in GROUP_COLUMNS)), rows, "groups")
    return section(title, scrolled(content, title), class_="long")


def trades(done: Sequence[Trade], main: Statistics) -> str:
    """The newest trades, in the order in which they were opened."""
    shown = done[-MOST_TRADES:]
    prices = ("quantity", "entry", "exit", f"profit, {main.quote}", "return", "fees")
    head = ("opened", "closed", "symbol", "tag", *prices, "held", "reason")
    content = table(head, (_trade(trade, main) for trade in shown)) if shown else tag("p", "There was no trade.")
    left_out = f"The last {len(shown):,} of {len(done):,} trades; the JSON document holds all of them."
    parts = [scrolled(content, "Trades", "trades"), *([note(left_out)] if len(shown) < len(done) else [])]
    return section("Trades", *parts, class_="long")


def provenance(manifest: Manifest) -> str:
    """What the run was made from; two runs with one id are the same run."""
    made_from = "The id is the SHA-256 of everything below it: the same inputs, settings and code give the same report."
    facts = tag("dl", "\n".join(_facts(manifest.as_json())), "facts")
    return section("What this was made from", facts, note(made_from), class_="long")


def _part(title: str) -> str:
    return f'<tr class="section"><th colspan="5">{name(title)}</th></tr>'


def _compared(figures: Row, levels: Sequence[Statistics], main: Statistics) -> str:
    cells = [tag("td", figure(figures.shown(s)), "main" if s is main else "") for s in levels]
    return row(name(figures.label), (*cells, tag("td", figure(figures.market(main)), "muted")))


def _heat(gain: float, strongest: float) -> str:
    heat = round(_STRONGEST * abs(gain) / strongest) if strongest > 0.0 else 0
    return f'<td class="{sign(gain)}" style="--heat:{heat}%">{figure(change(gain, 1))}</td>'


def _named(key: str) -> str:
    return f'<div class="name" title="{name(key)}">{name(key)}</div>'


def _group(key: str, group: Group, main: Statistics) -> str:
    cells = ((column.label, figure(column.shown(group, main))) for column in GROUP_COLUMNS)
    coloured = (tag("td", shown, sign(float(group.profit)) if label == "profit" else "") for label, shown in cells)
    return row(_named(key), coloured)


def _trade(trade: Trade, main: Statistics) -> str:
    capital, is_open = main.account.capital, trade.reason == OPEN
    gain = return_of(trade)
    cells = [
        moment(trade.opened_at), "" if is_open else moment(trade.closed_at), _named(trade.symbol), _named(trade.tag),
        *(figure(digits(x)) for x in (trade.quantity, trade.entry_price, trade.exit_price)),
        f'<span class="{sign(gain)}">{figure(amount(trade.pnl, capital))}</span>', figure(change(gain)),
        figure(amount(trade.fees, capital)), duration(holding_ms(trade)), _named(trade.reason),
    ]  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _facts(document: Mapping[str, Json]) -> Iterable[str]:
    for key, value in document.items():
        yield f"<dt>{name(key.replace('_', ' '))}</dt><dd><code>{_fact(value)}</code></dd>"


def _fact(value: Json) -> str:
    """Markup: a text as it is, an object with one entry a line, a list with commas."""
    if isinstance(value, dict):
        return "<br>".join(name(f"{key}: {_text(member)}") for key, member in value.items()) or "none"
    return name(", ".join(_text(member) for member in value) if isinstance(value, list) else _text(value))


def _text(value: Json) -> str:
    """Without braces and quotation marks around what is simple."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(member)}" for key, member in value.items())
    return value if isinstance(value, str) else canonical(value)

"""The report as one HTML file: no script, nothing from elsewhere, nothing that a strict content policy forbids."""

from collections.abc import Sequence
from importlib import resources

import numpy as np

from cryptopilot.research.groups import return_of
from cryptopilot.research.manifest import Manifest
from cryptopilot.research.notes import limits_in_words
from cryptopilot.research.outcome import OPEN, Outcome
from cryptopilot.research.report.bars import Bar, bars, histogram
from cryptopilot.research.report.curves import equity_chart
from cryptopilot.research.report.markup import figure, name, note, scrolled, section, sign, tag
from cryptopilot.research.report.rows import Run, expected
from cryptopilot.research.report.tables import comparison, groups, months, provenance, trades
from cryptopilot.research.report.wording import amount, change, count, day, duration, percent, ratio
from cryptopilot.research.statistics import Statistics

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page's own content security policy: its style is inline, and nothing else is loaded."""


def html(runs: Sequence[Run], manifest: Manifest) -> str:
    """One self-contained page. The same runs and manifest give the same bytes.

    Args:
        runs: optimistic, expected and harsh.
    Raises:
        InvalidValueError: they are not these three, in this order.
    """
    outcome, main = expected(runs)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            _head(manifest),
            "<body>",
            _opening(main, manifest),
            *(note(name(said)) for said in (*outcome.notes, limits_in_words(manifest.mandate, main.quote))),
            _tiles(main),
            _equity(outcome, main),
            months(main),
            _pair(outcome, main),
            comparison([s for _, s in runs], main),
            _proof(main),
            _refused(main),
            groups("By symbol", main.by_symbol, main),
            groups("By tag", main.by_tag, main),
            groups("By reason", main.by_reason, main),
            trades(outcome.trades, main),
            provenance(manifest),
            "<footer>Simulated on recorded prices. What a strategy returned in the past, and in a simulation, says "
            "nothing certain about what it will return. Nothing here is financial advice.</footer>",
            "</body>",
            "</html>\n",
        )
    )


def _head(manifest: Manifest) -> str:
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            '<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Backtest of {name(manifest.strategy)}</title>",
            f"<style>\n{style}</style>\n</head>",
        )
    )


def _opening(main: Statistics, manifest: Manifest) -> str:
    symbols = f"{len(manifest.symbols)} {'symbol' if len(manifest.symbols) == 1 else 'symbols'}"
    facts = (
        f"{day(main.span.begun_at)} to {day(main.span.ended_at - 1)}",
        f"{main.span.days:,} days of {manifest.timeframe} candles",
        f"{amount(main.account.capital, main.account.capital)} {main.quote} to begin with",
        f"run {manifest.id[:12]}",
    )
    title = tag("h1", f"{name(manifest.strategy)} on {symbols}")
    return tag(
        "header",
        f'<p class="eyebrow">Backtest</p>{title}<p class="muted">{name(" · ".join(facts))}</p>{_verdict(main)}',
    )


def _verdict(main: Statistics) -> str:
    """What came of it, in one sentence."""
    returned = _signed(main.returns.total)
    market = f"; equal parts of everything, held, returned {_signed(main.market.total)}"
    held = market if _known(main.market.total) else ""
    final = amount(main.account.final, main.account.capital)
    return tag("p", f"At expected costs the account ended at {final} {name(main.quote)}, {returned}{held}.", "verdict")


def _tiles(main: Statistics) -> str:
    low, high = main.trades.win_rate_interval
    fees = amount(main.account.fees, main.account.capital)
    tiles = (
        ("Return", _signed(main.returns.total), f"{change(main.returns.cagr)} a year"),
        ("Beyond buy and hold", _signed(main.market.excess), f"beta {ratio(main.market.beta)}"),
        ("Deepest drawdown", percent(main.drawdowns.deepest), f"longest {duration(main.drawdowns.longest_ms)}"),
        ("Sharpe ratio", figure(ratio(main.returns.sharpe)), f"Sortino {ratio(main.returns.sortino)}"),
        ("Win rate", percent(main.trades.win_rate, 1), f"95%: {percent(low, 1)} to {percent(high, 1)}"),
        ("Profit factor", ratio(main.trades.profit_factor), f"payoff ratio {ratio(main.trades.payoff_ratio)}"),
        ("Trades closed", count(main.trades.closed), f"held {duration(main.trades.mean_holding_ms)} on average"),
        ("Fees paid", fees, f"{ratio(main.activity.turnover)} × turnover a year"),
    )
    return tag("dl", "\n".join(_tile(*tile) for tile in tiles), "tiles")


def _tile(label: str, shown: str, beside: str) -> str:
    """*shown* is markup."""
    return f'<div><dt>{label}</dt><dd class="figure">{shown}</dd><dd class="beside">{figure(beside)}</dd></div>'


def _equity(outcome: Outcome, main: Statistics) -> str:
    market = '<li class="market">buy and hold</li>' if _known(main.market.total) else ""
    legend = f'<ul class="legend"><li>account</li>{market}<li class="under">drawdown of the account</li></ul>'
    return section(f"Equity, {main.quote}", legend, scrolled(equity_chart(outcome), "Equity"))


def _pair(outcome: Outcome, main: Statistics) -> str:
    """Two pictures side by side; a run without closed trades has neither."""
    gains = np.array([return_of(trade) for trade in outcome.trades if trade.reason != OPEN and trade.cost])
    if not gains.size:
        return section("Trade results", tag("p", "No trade was closed."))
    ranked = sorted(main.by_symbol.items(), key=lambda item: (-item[1].profit, item[0]))
    profits = [Bar(n, float(g.profit), amount(g.profit, main.account.capital)) for n, g in ranked]
    left = section("Trade results, profit over cost", histogram(gains))
    right = section(f"Profit by symbol, {main.quote}", bars("Profit by symbol", profits, signed=True))
    return tag("div", left + right, "pair")


def _proof(main: Statistics) -> str:
    """What the Sharpe ratio proves, in sentences."""
    proof = main.significance
    if not _known(proof.probabilistic):
        return section("What it proves", tag("p", "Nothing: there are too few daily returns, or all are the same."))
    days = f"{proof.track_record_days:,} daily returns"
    sentences = [
        f"The Sharpe ratio of {ratio(main.returns.sharpe)} rests on {days} (skewness {ratio(proof.skewness)}, kurtosis "
        f"{ratio(proof.kurtosis)}; a normal distribution has 0 and 3). The probability that the true one is above 0 is "
        f"{percent(proof.probabilistic, 1)}.",
    ]
    if _known(proof.needed_days):
        sentences.append(f"Returns like these would take {count(proof.needed_days)} days to prove that with 95%.")
    if proof.trials > 1:
        sentences.append(
            f"It was chosen from {proof.trials:,} trials. The best of so many is expected to show "
            f"{ratio(proof.luckiest_sharpe)} without any skill; counting that, the probability is "
            f"{percent(proof.deflated, 1)}."
        )
    source = "Probabilistic and deflated Sharpe ratio, minimum track record: Bailey and López de Prado, 2012 and 2014."
    return section("What it proves", tag("p", figure(" ".join(sentences))), note(source))


def _refused(main: Statistics) -> str:
    """The rules that said no to signals, the most frequent first."""
    total = sum(main.refusals.values())
    if not total:
        return section("Why no trade?", tag("p", "The review refused nothing."))
    ranked = sorted(main.refusals.items(), key=lambda item: (-item[1], item[0]))
    shown = [Bar(rule, float(n), f"{n:,} ({percent(n / total, 1)})") for rule, n in ranked if n]
    signals = ", ".join(f"{n:,} {kind}" for kind, n in main.signals.items())
    summary = f"Signals: {signals or 'none'}. The review refused {total:,} of them, by rule:"
    picture = scrolled(bars("Refusals by rule", shown), "Refusals by rule", "narrow")
    return section("Why no trade?", tag("p", name(summary)), picture)


def _signed(value: float) -> str:
    """A change in its colour: markup."""
    return f'<span class="{sign(value)}">{figure(change(value))}</span>'


def _known(value: float) -> bool:
    return value == value

"""What a session came to: the funnel, trades, profit, costs, and the market beside it."""

from typing import Any

from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.metrics import deepest_drawdown
from cryptopilot.runtime.explain import EXITS
from cryptopilot.runtime.service import PipelineService


def session_report(service: PipelineService) -> dict[str, Any]:
    """The session so far in plain values: money as texts, ratios as fractions."""
    assembly, reader = service.assembly, service.reader()
    quote = assembly.quote
    totals, funnel, curve = reader.totals(), reader.funnel(), reader.equity()
    account = assembly.trader.account
    worth = account.worth(assembly.view.mark)
    exits: dict[str, int] = {}
    for trade in reader.trades():
        if trade.closed_at is not None:
            exits[EXITS[trade.exit_reason]] = exits.get(EXITS[trade.exit_reason], 0) + 1
    fall = deepest_drawdown([equity for _, equity in curve]) if curve else None
    return {
        "session_id": assembly.session_id,
        "market": assembly.market.candles.name,
        "label": assembly.market.candles.label,
        "symbols": list(assembly.view.symbols),
        "from": iso(curve[0][0]) if curve else None,
        "to": iso(curve[-1][0]) if curve else None,
        "instants": funnel.instants,
        "funnel": {
            "predictions": funnel.predictions,
            "known": funnel.known,
            "signals": funnel.signals,
            "holds": _descending(funnel.holds),
            "refusals": _descending(funnel.refusals),
            "approved": funnel.approved,
            "entries_filled": funnel.filled,
        },
        "trades": {
            "closed": totals.closed,
            "won": totals.won,
            "winning_share": totals.won / totals.closed if totals.closed else None,
            "open": totals.open,
            "exits": _descending(exits),
        },
        "money": {
            "quote": quote,
            "capital": f"{money(account.deposited, quote):f}",
            "equity": f"{money(worth, quote):f}",
            "realised_pnl": f"{money(totals.realised, quote):f}",
            "unrealised_pnl": f"{money(worth - account.deposited - totals.realised, quote):f}",
            "fees": f"{money(totals.fees, quote):f}",
        },
        "max_drawdown": None if fall is None else fall.depth,
        "max_drawdown_at": None if fall is None else iso(curve[fall.trough][0]),
        "buy_and_hold": _buy_and_hold(service, curve),
    }


def _buy_and_hold(service: PipelineService, curve: list[tuple[int, int]]) -> float | None:
    """What equal parts of all symbols, bought at the first mark and never touched, have returned; costs left out."""
    if len(curve) < 2:  # A return takes two marks.
        return None
    candles, view = service.assembly.market.candles, service.assembly.view
    first = candles.closed(curve[0][0]).bars
    returns = [view.mark(s) / first[s].close - 1.0 for s in view.symbols if s in first and view.mark(s)]
    return sum(returns) / len(returns) if returns else None


def _descending(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def in_words(report: dict[str, Any]) -> list[str]:
    """The report for a terminal, a line each."""
    f, t, m = report["funnel"], report["trades"], report["money"]
    won = "none" if t["winning_share"] is None else f"{t['won']} won ({t['winning_share']:.1%})"
    hold = "unknown" if report["buy_and_hold"] is None else f"{report['buy_and_hold']:+.2%}"
    deepest = "none" if not report["max_drawdown"] else f"{report['max_drawdown']:.2%} at {report['max_drawdown_at']}"
    return [
        f"{report['label']} {report['market']}  {report['from']} to {report['to']}  ({report['session_id']})",
        f"funnel    {report['instants']} instants -> {f['predictions']} predictions -> "
        f"{', '.join(f'{n} {side}' for side, n in f['signals'].items())} -> {f['approved']} approved -> "
        f"{f['entries_filled']} entries filled",
        f"holds     {_counts(f['holds'])}",
        f"refusals  {_counts(f['refusals'])}",
        f"trades    {t['closed']} closed, {won}, {t['open']} open; exits: {_counts(t['exits'])}",
        f"money     equity {m['equity']} of {m['capital']} {m['quote']}; realised {m['realised_pnl']}, "
        f"unrealised {m['unrealised_pnl']}, fees {m['fees']}",
        f"drawdown  {deepest}; buy and hold {hold}",
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"

"""What a session came to: the funnel, trades, profit, costs, and the market beside it."""

from typing import Any

from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.explain import EXITS
from cryptopilot.runtime.performance import Performance
from cryptopilot.runtime.service import PipelineService


def session_report(service: PipelineService) -> dict[str, Any]:
    """The session so far in plain values: money as texts, ratios as fractions."""
    assembly, reader = service.assembly, service.reader()
    quote = assembly.quote
    now, funnel = Performance.resumed(assembly, reader).now, reader.funnel()
    total, curve = now.total, now.curve
    exits: dict[str, int] = {}
    for trade in reader.trades():
        if trade.closed_at is not None:
            exits[EXITS[trade.exit_reason]] = exits.get(EXITS[trade.exit_reason], 0) + 1
    return {
        "session_id": assembly.session_id,
        "market": assembly.market.candles.name,
        "label": assembly.market.candles.label,
        "symbols": list(assembly.view.symbols),
        "from": iso(curve.kept[0].at) if curve.kept else None,
        "to": None if curve.last is None else iso(curve.last.at),
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
            "closed": total.closed,
            "won": total.won,
            "winning_share": total.success_rate,
            "open": len(assembly.trader.account.positions),
            "exits": _descending(exits),
        },
        "money": {
            "quote": quote,
            "capital": f"{money(now.capital, quote):f}",
            "equity": f"{money(now.equity, quote):f}",
            "realised_pnl": f"{money(total.realised, quote):f}",
            "unrealised_pnl": f"{money(now.equity - now.capital - total.realised, quote):f}",
            "fees": f"{money(total.fees, quote):f}",
        },
        "max_drawdown": curve.drawdown if curve.n else None,
        "max_drawdown_at": None if curve.fallen_at is None else iso(curve.fallen_at),
        "buy_and_hold": now.buy_and_hold,
    }


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

"""The live view: one screen that says what the four agents see, think, do and earn."""

from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cryptopilot.domain.instrument import money
from cryptopilot.domain.news import MARKET_WIDE
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.explain import EXITS, refusal
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.shapes.pipeline import AgentStatus, Status

_WIDE = 120
"""Columns from which on tables stand side by side."""

_COLOURS = {"ok": "green", "idle": "dim", "stopped": "yellow", "error": "red", "failed": "red"}


class LiveView:
    """Drawn anew on every refresh from the service's own status; it invents nothing."""

    def __init__(self, service: PipelineService, address: str) -> None:
        self._service, self._address = service, address

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        status = self._service.status()
        with self._service.assembly.pipeline.quiet(0.2):
            parts = [self._signals(), self._positions(), self._fills(), self._news()]
        yield self._head(status)
        yield self._agents(status)
        if options.max_width < _WIDE:
            yield Group(*parts)
        else:
            side = Table.grid(expand=True, padding=(0, 2))
            side.add_column(ratio=1)
            side.add_column(ratio=1)
            side.add_row(parts[0], parts[1])
            side.add_row(parts[2], parts[3])
            yield side
        yield Text(self._address, style="dim")

    def _head(self, status: Status) -> Panel:
        account, risk, stats = status["account"], status["risk"], status["stats"]
        line = Text()
        line.append(f" {status['label']} ", style="bold black on yellow")
        line.append(f"  {status['market']} {status['timeframe']}   market time {status['market_time']}   ")
        line.append(
            "running" if status["is_running"] else "stopped",
            style="green" if status["is_running"] else "yellow",
        )
        equity, capital, realised = account["equity"], account["capital"], stats["realised_pnl"]
        line.append(f"\n equity {_short(equity)} of {_short(capital)} {account['quote']}   realised {_short(realised)}")
        line.append(f"   trades {stats['total_trades']} ({stats['successful_trades']} won)   risk {risk['state']}")
        if status["failure"]:
            line.append(f"\n{status['failure']}", style="bold red")
        return Panel(line, title="CryptoPilot, paper trading")

    def _agents(self, status: Status) -> Table:
        table = _table("Agents", "agent", "status", "last", "next", "runs", "errors", "ms")
        for name, agent in cast("dict[str, AgentStatus]", status["agents"]).items():
            took = agent["processing_time_ms"]
            table.add_row(
                name, Text(agent["status"], style=_COLOURS.get(agent["status"], "")), _hour(agent["last_execution"]),
                _hour(agent["next_execution"]), str(agent["execution_count"]), str(agent["error_count"]),
                "" if took is None else f"{took:.2f}",
            )  # fmt: skip
        return table

    def _signals(self) -> Table:
        table = _table("Signals", "time", "coin", "signal", "rank", "verdict")
        for judged, _ in self._service.recent.acted[-8:][::-1]:
            signal = judged.signal
            said = refusal(judged.rule, judged.limit, judged.found, self._service.assembly.quote)
            rank = "unknown" if signal.confidence != signal.confidence else f"{signal.confidence:.2f}"
            table.add_row(
                _clock(signal.instant), _coin(signal.symbol), signal.title, rank,
                Text("approved" if judged.approved else said, style="green" if judged.approved else "dim"),
            )  # fmt: skip
        return table

    def _positions(self) -> Table:
        assembly = self._service.assembly
        table = _table("Positions", "coin", "entry", "mark", "stop", "target", "before fees")
        for symbol, position in sorted(assembly.trader.account.positions.items()):
            instrument, mark = assembly.instruments[symbol], assembly.view.mark(symbol)
            change = mark / position.entry_ticks - 1.0
            prices = (position.entry_ticks, mark, position.stop_ticks, position.target_ticks)
            table.add_row(
                _coin(symbol), *(f"{instrument.decimal_price(ticks):f}" for ticks in prices),
                Text(f"{change:+.2%}", style="green" if change > 0 else "red"),
            )  # fmt: skip
        return table

    def _fills(self) -> Table:
        assembly = self._service.assembly
        table = _table("Fills", "time", "coin", "side", "price", "why", "realised")
        for fill in list(self._service.recent.fills)[-8:][::-1]:
            instrument, entry = assembly.instruments[fill.symbol], fill.side > 0
            table.add_row(
                _clock(fill.at), _coin(fill.symbol), "buy" if entry else "sell",
                f"{instrument.decimal_price(fill.ticks):f}", "entry" if entry else EXITS[fill.reason],
                "" if entry else f"{money(fill.realised, assembly.quote):+.2f}",
            )  # fmt: skip
        return table

    def _news(self) -> Table:
        table = _table("News", "seen", "coins", "score", "headline")
        for item in list(self._service.recent.news)[-8:][::-1]:
            coins = " ".join("market" if c == MARKET_WIDE else c for c in item.coins)
            table.add_row(_clock(item.first_seen_at), coins, f"{item.score:+.2f}", Text(item.title))
        return table


def plain_lines(service: PipelineService) -> Iterator[str]:
    """The same in one line, for a terminal that is none."""
    status = service.status()
    account, stats = status["account"], status["stats"]
    yield (
        f"{status['label']} {status['market_time']} equity {account['equity']} {account['quote']} "
        f"positions {account['open_positions']} signals {stats['total_signals']} trades {stats['total_trades']} "
        f"won {stats['successful_trades']} realised {stats['realised_pnl']} risk {status['risk']['state']}"
    )


def _table(title: str, *columns: str) -> Table:
    """A table whose last column gives way when there is no room; the others are read or they are worth nothing."""
    table = Table(title=title, title_justify="left", expand=True, box=None, header_style="dim", title_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True, min_width=len(column))
    table.add_column(columns[-1], no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def _clock(at: int) -> str:
    """Hours and minutes of a market time; its day stands in the head."""
    return iso(at // 1000 * 1000)[11:16]


def _hour(moment: str | None) -> str:
    return moment[11:16] if moment else ""


def _coin(symbol: str) -> str:
    return symbol.partition("/")[0]


def _short(amount: str) -> str:
    """An amount to two decimals: a screen is for people."""
    return f"{Decimal(amount):.2f}"

"""``cryptopilot backtest``: what a mandate and a strategy would have come to on recorded candles."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cryptopilot.cli.output import STDOUT, clear_errors, require_folder, say


@clear_errors
def backtest(
    data: Annotated[Path, typer.Option(help="Folder of recorded candles, or a home's candle store.")],
    symbols: Annotated[
        str | None, typer.Option(help="Comma-separated, such as BTC/USDT,ETH/USDT; all by default.")
    ] = None,
    exchange: Annotated[str, typer.Option(help="Whose candles.")] = "BINANCE",
    timeframe: Annotated[str, typer.Option(help="Such as 5m or 1h.")] = "1h",
    start: Annotated[
        str, typer.Option("--from", help="First day or time, UTC; as early as history allows by default.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="Last day or time, UTC, included.")] = "",
    strategy: Annotated[
        str | None, typer.Option(help="ensemble, trend, reversion, an installed one, or FILE.py[:CLASS].")
    ] = None,
    parameters: Annotated[str | None, typer.Option(help='Of the strategy, as JSON, such as {"oversold": 25}.')] = None,
    capital: Annotated[str | None, typer.Option(help="What the account begins with, in quote.")] = None,
    fee: Annotated[str, typer.Option(help="A fraction such as 0.001, or VENUE[:TIER] such as kraken:2.")] = "binance",
    latency: Annotated[int, typer.Option(help="How long an order travels, in milliseconds.", min=0, max=600_000)] = 0,
    finer: Annotated[
        str, typer.Option(help="A timeframe recorded too, whose bars say which of stop and target came first.")
    ] = "",
    trials: Annotated[
        int, typer.Option(help="How many settings were tried, for the deflated Sharpe ratio.", min=1)
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the lookahead check's noise.", min=0)] = 1,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write the whole result there; - is the output.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report to look at there.")] = None,
) -> None:
    """Answer "would this have worked?" over recorded candles, by the rules that live trading follows."""
    from cryptopilot.runtime.backtesting import Question, answer  # noqa: PLC0415  # Keeps other commands' start short.
    from cryptopilot.runtime.markets import Choice  # noqa: PLC0415
    from cryptopilot.runtime.preferences import with_stored  # noqa: PLC0415
    from cryptopilot.runtime.settings import load_settings  # noqa: PLC0415

    given = load_settings(
        PIPELINE_MARKET=f"replay:{data}", PIPELINE_TIMEFRAME=timeframe, PIPELINE_SYMBOLS=symbols,
        PIPELINE_CAPITAL=capital, PIPELINE_STRATEGY=strategy, PIPELINE_STRATEGY_PARAMETERS=parameters,
    )  # fmt: skip
    settings = with_stored(given)
    question = Question(settings, Choice(exchange, start, until), fee, latency, finer, seed, trials)
    for file in (html_file, json_file):
        require_folder(file)
    with _shown() as shown:
        task = shown.add_task("reading", total=1.0)
        found = answer(question, lambda what, share: shown.update(task, description=what, completed=share))
    if html_file is not None:
        html_file.write_text(found.html(), encoding="utf-8")
    if json_file is not None:
        document = msgspec.json.format(msgspec.json.encode(found.document()), indent=1) + b"\n"
        if json_file == STDOUT:
            sys.stdout.buffer.write(document)
            return
        Path(json_file).write_bytes(document)
    say([found.text()])


def _shown() -> Progress:
    """A line that says what is being done, for people only."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.percentage:>3.0f}%"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())

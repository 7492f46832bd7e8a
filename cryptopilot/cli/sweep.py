"""``cryptopilot sweep``: every combination of a declared grid over one symbol, and the best of them in full."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cryptopilot.cli.output import clear_errors, require_folder
from cryptopilot.domain.errors import DataFileError


@clear_errors
def sweep(
    *,
    data: Annotated[Path, typer.Option(help="Folder of recorded candles, or a home's candle store.")],
    symbols: Annotated[str, typer.Option(help="One symbol, such as BTC/USDT.")],
    space: Annotated[Path, typer.Option(help="What is tried, as JSON: docs/guide/sweep.md.")],
    exchange: Annotated[str, typer.Option(help="Whose candles.")] = "BINANCE",
    timeframe: Annotated[str, typer.Option(help="Such as 5m or 1h.")] = "1h",
    start: Annotated[
        str, typer.Option("--from", help="First day or time, UTC; as early as history allows by default.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="Last day or time, UTC, included.")] = "",
    capital: Annotated[str | None, typer.Option(help="What the account begins with, in quote.")] = None,
    fee: Annotated[str, typer.Option(help="A fraction such as 0.001, or VENUE[:TIER] such as kraken:2.")] = "binance",
    latency: Annotated[int, typer.Option(help="How long an order travels, in milliseconds.", min=0, max=600_000)] = 0,
    objective: Annotated[str, typer.Option(help="What is best: equity, sharpe or profit_factor.")] = "sharpe",
    top: Annotated[int, typer.Option(help="How many of the best are run again in full.", min=1, max=1000)] = 10,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write the whole result there; - is the output.")
    ] = None,
) -> None:
    """Try every combination of a declared grid with no limit asked, and run the best again with all limits."""
    from cryptopilot.cli.found import say_found  # noqa: PLC0415  # Keeps other commands' start short.
    from cryptopilot.runtime.backtesting import Question  # noqa: PLC0415
    from cryptopilot.runtime.markets import Choice  # noqa: PLC0415
    from cryptopilot.runtime.preferences import with_stored  # noqa: PLC0415
    from cryptopilot.runtime.settings import load_settings  # noqa: PLC0415
    from cryptopilot.runtime.sweeping import swept  # noqa: PLC0415

    require_folder(json_file)
    given = load_settings(
        PIPELINE_MARKET=f"replay:{data}", PIPELINE_TIMEFRAME=timeframe, PIPELINE_SYMBOLS=symbols,
        PIPELINE_CAPITAL=capital,
    )  # fmt: skip
    settings = with_stored(given)
    question = Question(settings, Choice(exchange, start, until), fee, latency)
    document = _read(space)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("combinations")
        answer = swept(question, document, objective, top, lambda run, of: shown.update(task, completed=run, total=of))
    say_found(answer.document(), answer.lines(), json_file)


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(file, f"{error}; allowed: a JSON file, as docs/guide/sweep.md shows") from error

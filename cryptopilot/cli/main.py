"""``cryptopilot``: the command line. Exit codes: 0 done, 1 the answer is no, 2 wrong use."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cryptopilot import __version__
from cryptopilot.cli import backtest, data, search, sweep, users
from cryptopilot.cli.output import NO, clear_errors, say, say_json

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
_STRATEGY = "A strategy's name, or PATH.py, or PATH.py:CLASS."
_PARAMETERS = "Its parameters as a JSON object, such as '{\"entry_bars\": 40}'."


app.add_typer(data.app, name="data")
app.add_typer(users.app, name="users")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if show:
        typer.echo(f"cryptopilot {__version__}")
        raise typer.Exit


@app.command()
@clear_errors
def serve(
    market: Annotated[str | None, typer.Option(help="sandbox, or replay:DIR.")] = None,
    exchange: Annotated[str, typer.Option(help="Replay: whose candles.")] = "BINANCE",
    timeframe: Annotated[str | None, typer.Option(help="Such as 5m or 1h.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Comma-separated, such as BTC/USDT,ETH/USDT.")] = None,
    start: Annotated[
        str, typer.Option("--from", help="Replay: first day or time, UTC; else as soon as all have their history.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Replay: last day or time, UTC, included; else the last candle.")
    ] = "",
    speed: Annotated[str | None, typer.Option(help="Market seconds a second, or max.")] = None,
    host: Annotated[str | None, typer.Option(help="Loopback address.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes any free port.")] = None,
    live: Annotated[bool | None, typer.Option(help="The live view; by default when there is a terminal.")] = None,
    begin: Annotated[bool, typer.Option("--start/--no-start", help="Start the pipeline at once.")] = True,
    fresh: Annotated[bool, typer.Option(help="Open a new session instead of resuming one.")] = False,
    strategy: Annotated[str | None, typer.Option(help=_STRATEGY)] = None,
    parameters: Annotated[str | None, typer.Option(help=_PARAMETERS)] = None,
    as_json: Json = False,
) -> None:
    """Run the four agents on paper, with a live view and the health endpoints."""
    from cryptopilot.cli.serve import serve as run_server  # noqa: PLC0415  # Keeps the other commands' start short.
    from cryptopilot.runtime.markets import Choice  # noqa: PLC0415

    overrides = {
        "PIPELINE_MARKET": market, "PIPELINE_TIMEFRAME": timeframe, "PIPELINE_SYMBOLS": symbols,
        "PIPELINE_SPEED": speed, "HOST": host, "PORT": port,
        "PIPELINE_STRATEGY": strategy, "PIPELINE_STRATEGY_PARAMETERS": parameters,
    }  # fmt: skip
    run_server(overrides, Choice(exchange, start, until), live=live, start=begin, fresh=fresh, as_json=as_json)


app.command()(backtest.backtest)
app.command()(search.optimise)
app.command("walk-forward")(search.walk_forward)
app.command()(sweep.sweep)


@app.command()
@clear_errors
def explain(
    decision: Annotated[str, typer.Argument(help="Id of a trade, order or signal; SYMBOL@TIME; or last.")] = "last",
    session: Annotated[str | None, typer.Option(help="Which session; the newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """Say why: from profit back to fill, order, verdict, signal, prediction, candle and headline."""
    from cryptopilot.cli.inspect import explained  # noqa: PLC0415
    from cryptopilot.runtime.explain import in_words  # noqa: PLC0415

    told = explained(decision, session)
    say_json(told) if as_json else say(in_words(told))


@app.command()
@clear_errors
def sessions(as_json: Json = False) -> None:
    """List the market sessions that have books, newest first."""
    from cryptopilot.cli.inspect import listed_sessions  # noqa: PLC0415

    _list(listed_sessions(), as_json)


@app.command()
@clear_errors
def trades(
    session: Annotated[str | None, typer.Option(help="Which session; the newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """List a session's trades, oldest first; what `explain` says more of."""
    from cryptopilot.cli.inspect import listed_trades  # noqa: PLC0415

    _list(listed_trades(session), as_json)


def _list(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows as a table whose columns are as wide as they need to be."""
    if as_json:
        say_json(rows)
        return
    if not rows:
        say(["none yet"])
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    say(["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:+.2%}" if isinstance(value, float) else str(value)


@app.command()
@clear_errors
def reproduce(
    session: Annotated[str | None, typer.Argument(help="Which session; the newest by default.")] = None,
    as_json: Json = False,
) -> None:
    """Run a recorded session again and compare every record."""
    from cryptopilot.cli.inspect import reproduced  # noqa: PLC0415

    answer = reproduced(session)
    same = answer["difference"] is None
    if as_json:
        say_json(answer)
    else:
        say(
            [
                f"{answer['session_id']}: {answer['records']} records "
                + ("reproduced" if same else "equal, then a difference:")
            ]
        )
        say(
            []
            if same
            else [
                f"  recorded   {answer['difference']['recorded']}",
                f"  reproduced {answer['difference']['reproduced']}",
            ]
        )
    if not same:
        raise typer.Exit(NO)


@app.command()
@clear_errors
def lookahead(
    strategy: Annotated[str, typer.Option(help=_STRATEGY)],
    folder: Annotated[Path, typer.Option("--data", help="The folder of recorded candles.")],
    parameters: Annotated[str, typer.Option(help=_PARAMETERS)] = "{}",
    exchange: Annotated[str, typer.Option(help="Whose candles.")] = "BINANCE",
    symbols: Annotated[str, typer.Option(help="Comma-separated; all there are by default.")] = "",
    timeframe: Annotated[str, typer.Option(help="Such as 5m or 1h.")] = "1h",
    bars: Annotated[int, typer.Option(min=100, max=1_000_000, help="How many of the newest candles.")] = 5_000,
    samples: Annotated[int, typer.Option(min=2, max=100_000, help="Instants of each symbol to look at.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="What the instants are drawn from.")] = 0,
    as_json: Json = False,
) -> None:
    """Try to prove that a strategy knows the future; 1 when it does."""
    from cryptopilot.cli.lookahead import checked  # noqa: PLC0415

    answer = checked(strategy, parameters, folder, exchange, symbols, timeframe, bars, samples, seed)
    biased = bool(answer["findings"])
    if as_json:
        say_json(answer)
    else:
        verdict = "biased" if biased else "no bias found"
        seen = f"{answer['samples']} instants of {len(answer['symbols'])} symbols"
        say([f"{answer['strategy']} {answer['version']}: {verdict}; {seen}, lookback {answer['lookback']} rows"])
        say([f"  {finding['in_words']}" for finding in answer["findings"]])
    if biased:
        raise typer.Exit(NO)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Name why it does not start, raises no signals or makes no trades, and what to do; 1 when something is wrong."""
    from cryptopilot.cli.doctor import examine  # noqa: PLC0415
    from cryptopilot.runtime.diagnosis import State  # noqa: PLC0415

    findings = list(examine({}))
    if as_json:
        say_json([f._asdict() | {"well": f.state is not State.WRONG} for f in findings])
    else:
        for f in findings:
            say([f"{f.state.mark} {f.what}: {f.seen}", *([f"      -> {f.remedy}"] if f.remedy else [])])
    if any(f.state is State.WRONG for f in findings):
        raise typer.Exit(NO)


def run() -> Any:
    """The console script's entry."""
    return app()

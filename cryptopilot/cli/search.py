"""``cryptopilot optimise`` and ``cryptopilot walk-forward``.

Exit codes: 0 done, 1 nothing had a result or it was interrupted, 2 wrong use.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryptopilot.cli.output import NO, clear_errors, require_folder
from cryptopilot.domain.timeframe import duration_ms

if TYPE_CHECKING:  # Optuna and Numba take a second, which no other command is to wait for.
    from cryptopilot.runtime.experiment import Task
    from cryptopilot.runtime.search import Effort, Experiment

Data = Annotated[Path, typer.Option(help="Folder of recorded candles.")]
Start = Annotated[str, typer.Option("--from", help="First day or time, UTC; as early as history allows by default.")]
Until = Annotated[str, typer.Option("--to", help="Last day or time, UTC, included.")]
Symbols = Annotated[str | None, typer.Option(help="Comma-separated, such as BTC/USDT,ETH/USDT; all by default.")]
Exchange = Annotated[str, typer.Option(help="Whose candles.")]
Timeframe = Annotated[str, typer.Option(help="Such as 5m or 1h.")]
Strategy = Annotated[str | None, typer.Option(help="ensemble, trend, reversion, an installed one, or FILE.py[:CLASS].")]
Parameters = Annotated[
    str | None, typer.Option(help='Those that are fixed, as JSON, such as {"stop": 0.05}; the others are searched.')
]
Capital = Annotated[str | None, typer.Option(help="What the account begins with, in quote.")]
Fee = Annotated[str, typer.Option(help="A fraction such as 0.001, or VENUE[:TIER] such as kraken:2.")]
Latency = Annotated[int, typer.Option(help="How long an order travels, in milliseconds.", min=0, max=600_000)]
Costs = Annotated[str, typer.Option(help="Level of costs to search under: optimistic, expected or harsh.")]
Objective = Annotated[str, typer.Option(help="Statistics to strive for, separated by commas.")]
StudyName = Annotated[str | None, typer.Option(help="Name of the study; by default one that says what is searched.")]
Sampler = Annotated[str | None, typer.Option(help="tpe or nsga2; by default the latter for several objectives.")]
Seed = Annotated[int, typer.Option(help="Where chance begins: the same seed tries the same.")]
Round = Annotated[int, typer.Option("--round", help="How many trials are drawn before any of them runs.")]
LeastTrades = Annotated[int, typer.Option(help="A run that closed fewer trades has failed.")]
Workers = Annotated[int | None, typer.Option(help="Processes on this machine; one a core by default.")]
Dask = Annotated[str | None, typer.Option(help="A Dask scheduler instead: tls://HOST:PORT, or tcp://127.0.0.1:PORT.")]
DaskCa = Annotated[Path | None, typer.Option(help="PEM file of who signed the cluster's certificates.")]
DaskCert = Annotated[Path | None, typer.Option(help="PEM file of our certificate.")]
DaskKey = Annotated[Path | None, typer.Option(help="PEM file of its key.")]
JsonFile = Annotated[str | None, typer.Option("--json", help="Write the whole result there; - is the output.")]


@clear_errors
def optimise(
    *,
    data: Data, start: Start = "", until: Until = "", symbols: Symbols = None, exchange: Exchange = "BINANCE",
    timeframe: Timeframe = "1h", strategy: Strategy = None, parameters: Parameters = None, capital: Capital = None,
    fee: Fee = "binance", latency: Latency = 0, costs: Costs = "expected",
    trials: Annotated[int, typer.Option(help="How many in all; those of earlier runs count.")] = 100,
    objective: Objective = "sharpe", least_trades: LeastTrades = 10, study: StudyName = None,
    sampler: Sampler = None, seed: Seed = 0, round_size: Round = 20, workers: Workers = None, dask: Dask = None,
    dask_ca: DaskCa = None, dask_cert: DaskCert = None, dask_key: DaskKey = None, json_file: JsonFile = None,
) -> None:  # fmt: skip
    """Search a strategy's parameters over recorded candles; the winner is run again and judged as the best of many."""
    from cryptopilot.cli.found import bar_of, optimised_document, optimised_lines, say_found  # noqa: PLC0415
    from cryptopilot.runtime.search import optimised  # noqa: PLC0415

    require_folder(json_file)
    effort = _effort(
        trials, objective, least_trades, study, sampler, seed, round_size, workers, dask, (dask_ca, dask_cert, dask_key)
    )
    subject, url = _experiment(
        data, exchange, symbols, timeframe, start, until, strategy, parameters, capital, fee, latency, costs
    )
    with bar_of(f"{subject.strategy}: trials") as bar:
        answer = optimised(subject, effort, url, lambda progress: bar(0, 1, progress))
    say_found(optimised_document(answer, subject.defaults), optimised_lines(answer, subject.defaults), json_file)
    if answer.winner is None:
        raise typer.Exit(NO)


@clear_errors
def walk_forward(
    *,
    data: Data, start: Start = "", until: Until = "", symbols: Symbols = None, exchange: Exchange = "BINANCE",
    timeframe: Timeframe = "1h", strategy: Strategy = None, parameters: Parameters = None, capital: Capital = None,
    fee: Fee = "binance", latency: Latency = 0, costs: Costs = "expected",
    train: Annotated[str, typer.Option(help="Length of a training, such as 180d.")] = "180d",
    test: Annotated[str, typer.Option(help="Length of a test, such as 30d.")] = "30d",
    step: Annotated[str | None, typer.Option(help="From test to test; as long as a test by default.")] = None,
    purge: Annotated[
        str | None, typer.Option(help="Left out before a test; by default as long as a position may be held.")
    ] = None,
    embargo: Annotated[str, typer.Option(help="Left out besides, for what echoes longer.")] = "0h",
    anchored: Annotated[bool, typer.Option("--anchored", help="Every training begins with the data.")] = False,
    trials: Annotated[int, typer.Option(help="How many in each window; those of earlier runs count.")] = 50,
    objective: Objective = "sharpe", least_trades: LeastTrades = 10, study: StudyName = None,
    sampler: Sampler = None, seed: Seed = 0, round_size: Round = 20, workers: Workers = None, dask: Dask = None,
    dask_ca: DaskCa = None, dask_cert: DaskCert = None, dask_key: DaskKey = None, json_file: JsonFile = None,
) -> None:  # fmt: skip
    """Optimise on one stretch of the past, trade the winner on the next, and so on: what a search is worth."""
    from cryptopilot.cli.found import bar_of, say_found, walked_document, walked_lines  # noqa: PLC0415
    from cryptopilot.research.windows import Scheme  # noqa: PLC0415
    from cryptopilot.runtime.search import walked  # noqa: PLC0415

    require_folder(json_file)
    effort = _effort(
        trials, objective, least_trades, study, sampler, seed, round_size, workers, dask, (dask_ca, dask_cert, dask_key)
    )
    lengths = [
        duration_ms(f"--{name}", text) for name, text in (("train", train), ("test", test), ("embargo", embargo))
    ]
    between, before = (
        None if text is None else duration_ms(f"--{name}", text) for name, text in (("step", step), ("purge", purge))
    )
    subject, url = _experiment(
        data, exchange, symbols, timeframe, start, until, strategy, parameters, capital, fee, latency, costs
    )
    held = subject.longest_ms if before is None else before
    scheme = Scheme(subject.timeframe_ms, lengths[0], lengths[1], between, held, lengths[2], anchored)
    with bar_of(f"{subject.strategy}: window") as bar:
        answer = walked(subject, effort, scheme, url, bar)
    say_found(walked_document(answer), walked_lines(answer), json_file)
    if answer.outside is None or answer.interrupted:
        raise typer.Exit(NO)


def _experiment(
    data: Path, exchange: str, symbols: str | None, timeframe: str, start: str, until: str, strategy: str | None,
    parameters: str | None, capital: str | None, fee: str, latency: int, costs: str,
) -> "tuple[Experiment[Task], str]":  # fmt: skip
    """What is searched, and where the home's database is."""
    from cryptopilot.runtime.backtesting import Question  # noqa: PLC0415
    from cryptopilot.runtime.experiment import experiment  # noqa: PLC0415
    from cryptopilot.runtime.home import Home  # noqa: PLC0415
    from cryptopilot.runtime.markets import Choice  # noqa: PLC0415
    from cryptopilot.runtime.preferences import with_stored  # noqa: PLC0415
    from cryptopilot.runtime.settings import load_settings  # noqa: PLC0415

    given = load_settings(
        PIPELINE_MARKET=f"replay:{data}", PIPELINE_TIMEFRAME=timeframe, PIPELINE_SYMBOLS=symbols,
        PIPELINE_CAPITAL=capital, PIPELINE_STRATEGY=strategy, PIPELINE_STRATEGY_PARAMETERS=parameters,
    )  # fmt: skip
    settings = with_stored(given)
    Home(settings.home)
    return experiment(Question(settings, Choice(exchange, start, until), fee, latency), costs), settings.url()


def _effort(
    trials: int, objective: str, least_trades: int, study: str | None, sampler: str | None, seed: int, round_size: int,
    workers: int | None, dask: str | None, papers: tuple[Path | None, Path | None, Path | None],
) -> "Effort":  # fmt: skip
    from cryptopilot.adapters.pools.cluster import Address  # noqa: PLC0415
    from cryptopilot.research.search.objectives import objectives  # noqa: PLC0415
    from cryptopilot.runtime.search import Effort  # noqa: PLC0415

    cluster = Address(dask, *papers) if dask is not None else None
    return Effort(trials, objectives(objective), study, sampler, seed, round_size, least_trades, workers, cluster)

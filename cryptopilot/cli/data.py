"""``cryptopilot data``: what candles there are, what is wrong with them, and bringing them in.

Exit codes: 0 done, 1 the answer is no, 2 wrong use.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cryptopilot.adapters.exchanges.files import candle_files, check_order, read_candles
from cryptopilot.adapters.storage.candles import CandleStore
from cryptopilot.domain.errors import CryptoPilotError, InvalidValueError, RejectedError
from cryptopilot.domain.series import Series, series_of, timeframe_of
from cryptopilot.domain.timeframe import ALLOWED, iso, timeframe_ms
from cryptopilot.engine.clock import wall_ms
from cryptopilot.quant.quality import Report, inspect, moment
from cryptopilot.runtime.home import Home
from cryptopilot.runtime.settings import load_settings

app = typer.Typer(help="Candle files and the candle store.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout and nothing else.")]
Timeframe = Annotated[str | None, typer.Option(help="Needed only where the name does not tell it.")]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="The store's home instead of CRYPTOPILOT_HOME.")]
Places = Annotated[list[Path], typer.Argument(help="Files or folders.", metavar="PATH...")]
Document = dict[str, Any]


@app.command("list")
def list_series(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of candle files; the store when absent.", metavar="[DIR]")
    ] = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Show the series that the store, or a folder, has: rows, span and gaps."""
    with _wrong_use(as_json):
        store = _home(home) / "candles"
        empty = folder is None and not any(store.glob("*/*/*.arrow"))
        named = {p: s for p in ([] if empty else candle_files(folder or store)) if (s := series_of(p.absolute()))}
        series = [_listed(path, named[path]) for path in _progress(sorted(named), "Reading")]
    lines = [_series_line(s) for s in series] or [f"no candles in {folder or store}"]
    _answer({"series": series}, lines, as_json, done=all(s["error"] is None for s in series))


@app.command()
def check(
    places: Places,
    timeframe: Timeframe = None,
    no_gaps: Annotated[bool, typer.Option("--no-gaps", help="Take gaps for a defect too.")] = False,
    as_json: Json = False,
) -> None:
    """Name every gap and every wrong row of candle files."""
    with _wrong_use(as_json):
        steps = {p: _timeframe(timeframe, p) for p in _found(places)}
        files = [_checked(path, steps[path]) for path in _progress(list(steps), "Checking")]
    for file in files:
        file["clean"] = not (file["error"] or file["findings"] or (no_gaps and file["gaps"]))
    clean = all(file["clean"] for file in files)
    _answer(
        {"clean": clean, "files": files},
        [line for f in files for line in _check_lines(f)],
        as_json,
        done=clean,
    )


@app.command("import")
def bring_in(
    places: Places,
    *,
    exchange: Annotated[str | None, typer.Option(help="Such as BINANCE; default: from the name.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Such as BTC/USDT; default: from the name.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Such as 1h; default: from the name.")] = None,
    home: HomeFolder = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite stored bars that differ.")] = False,
    as_json: Json = False,
) -> None:
    """Bring candle files into the store; the same bars again change nothing, wrong ones are refused."""
    with _wrong_use(as_json):
        wanted = {p: _series(p, exchange, symbol, timeframe) for p in _found(places)}
        store = CandleStore(Home(_home(home)).path / "candles")
        files = [_imported(store, p, wanted[p], replace) for p in _progress(list(wanted), "Importing")]
    done = all(file["error"] is None for file in files)
    _answer({"done": done, "files": files}, [_import_line(f) for f in files], as_json, done=done)


def _listed(path: Path, series: Series) -> Document:
    found: Document = {**_named(path, series, series.timeframe), "error": None}
    try:
        if _stored(path):
            manifest = _store_of(path).manifest(series)
            span, gaps = (manifest.first, manifest.last), [gap.bars for gap in manifest.gaps]
            return {**found, **_size(manifest.rows, span, gaps)}
        report = inspect(read_candles(path), series.step_ms)
        return {**found, **_size(report.rows, report.span, report.gaps[:, 1].tolist())}
    except RejectedError as error:
        return {**found, **_size(0, None, []), "error": str(error)}


def _size(rows: int, span: tuple[int, int] | None, gaps: Sequence[int]) -> Document:
    first, last = (moment(span[0]), moment(span[1])) if span else (None, None)
    sizes = {"gap_count": len(gaps), "missing_bars": sum(gaps), "longest_gap_bars": max(gaps, default=0)}
    return {"rows": rows, "first": first, "last": last, **sizes}


def _checked(path: Path, timeframe: str) -> Document:
    series = series_of(path.absolute())
    found: Document = {**_named(path, series, timeframe), "error": None}
    try:
        report = inspect(read_candles(path), timeframe_ms(timeframe))
        found |= _judged(report)
        if series is not None and _stored(path):
            _store_of(path).verify(series)
    except RejectedError as error:
        found = {**_size(0, None, []), "gaps": [], "findings": [], "hint": "", **found, "error": str(error)}
    return found


def _judged(report: Report) -> Document:
    gaps = [{"first_missing": iso(gap.first_missing), "bars": gap.bars} for gap in report.listed_gaps()]
    findings = [
        {"defect": f.defect.value, "row": f.row, "time": moment(f.time), "text": f.text} for f in report.findings()
    ]
    size = _size(report.rows, report.span, report.gaps[:, 1].tolist())
    return {**size, "gaps": gaps, "findings": findings, "hint": report.hint}


def _imported(store: CandleStore, path: Path, series: Series, replace: bool) -> Document:
    found = _named(path, series, series.timeframe)
    try:
        columns = read_candles(path)
        check_order(path, columns, series.step_ms)
        merged = store.merge(series, columns, path.name, wall_ms(), replace=replace)
    except RejectedError as error:
        return {**found, "added": 0, "replaced": 0, "unchanged": 0, "error": str(error)}
    return {**found, **merged._asdict(), "error": None}


def _named(path: Path, series: Series | None, timeframe: str) -> Document:
    exchange, symbol = (series.exchange, series.symbol) if series else (None, None)
    return {"path": str(path), "exchange": exchange, "symbol": symbol, "timeframe": timeframe}


def _series_line(found: Document) -> str:
    name = f"{found['exchange']:<14} {found['symbol']:<12} {found['timeframe']:>4}"
    return f"{name}  unreadable: {found['error']}" if found["error"] else f"{name} {_size_text(found)}"


def _size_text(found: Document) -> str:
    gaps = f"{found['gap_count']} gaps, {found['missing_bars']} bars missing"
    return f"{found['rows']:>9} rows  {found['first']} to {found['last']}  {gaps}"


def _check_lines(found: Document) -> Iterator[str]:
    verdict = "clean" if found["clean"] else "WRONG"
    yield f"{found['path']}: {verdict}, {found['timeframe']}, {_size_text(found).strip()}"
    if found["error"]:
        yield f"  {found['error']}"
    if found["hint"]:
        yield f"  {found['hint']}"
    yield from (f"  row {f['row']} ({f['time']}) {f['text']}" for f in found["findings"])
    yield from (f"  gap at {g['first_missing']}: {g['bars']} bars missing" for g in found["gaps"])


def _import_line(found: Document) -> str:
    if found["error"]:
        return f"refused: {found['error']}"
    series = f"{found['exchange']} {found['symbol']} {found['timeframe']}"
    counts = f"{found['added']} added, {found['replaced']} replaced, {found['unchanged']} unchanged"
    return f"{found['path']}: {series}, {counts}"


def _found(places: Iterable[Path]) -> list[Path]:
    """Every candle file at some places, each once."""
    return list(dict.fromkeys(path for place in places for path in candle_files(place)))


def _timeframe(asked: str | None, path: Path) -> str:
    told = asked or timeframe_of(path.absolute())
    if told is None:
        raise InvalidValueError("--timeframe", asked, f"{', '.join(ALLOWED)}; {path.name!r} does not tell it")
    timeframe_ms(told)
    return told


def _series(path: Path, exchange: str | None, symbol: str | None, timeframe: str | None) -> Series:
    """What the options say, else the name."""
    named = series_of(path.absolute())
    for option, asked, allowed in (("--exchange", exchange, "BINANCE"), ("--symbol", symbol, "BTC/USDT")):
        if asked is None and named is None:
            raise InvalidValueError(option, asked, f"one such as {allowed}; {path.name!r} does not tell it")
    return Series(
        (exchange or (named.exchange if named else "")).upper(),
        (symbol or (named.symbol if named else "")).upper(),
        _timeframe(timeframe, path),
    )


def _stored(path: Path) -> bool:
    """Whether a file is one of a store's own."""
    return path.name in {f"{timeframe}.arrow" for timeframe in ALLOWED}


def _store_of(path: Path) -> CandleStore:
    return CandleStore(path.absolute().parents[2])


def _home(given: Path | None) -> Path:
    return load_settings(CRYPTOPILOT_HOME=given).home


def _progress(paths: Sequence[Path], what: str) -> Iterator[Path]:
    """The paths, with a bar on stderr while a person watches."""
    if len(paths) < 2 or not sys.stderr.isatty():
        yield from paths
        return
    from rich.console import Console  # noqa: PLC0415  # Only where somebody sees it.
    from rich.progress import track  # noqa: PLC0415

    yield from track(paths, what, console=Console(stderr=True), transient=True)


@contextmanager
def _wrong_use(as_json: bool) -> Iterator[None]:
    """Say what was asked wrongly, and leave with 2."""
    try:
        yield
    except CryptoPilotError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}))
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _answer(document: Mapping[str, Any], lines: Iterable[str], as_json: bool, *, done: bool) -> None:
    """Write the answer, and leave with 1 when it is no."""
    for line in [json.dumps(document)] if as_json else lines:
        typer.echo(line)
    if not done:
        raise typer.Exit(1)

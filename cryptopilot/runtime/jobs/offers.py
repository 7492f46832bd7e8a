"""What a backtest can be asked with: strategies by name, and candles that are there."""

from collections.abc import Iterator

from cryptopilot.adapters.exchanges.recorded import candle_path, series_in
from cryptopilot.adapters.storage.candles import CandleStore
from cryptopilot.domain.errors import CryptoPilotError, DataFileError, InvalidValueError
from cryptopilot.domain.series import Series
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.parameters import Parameter
from cryptopilot.runtime import strategies
from cryptopilot.runtime.jobs.asking import DATA, folder_of
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.shapes.backtests import DataName, ParameterShape, SeriesShape, StrategyShape


def offered_strategies() -> list[StrategyShape]:
    """Every strategy that can be named: built in first, then installed."""
    return [_strategy(name) for name in strategies.names()]


def offered_series(settings: Settings) -> list[SeriesShape]:
    """Every candle series of the home's store and, where the session replays a folder, of that, sorted."""
    return [shape for data in DATA for shape in _series_of(data, settings)]


def _strategy(name: str) -> StrategyShape:
    built_in = name in strategies.BUILT_IN
    try:
        found = strategies.named(name)
    except CryptoPilotError as error:  # Somebody else's package; what is wrong with it is shown where it is missed.
        return {"name": name, "built_in": built_in, "version": None, "parameters": [], "problem": str(error)}
    parameters = [_parameter(one) for one in found.parameters]
    return {"name": name, "built_in": built_in, "version": found.version, "parameters": parameters, "problem": None}


def _parameter(one: Parameter) -> ParameterShape:
    number = one.kind != "choice"
    return {
        "name": one.name,
        "kind": one.kind,
        "default": one.default,
        "minimum": one.low if number else None,
        "maximum": one.high if number else None,
        "step": one.step if number else None,
        "choices": list(one.choices),
        "description": one.words,
    }


def _series_of(data: DataName, settings: Settings) -> Iterator[SeriesShape]:
    try:
        folder = folder_of(data, settings)
    except InvalidValueError:
        return  # The session replays nothing.
    for series in series_in(folder):
        path = candle_path(folder, series.exchange, series.symbol, series.timeframe)
        # FOLDER/EXCHANGE/BASE_QUOTE/TIMEFRAME.arrow is the store's; another file says nothing without being read.
        stored = path.suffix == ".arrow"
        yield _told(data, CandleStore(path.parents[2]), series) if stored else _unread(data, series)


def _told(data: DataName, store: CandleStore, series: Series) -> SeriesShape:
    """A series with what its manifest says."""
    try:
        manifest = store.manifest(series)
    except DataFileError:  # Damaged: `cryptopilot data check` says how; a backtest of it fails by name.
        return _unread(data, series)
    return {
        **_unread(data, series),
        "first": iso(manifest.first),
        "last": iso(manifest.last),
        "candles": manifest.rows,
        "missing": sum(gap.bars for gap in manifest.gaps),
    }


def _unread(data: DataName, series: Series) -> SeriesShape:
    return {
        "data": data, "exchange": series.exchange, "symbol": series.symbol, "timeframe": series.timeframe,
        "first": None, "last": None, "candles": None, "missing": None,
    }  # fmt: skip

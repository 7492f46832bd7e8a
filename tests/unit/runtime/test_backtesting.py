"""A question to history and its answer, from files to documents."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.domain.errors import CryptoPilotError, DataFileError, InvalidValueError, UnknownSymbolError
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.strategy import StrategyError
from cryptopilot.research.lookahead import LookaheadError
from cryptopilot.research.plain import canonical
from cryptopilot.runtime.backtesting import Answer, Question, answer
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.preferences import with_stored
from cryptopilot.runtime.settings import load_settings
from cryptopilot.simulation.costs import LEVELS
from tests.conftest import with_kernels
from tests.unit.series import bars, write_parquet


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_kernels(tmp_path_factory.mktemp("asked") / "home")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two coins by the hour."""
    root = tmp_path_factory.mktemp("recorded")
    for seed, name in enumerate(("BTC_USDT", "ETH_USDT")):
        write_parquet(root / "candles" / f"BINANCE-{name}-1h.parquet", bars(2600, seed=seed))
    return root


@pytest.fixture
def ask(home: Path, folder: Path) -> Callable[..., Answer]:
    def asked(
        data: Path = folder, *, until: str = "", fee: str = "binance", finer: str = "", **settings: Any
    ) -> Answer:
        given: dict[str, Any] = {"CRYPTOPILOT_HOME": home, "PIPELINE_MARKET": f"replay:{data}", **settings}
        return answer(Question(load_settings(**given), Choice("BINANCE", "", until), fee, finer=finer))

    return asked


def test_money_adds_up_from_trades_to_equity(ask: Callable[..., Answer]) -> None:
    for outcome, figures in ask(PIPELINE_STRATEGY="reversion").runs:
        realised = sum((trade.pnl for trade in outcome.trades), Decimal(0))
        assert outcome.trades
        assert figures.account.realised == realised
        assert figures.account.final == Decimal(10_000) + realised + figures.account.unrealised
        if not outcome.held[-1]:
            assert figures.account.unrealised == 0
        for trade in outcome.trades:
            assert trade.opened_at < trade.closed_at
            assert trade.pnl < trade.quantity * (trade.exit_price - trade.entry_price)  # Fees are in it.


def test_worse_costs_leave_less(ask: Callable[..., Answer]) -> None:
    runs = ask(PIPELINE_STRATEGY="reversion").runs
    assert [outcome.costs for outcome, _ in runs] == [level.name for level in LEVELS]
    per_trade = [float(figures.trades.expectancy or 0) for _, figures in runs]
    assert per_trade == sorted(per_trade, reverse=True)
    dearer = ask(fee="kraken", PIPELINE_STRATEGY="reversion").expected[1]
    assert dearer.account.fees > 3 * runs[1][1].account.fees
    assert dearer.account.final < runs[1][1].account.final


def test_the_same_question_has_the_same_bytes(ask: Callable[..., Answer]) -> None:
    once, again = ask(), ask()
    assert once.manifest.id == again.manifest.id
    assert once.html() == again.html()
    assert canonical({**once.document(), "seconds": 0}) == canonical({**again.document(), "seconds": 0})


def test_what_changes_an_answer_changes_the_manifest(ask: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    found = {
        ask().manifest.id, ask(PIPELINE_STRATEGY="trend").manifest.id, ask(fee="0.002").manifest.id,
        ask(PIPELINE_MAX_CONCURRENT_TRADES=1).manifest.id, ask(PIPELINE_CAPITAL=20_000).manifest.id,
        ask(until="2024-02-01").manifest.id,
    }  # fmt: skip
    assert len(found) == 6
    other = tmp_path / "other"
    for path in sorted((folder / "candles").iterdir()):
        write_parquet(other / "candles" / path.name, bars(2600, seed=9))
    assert ask(other).manifest.id not in found


def test_a_strategy_of_ones_own_is_named_by_its_bytes(ask: Callable[..., Answer], tmp_path: Path) -> None:
    path, found = tmp_path / "mine.py", set()
    for edge in (30, 31):
        path.write_text(
            "from cryptopilot.ports.strategy import wishes\nclass Mine:\n"
            '    name, version, parameters, lookback = "mine", "1", (), 1\n'
            f"    def signals(self, columns):\n        return wishes((columns.rsi < {edge}).astype(int))\n"
        )
        found.add(ask(PIPELINE_STRATEGY=str(path)).manifest.id)
    assert len(found) == 2


def test_finer_bars_are_read_where_they_are_asked_for(ask: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "both"
    for name in ("BTC_USDT", "ETH_USDT"):
        hourly = parquet.read_table(folder / "candles" / f"BINANCE-{name}-1h.parquet")
        columns = {c: hourly[c].to_numpy() for c in hourly.column_names}
        _write(data / "candles" / f"BINANCE-{name}-1h.parquet", hourly)
        halves = {c: np.repeat(v, 2) for c, v in columns.items()}
        halves["timestamp"] = halves["timestamp"] + np.tile([0, 1_800_000], len(hourly))
        _write(data / "candles" / f"BINANCE-{name}-30m.parquet", pa.table(halves))
    without, read = ask(data), ask(data, finer="30m")
    assert set(read.manifest.inputs) == {
        *without.manifest.inputs,
        *(k.replace("1h", "30m") for k in without.manifest.inputs),
    }
    assert (
        read.expected[0].trades == without.expected[0].trades
    )  # Each half is its hour again, so the stop comes first.
    with pytest.raises(InvalidValueError, match="finer timeframe"):
        ask(data, finer="1h")


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)


def test_orders_that_the_largest_allowed_cut_are_noted(ask: Callable[..., Answer]) -> None:
    few, many = ask(PIPELINE_STRATEGY="reversion"), ask(PIPELINE_STRATEGY="reversion", PIPELINE_CAPITAL=1_000_000)
    assert "PIPELINE_MAX_ORDER" in many.text()
    assert "PIPELINE_MAX_ORDER" in many.html()
    assert any("cut to the largest allowed, 1,000 USDT" in note for note in many.document()["notes"])
    free = ask(PIPELINE_STRATEGY="reversion", PIPELINE_MAX_ORDER=10_000_000)
    assert not any("cut to the largest" in note for note in free.document()["notes"])
    assert few.text().splitlines()[1].startswith("limits: a position up to 10.0% of equity, orders of 10 to 1,000 USDT")


def test_entries_that_stop_for_good_are_noted(ask: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    for path in sorted((folder / "candles").iterdir()):
        table = parquet.read_table(path)
        columns = {c: table[c].to_numpy() for c in table.column_names}
        _write(tmp_path / "thick" / "candles" / path.name, pa.table(columns | {"volume": 10_000 * columns["volume"]}))
    found = ask(
        tmp_path / "thick", PIPELINE_MIN_CONFIDENCE=0.3, PIPELINE_MAX_DRAWDOWN=0.01, PIPELINE_MAX_DAILY_LOSS=0.5
    )
    last = max(trade.opened_at for trade in found.expected[0].trades)
    noted = [note for note in found.document()["notes"] if "refused since" in note]
    assert len(noted) == 1
    assert noted[0].startswith(f"no entry after {iso(last)}: ")
    assert noted[0].split(":")[0] in found.text()


def test_a_wish_that_no_mandate_allows_is_told_where_nothing_was_traded(
    ask: Callable[..., Answer], tmp_path: Path
) -> None:
    path = tmp_path / "percent.py"
    path.write_text(
        "from cryptopilot.ports.strategy import wishes\nclass Percent:\n"
        '    name, version, parameters, lookback = "percent", "1", (), 1\n'
        "    def signals(self, columns):\n        return wishes((columns.rsi < 30).astype(int), stop=2.0)\n"
    )
    notes = ask(PIPELINE_STRATEGY=str(path)).document()["notes"]
    assert any(note.startswith("nothing was traded; what became of the signals: out_of_bounds ") for note in notes)


def test_candles_that_begin_late_or_never_are_told(ask: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    for path in sorted((folder / "candles").iterdir()):
        table = parquet.read_table(path)
        _write(tmp_path / "late" / "candles" / path.name, table[1500:] if "ETH" in path.name else table)
    asked = load_settings(PIPELINE_MARKET=f"replay:{tmp_path / 'late'}")
    begun = iso(int(parquet.read_table(folder / "candles" / "BINANCE-BTC_USDT-1h.parquet")["timestamp"][1100].as_py()))
    notes = answer(Question(asked, Choice("BINANCE", begun, ""))).document()["notes"]
    assert any(note.startswith("candles begin later than the run: ETH/USDT (2020-03-03") for note in notes)
    with pytest.raises(InvalidValueError, match=r"from is '2019-06-01T00:00:00Z'; allowed: 2020-01-01T"):
        answer(Question(asked, Choice("BINANCE", "2019-06-01", "")))


def test_what_the_home_has_stored_counts_as_it_does_for_its_server(home: Path, folder: Path, tmp_path: Path) -> None:
    given = load_settings(CRYPTOPILOT_HOME=tmp_path / "other", PIPELINE_MAX_DRAWDOWN=0.3)
    assert with_stored(given) == given
    given.home.mkdir()
    engine = open_database(given.url())
    StoredSettings(engine).keep({"max_concurrent_trades": "8", "max_drawdown": "0.1"}, "someone", 1)
    engine.dispose()
    found = with_stored(given)
    assert (found.max_concurrent_trades, found.max_drawdown) == (8, 0.3)


def spoiled(table: pa.Table, how: str) -> pa.Table:
    columns = {c: table[c].to_numpy().copy() for c in table.column_names}
    if how == "duplicate":
        columns["timestamp"][100] = columns["timestamp"][99]
    elif how == "unsorted":
        columns["timestamp"][[50, 51]] = columns["timestamp"][[51, 50]]
    elif how == "off the grid":
        columns["timestamp"][100] += 60_000
    elif how == "nan":
        columns["close"][100] = np.nan
    elif how == "high below low":
        columns["high"][100] = columns["low"][100] / 2
    return pa.table(columns)


@pytest.mark.parametrize("how", ["duplicate", "unsorted", "off the grid", "nan", "high below low"])
def test_wrong_candles_are_refused_by_file_and_row(
    ask: Callable[..., Answer], folder: Path, tmp_path: Path, how: str
) -> None:
    for path in sorted((folder / "candles").iterdir()):
        table = parquet.read_table(path)
        _write(tmp_path / "bad" / "candles" / path.name, spoiled(table, how) if "ETH" in path.name else table)
    with pytest.raises(DataFileError, match=r"BINANCE-ETH_USDT-1h\.parquet"):
        ask(tmp_path / "bad")


def test_gaps_are_no_error_and_nothing_is_traded_in_them(
    ask: Callable[..., Answer], folder: Path, tmp_path: Path
) -> None:
    for path in sorted((folder / "candles").iterdir()):
        table = parquet.read_table(path)
        _write(tmp_path / "gaps" / "candles" / path.name, pa.concat_tables([table[:1500], table[1900:]]))
    outcome, _ = ask(tmp_path / "gaps", PIPELINE_STRATEGY="reversion").expected
    at = outcome.instants
    quiet = (at > at[0] + 470 * 3_600_000) & (at < at[0] + 840 * 3_600_000)
    assert np.unique(outcome.equity[quiet]).size == 1
    assert all(not quiet[np.searchsorted(at, trade.opened_at)] for trade in outcome.trades)


BAD = {
    "raises": "raise ValueError('no idea')",
    "nan": "return wishes(np.ones(n, int), stop=np.full(n, np.inf))",
    "length": "return wishes(np.ones(n - 1, int))",
    "sides": "return wishes(np.zeros(n, int))._replace(side=np.full(n, 7, np.int8))",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_strategy_that_breaks_its_promises_is_named(ask: Callable[..., Answer], tmp_path: Path, body: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "import numpy as np\nfrom cryptopilot.ports.strategy import wishes\nclass Bad:\n"
        '    name, version, parameters, lookback = "bad", "1", (), 1\n'
        f"    def signals(self, columns):\n        n = len(columns)\n        {body}\n"
    )
    with pytest.raises(StrategyError, match="strategy bad"):
        ask(PIPELINE_STRATEGY=str(path))


def test_a_callback_that_fails_stops_the_run_by_name(ask: Callable[..., Answer], tmp_path: Path) -> None:
    path = tmp_path / "unsure.py"
    path.write_text(
        "from cryptopilot.ports.strategy import wishes\nclass Unsure:\n"
        '    name, version, parameters, lookback = "unsure", "1", (), 1\n'
        "    def signals(self, columns):\n        return wishes((columns.rsi > 50).astype(int))\n"
        "    def stake(self, entry):\n        return float('nan')\n"
    )
    with pytest.raises(StrategyError, match=r"strategy unsure, stake of (BTC|ETH)/USDT at 20.*nan"):
        ask(PIPELINE_STRATEGY=str(path))


def test_a_strategy_that_knows_the_future_is_refused(ask: Callable[..., Answer], tmp_path: Path) -> None:
    path = tmp_path / "hindsight.py"
    path.write_text(
        "import numpy as np\nfrom cryptopilot.ports.strategy import wishes\nclass Hindsight:\n"
        '    name, version, parameters, lookback = "hindsight", "1", (), 2\n'
        "    def signals(self, columns):\n"
        "        return wishes(np.r_[columns.close[1:] > 1.005 * columns.close[:-1], False])\n"
    )
    with pytest.raises(LookaheadError, match="strategy hindsight is biased"):
        ask(PIPELINE_STRATEGY=str(path))


REVERSION: dict[str, object] = {"PIPELINE_STRATEGY": "reversion"}


def wrong_questions() -> list[tuple[dict[str, object], type[CryptoPilotError], str]]:
    return [
        ({"PIPELINE_SYMBOLS": "XRP/USDT"}, UnknownSymbolError, "XRP/USDT"),
        ({"fee": "nowhere"}, InvalidValueError, "fee is 'nowhere'"),
        ({"fee": "kraken:99"}, InvalidValueError, "fee tier is '99'"),
        ({"fee": "-0.1"}, InvalidValueError, "fee is '-0.1'"),
        ({"fee": "nan"}, InvalidValueError, "fee is 'nan'"),
        ({"until": "2001-01-01"}, InvalidValueError, "2001-01-0"),
        ({"PIPELINE_STRATEGY": "nobody"}, CryptoPilotError, "nobody"),
        (
            {"PIPELINE_STRATEGY": "reversion", "PIPELINE_STRATEGY_PARAMETERS": '{"depth": 3}'},
            InvalidValueError,
            "depth",
        ),
        (
            {"PIPELINE_STRATEGY": "reversion", "PIPELINE_STRATEGY_PARAMETERS": '{"oversold": 99}'},
            InvalidValueError,
            "oversold",
        ),
        ({"PIPELINE_TIMEFRAME": "5m"}, DataFileError, "no candles of BINANCE at 5m"),
    ]


@pytest.mark.parametrize(("given", "kind", "named"), wrong_questions(), ids=lambda x: x if isinstance(x, str) else "")
def test_a_wrong_question_is_refused_by_what_is_wrong(
    ask: Callable[..., Answer], given: dict[str, str], kind: type[CryptoPilotError], named: str
) -> None:
    with pytest.raises(kind, match=named):
        ask(**given)

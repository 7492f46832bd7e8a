"""``cryptopilot data``: says what is there, names what is wrong, takes in what is right."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cryptopilot.adapters.storage.candles import CandleStore
from cryptopilot.cli.data import app
from cryptopilot.domain.series import Series
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.quant.quality import Columns
from tests.unit.series import bars, changed, chosen, same, write_json, write_parquet

HOURS = bars(48)
GAPPED = chosen(HOURS, [*range(5), *range(8, 48)])


def run(*arguments: object, home: Path | None = None) -> Result:
    runner = CliRunner(env={"CRYPTOPILOT_HOME": str(home) if home else None})
    return runner.invoke(app, [str(argument) for argument in arguments])


def document(result: Result) -> Any:
    """The one JSON document that stdout must be."""
    return json.loads(result.stdout)


def test_check_calls_a_file_with_gaps_clean_and_names_every_gap(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", GAPPED)
    result = run("check", path)
    assert result.exit_code == 0
    assert f"{path}: clean, 1h, 45 rows" in result.stdout
    assert "gap at 2020-01-01T05:00:00Z: 3 bars missing" in result.stdout
    strict = run("check", path, "--no-gaps", "--json")
    assert strict.exit_code == 1
    assert document(strict)["files"][0]["gaps"] == [{"first_missing": "2020-01-01T05:00:00Z", "bars": 3}]
    assert document(strict)["clean"] is False


def test_check_names_every_finding_with_row_and_time(tmp_path: Path) -> None:
    wrong = changed(changed(chosen(HOURS, [0, 2, 1, *range(3, 48)]), "open", 7, float("nan")), "volume", 9, -1.0)
    path = write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", wrong)
    result = run("check", path)
    assert result.exit_code == 1
    assert f"{path}: WRONG" in result.stdout
    assert "row 2 (2020-01-01T01:00:00Z) is before the row before it (2020-01-01T02:00:00Z)" in result.stdout
    assert "row 7 (2020-01-01T07:00:00Z) has open nan" in result.stdout
    assert "row 9 (2020-01-01T09:00:00Z) has volume -1.0" in result.stdout
    (file,) = document(run("check", path, "--json"))["files"]
    assert [(f["row"], f["defect"]) for f in file["findings"]] == [
        (2, "disorder"),
        (7, "not_finite"),
        (9, "negative"),
    ]


def test_check_needs_a_timeframe_only_where_the_name_does_not_tell_it(tmp_path: Path) -> None:
    path = write_json(tmp_path / "prices.json", HOURS)
    result = run("check", path)
    assert result.exit_code == 2
    allowed = "1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d"
    assert result.stderr == f"error: --timeframe is None; allowed: {allowed}; 'prices.json' does not tell it\n"
    assert run("check", path, "--timeframe", "1h").exit_code == 0
    assert run("check", path, "--timeframe", "4h").exit_code == 1
    assert run("check", write_json(tmp_path / "BTC_USDT-1h.json", HOURS)).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "nowhere"),
        ("check",),
        ("check", ".", "--timeframe", "7h"),
        ("import", "nowhere"),
        ("list", "nowhere"),
        ("shred",),
        ("import", "prices.json", "--symbol", "BTC/USDT", "--timeframe", "1h"),
        ("import", "prices.json", "--exchange", "../x", "--symbol", "BTC/USDT", "--timeframe", "1h"),
        ("import", "prices.json", "--exchange", "KRAKEN", "--symbol", "BTC", "--timeframe", "1h"),
        ("import", "prices.json", "--exchange", "KRAKEN", "--symbol", "BTC/USDT"),
    ],
)
def test_wrong_use_leaves_with_two_and_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "prices.json", HOURS)
    result = run(*arguments, home=tmp_path / "home")
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "home" / "candles").exists()


def test_wrong_use_is_also_one_json_document_where_json_was_asked_for(tmp_path: Path) -> None:
    result = run("check", tmp_path / "nowhere", "--json")
    assert (result.exit_code, document(result)) == (
        2,
        {"error": f"{tmp_path / 'nowhere'}: no such file or folder"},
    )


def test_check_goes_through_a_folder_and_reports_a_file_it_cannot_read_beside_the_others(
    tmp_path: Path,
) -> None:
    write_parquet(tmp_path / "A-BTC_USDT-1h.parquet", HOURS)
    (tmp_path / "B-BTC_USDT-1h.parquet").write_bytes(b"PAR1")
    (tmp_path / "C-BTC_USDT-1h.csv").touch()
    result = run("check", tmp_path, "--json")
    assert result.exit_code == 1
    assert [file["clean"] for file in document(result)["files"]] == [True, False, False]
    assert "not a Parquet file of candles" in document(result)["files"][1]["error"]
    assert "C-BTC_USDT-1h.csv: it is empty" in run("check", tmp_path).stdout


def test_import_takes_exchange_symbol_and_timeframe_from_the_name_and_twice_is_once(tmp_path: Path) -> None:
    path, home = write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", GAPPED), tmp_path / "home"
    first = run("import", path, "--json", home=home)
    assert first.exit_code == 0
    (file,) = document(first)["files"]
    assert (file["exchange"], file["symbol"], file["timeframe"]) == ("KRAKEN", "BTC/USDT", "1h")
    assert (file["added"], file["replaced"], file["unchanged"]) == (45, 0, 0)
    assert same(CandleStore(home / "candles").open(Series("KRAKEN", "BTC/USDT", "1h")), GAPPED)
    assert "0 added, 0 replaced, 45 unchanged" in run("import", path, home=home).stdout
    assert home.stat().st_mode & 0o777 == 0o700


def test_import_takes_what_the_name_does_not_tell_from_the_options(tmp_path: Path) -> None:
    path, home = write_json(tmp_path / "BTC_USDT-1h.json", HOURS), tmp_path / "elsewhere"
    result = run("import", path, "--exchange", "coinbase", "--symbol", "btc/usd", "--home", home)
    assert result.exit_code == 0
    assert CandleStore(home / "candles").series() == [Series("COINBASE", "BTC/USD", "1h")]


@pytest.mark.parametrize(
    "wrong",
    [
        chosen(HOURS, [1, 0]),
        chosen(HOURS, [0, 0]),
        changed(HOURS, "low", 4, float("nan")),
        Columns(HOURS.times + 1, HOURS.values),
        bars(20, step=4 * HOUR),
    ],
)
def test_import_refuses_what_check_finds_wrong(tmp_path: Path, wrong: Columns) -> None:
    path, home = write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", wrong), tmp_path / "home"
    assert run("check", path).exit_code == 1
    result = run("import", path, home=home)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"refused: {path}: row ")
    assert result.stdout.endswith(f"run: cryptopilot data check {path}\n")
    assert CandleStore(home / "candles").series() == []


def test_import_refuses_bars_that_differ_until_it_is_told_to_replace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("import", write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", HOURS), home=home)
    path = write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", changed(HOURS, "volume", 6, 99.0))
    refused = run("import", path, home=home)
    assert refused.exit_code == 1
    assert "differ from those stored: 1, at 2020-01-01T06:00:00Z; nothing was written" in refused.stdout
    assert "0 added, 1 replaced, 47 unchanged" in run("import", path, "--replace", home=home).stdout


def test_list_shows_the_store_and_a_folder_alike(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "recorded"
    assert document(run("list", "--json", home=home)) == {"series": []}
    assert not home.exists()
    write_parquet(folder / "candles" / "KRAKEN-BTC_USDT-1h.parquet", GAPPED)
    write_parquet(folder / "candles" / "KRAKEN-ETH_USDT-1h.parquet", HOURS)
    run("import", folder, home=home)
    stored = document(run("list", "--json", home=home))["series"]
    recorded = document(run("list", folder, "--json"))["series"]
    assert [s | {"path": ""} for s in stored] == [s | {"path": ""} for s in recorded]
    assert stored[0] == {
        "path": str(home / "candles" / "KRAKEN" / "BTC_USDT" / "1h.arrow"),
        "exchange": "KRAKEN", "symbol": "BTC/USDT", "timeframe": "1h", "error": None, "rows": 45,
        "first": "2020-01-01T00:00:00Z", "last": "2020-01-02T23:00:00Z",
        "gap_count": 1, "missing_bars": 3, "longest_gap_bars": 3,
    }  # fmt: skip
    assert "45 rows  2020-01-01T00:00:00Z to 2020-01-02T23:00:00Z  1 gaps, 3 bars missing" in run("list", folder).stdout


def test_list_shows_a_damaged_series_beside_the_others_and_leaves_with_one(tmp_path: Path) -> None:
    write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", HOURS)
    (tmp_path / "KRAKEN-ETH_USDT-1h.parquet").write_bytes(b"PAR1")
    result = run("list", tmp_path)
    assert result.exit_code == 1
    assert "unreadable: " in result.stdout
    assert "48 rows" in result.stdout


def test_check_finds_a_store_whose_bytes_are_no_longer_those_imported(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("import", write_parquet(tmp_path / "KRAKEN-BTC_USDT-1h.parquet", HOURS), home=home)
    assert run("check", home).exit_code == 0
    path = home / "candles" / "KRAKEN" / "BTC_USDT" / "1h.arrow"
    volume = HOURS.values[4, 5].tobytes()
    path.write_bytes(path.read_bytes().replace(volume, changed(HOURS, "volume", 5, 1.0).values[4, 5].tobytes()))
    result = run("check", home)
    assert result.exit_code == 1
    assert "its bars differ from its manifest in sha256" in result.stdout


@pytest.mark.parametrize("watched", [True, False])
def test_a_bar_of_progress_is_drawn_on_stderr_only_while_a_person_watches(tmp_path: Path, watched: bool) -> None:
    for base in ("BTC", "ETH"):
        write_parquet(tmp_path / f"KRAKEN-{base}_USDT-1h.parquet", HOURS)
    reader, terminal = pty.openpty()
    command = [
        sys.executable,
        "-c",
        "from cryptopilot.cli.data import app; app()",
        "check",
        str(tmp_path),
        "--json",
    ]
    stderr = terminal if watched else subprocess.PIPE
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, "TERM": "xterm"}, check=True
    )
    os.close(terminal)
    drawn = os.read(reader, 65_536).decode() if watched else done.stderr.decode()
    os.close(reader)
    assert ("Checking" in drawn) is watched
    assert json.loads(done.stdout)["clean"] is True


@pytest.mark.data
def test_the_recorded_collection_is_clean_and_its_gaps_are_named(market_data: Path) -> None:
    result = run("check", market_data, "--json")
    assert result.exit_code == 0
    files = document(result)["files"]
    assert len(files) == len(list((market_data / "candles").glob("*.parquet")))
    assert {f["path"].rpartition("/")[2]: f["missing_bars"] for f in files}["KRAKEN-BTC_USDT-1m.parquet"] == 2333

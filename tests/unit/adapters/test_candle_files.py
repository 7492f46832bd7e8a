"""A candle file says the same in every format, and a bad one is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, parquet

from cryptopilot.adapters.exchanges.files import READERS, candle_files, check_order, read_candles
from cryptopilot.domain.errors import DataFileError, InvalidValueError
from cryptopilot.domain.series import Series, series_of, timeframe_of
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.quant.quality import NAMES, Columns
from tests.unit.series import START, bars, changed, chosen, rows_of, same, table, write_json, write_parquet

HOURS = bars(50)
HEADER = "timestamp,open,high,low,close,volume"


def csv_lines(columns: Columns) -> list[str]:
    return [",".join(map(repr, row)) for row in rows_of(columns)]


def write_csv(path: Path, columns: Columns) -> Path:
    path.write_text("\n".join([HEADER, *csv_lines(columns)]))
    return path


def write_bare_csv(path: Path, columns: Columns) -> Path:
    path.write_text("\n".join(csv_lines(columns)) + "\n")
    return path


def write_binance_csv(path: Path, columns: Columns) -> Path:
    path.write_text("".join(f"{line},{HOUR},1,2,3,4,0\n" for line in csv_lines(columns)))
    return path


def write_feather(path: Path, columns: Columns) -> Path:
    """As freqtrade writes it: a column of dates, compressed."""
    dates = pa.array(columns.times).cast(pa.timestamp("ms", "UTC"))
    feather.write_feather(table(columns, "date").set_column(0, "date", dates), path, compression="lz4")
    return path


def write_arrow(path: Path, columns: Columns) -> Path:
    feather.write_feather(table(columns), path, compression="uncompressed")
    return path


WRITERS: dict[str, Callable[[Path, Columns], Path]] = {
    "a.parquet": write_parquet,
    "a.csv": write_csv,
    "bare.csv": write_bare_csv,
    "binance.csv": write_binance_csv,
    "a.json": write_json,
    "a.feather": write_feather,
    "a.arrow": write_arrow,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_bars_to_the_last_bit(tmp_path: Path, name: str) -> None:
    read = read_candles(WRITERS[name](tmp_path / name, HOURS))
    assert same(read, HOURS)
    assert (read.times.dtype.str, read.values.dtype.str) == ("<i8", "<f8")


@pytest.mark.parametrize("name", WRITERS)
def test_a_reader_keeps_wrong_rows_as_they_are(tmp_path: Path, name: str) -> None:
    wrong = chosen(changed(HOURS, "high", 3, 0.5), [5, 3, 3, 0])
    assert same(read_candles(WRITERS[name](tmp_path / name, wrong)), wrong)


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow", "a.json"])
def test_a_value_that_is_not_there_is_nan(tmp_path: Path, name: str) -> None:
    read = read_candles(WRITERS[name](tmp_path / name, changed(HOURS, "open", 2, float("nan"))))
    assert np.flatnonzero(np.isnan(read.values[0])).tolist() == [2]


def test_a_missing_price_is_nan_also_where_a_file_has_a_word_for_missing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f"[[{START}, null, 2, 1, 1, 1]]")
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{START},,2,1,1,1\n{START},NaN,2,1,1,1\n")
    assert np.isnan(read_candles(tmp_path / "a.json").values[0, 0])
    assert np.isnan(read_candles(tmp_path / "a.csv").values[0]).all()


@pytest.mark.parametrize(("scale", "divisor"), [(1, 1000), (1, 1), (1000, 1), (1_000_000, 1)])
def test_times_may_be_in_any_unit_that_their_size_tells(tmp_path: Path, scale: int, divisor: int) -> None:
    given = Columns(HOURS.times * scale // divisor, HOURS.values)
    for name in ("a.parquet", "a.csv", "a.json"):
        assert same(read_candles(WRITERS[name](tmp_path / name, given)), HOURS)


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01",
        "2020-01-01 00:00:00",
        "2020-01-01T00:00:00Z",
        "2020-01-01 01:00:00+01:00",
        "1577836800000.0",
    ],
)
def test_times_in_a_csv_may_be_dates_and_are_utc_without_a_zone(tmp_path: Path, text: str) -> None:
    for header in ("", "Date,Open,High,Low,Close,Volume\n"):
        (tmp_path / "a.csv").write_text(f"{header}{text},1,2,1,1,1\n")
        assert read_candles(tmp_path / "a.csv").times.tolist() == [START]


def test_columns_are_found_by_name_in_any_order_and_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"\ufefftrades,Volume,close,LOW,High,open,Open Time\n7,5,4,1,6,2,{START}\n", encoding="utf-8")
    assert same(read_candles(path), Columns(np.array([START]), np.array([[2.0], [6.0], [1.0], [4.0], [5.0]])))


def test_prices_that_begin_whole_may_go_on_with_decimals(tmp_path: Path) -> None:
    lines = [f"{START + i * HOUR},100,200,50,100,1" for i in range(40_000)] + [f"{START},100.5,200,50,100,1"]
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *lines]))
    assert read_candles(tmp_path / "a.csv").values[0, -1] == 100.5


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty csv": ("a.csv", b"", "it is empty"),
    "empty json": ("a.json", b"", "not a JSON file"),
    "empty parquet": ("a.parquet", b"", "not a Parquet file"),
    "empty feather": ("a.feather", b"", "not an Arrow or Feather file"),
    "header alone": ("a.csv", f"{HEADER}\n".encode(), "it holds no candle"),
    "no rows": ("a.json", b"[]", "it holds no candle"),
    "an object": ("a.json", b'{"a": 1}', "a JSON dict; allowed: a list of"),
    "short row": ("a.json", b"[[1577836800000, 1, 2, 1, 1]]", "row 0 is .*; allowed"),
    "words in json": ("a.json", b'[[1577836800000, "1", 2, 1, 1, 1]]', "row 0 is .*; allowed"),
    "no time in json": (
        "a.json",
        b"[[null, 1, 2, 1, 1, 1]]",
        "row 0 has the time None; allowed: a whole number",
    ),
    "half a time": ("a.json", b"[[1577836800000.5, 1, 2, 1, 1, 1]]", "row 0 has the time 1577836800000.5"),
    "giant time": ("a.json", b"[[%d, 1, 2, 1, 1, 1]]" % 10**30, "beyond 64 bits"),
    "giant price": ("a.json", b"[[1577836800000, %d, 2, 1, 1, 1]]" % 10**400, "beyond 64 bits"),
    "deep json": ("a.json", b"[" * 100_000, "not a JSON file"),
    "binary json": ("a.json", b"\xff\xfe\x00", "not a JSON file"),
    "binary csv": ("a.csv", b"\xff\xfe\x00\x00", "not a CSV file"),
    "wrong columns": ("a.csv", b"date,open,high\n1,2,3\n", "columns date, open, high; allowed: timestamp"),
    "doubled column": ("a.csv", b"date,open,open,high,low,close,volume\n1,2,3,4,5,6,7\n", "each once"),
    "seven bare fields": ("a.csv", b"1577836800000,1,2,1,1,1,1\n", "7 fields without a header; allowed: 6"),
    "ragged csv": ("a.csv", f"{HEADER}\n1577836800000,1,2\n".encode(), "not a CSV file of candles"),
    "words in csv": ("a.csv", f"{HEADER}\n1577836800000,one,2,1,1,1\n".encode(), "not a CSV file of candles"),
    "words for times": (
        "a.csv",
        f"{HEADER}\nyesterday,1,2,1,1,1\n".encode(),
        "times of type string; allowed",
    ),
    "no time in csv": (
        "a.csv",
        f"{HEADER}\n1577836800000,1,2,1,1,1\n,1,2,1,1,1\n".encode(),
        "row 1 has no time",
    ),
    "two units": (
        "a.csv",
        f"{HEADER}\n1577836800000,1,2,1,1,1\n1577836801000,1,2,1,1,1\n1577836802,1,2,1,1,1\n".encode(),
        "row 2 has the time 1577836802; allowed: a time in ms",
    ),
    "parts of a ms": (
        "a.csv",
        f"{HEADER}\n1577836800000001,1,2,1,1,1\n".encode(),
        "allowed: whole milliseconds",
    ),
    "not a format": ("a.xlsx", b"PK", "ending '.xlsx'; allowed: .parquet, .csv, .json, .feather, .arrow"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_its_path_and_what_is_allowed(tmp_path: Path, case: str) -> None:
    name, content, why = BAD_FILES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataFileError, match=why) as refused:
        read_candles(tmp_path / name)
    assert str(refused.value).startswith(str(tmp_path / name))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow", "a.json"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, share: float) -> None:
    path = WRITERS[name](tmp_path / name, HOURS)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataFileError, match="not a"):
        read_candles(path)


@pytest.mark.parametrize("ending", READERS)
def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder{ending}").mkdir()
    for name in ("none", "folder"):
        with pytest.raises(DataFileError, match="no such file"):
            read_candles(tmp_path / f"{name}{ending}")


def test_parquet_with_words_for_prices_or_other_columns_is_refused(tmp_path: Path) -> None:
    words = table(HOURS).set_column(1, "open", pa.array(["one"] * 50))
    parquet.write_table(words, tmp_path / "words.parquet")
    parquet.write_table(table(HOURS).drop_columns(["low"]), tmp_path / "less.parquet")
    with pytest.raises(DataFileError, match="not a Parquet file of candles"):
        read_candles(tmp_path / "words.parquet")
    with pytest.raises(DataFileError, match="columns timestamp, open, high, close, volume; allowed"):
        read_candles(tmp_path / "less.parquet")


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow"])
def test_a_damaged_column_name_is_refused(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, HOURS)
    path.write_bytes(path.read_bytes().replace(b"close", b"clo\xffe"))
    with pytest.raises(DataFileError):
        read_candles(path)


@given(st.binary(max_size=300), st.sampled_from(sorted(READERS)))
def test_no_bytes_make_a_reader_fail_in_another_way_than_by_refusing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    path.write_bytes(content)
    with pytest.raises(DataFileError):
        read_candles(path)


def test_a_file_with_a_wrong_row_is_refused_with_the_command_that_says_more(tmp_path: Path) -> None:
    path = tmp_path / "KRAKEN-BTC_USDT-1h.csv"
    with pytest.raises(DataFileError) as refused:
        check_order(path, chosen(HOURS, [0, 2, 1]), HOUR)
    assert str(refused.value) == (
        f"{path}: row 2 (2020-01-01T01:00:00Z) is before the row before it (2020-01-01T02:00:00Z); "
        f"defects in all: 1; run: cryptopilot data check {path}"
    )
    with pytest.raises(DataFileError, match=r"data check mine.csv --timeframe 1h$"):
        check_order(Path("mine.csv"), chosen(HOURS, [0, 2, 1]), HOUR)
    check_order(path, chosen(HOURS, [0, 5]), HOUR)


def test_candle_files_of_a_folder_are_those_of_its_candles_without_what_only_speaks_of_them(
    tmp_path: Path,
) -> None:
    inner = tmp_path / "candles"
    for name in ("A-B_USDT-1h.csv", "A-C_USDT-1h.PARQUET", ".draft.csv", "instruments.json", "notes.txt"):
        (inner / name).parent.mkdir(exist_ok=True)
        (inner / name).touch()
    store = inner / "KRAKEN" / "BTC_USDT"
    store.mkdir(parents=True)
    for name in ("1h.arrow", "1h.json", ".1h.arrow.draft"):
        (store / name).touch()
    everything = [inner / "A-B_USDT-1h.csv", inner / "A-C_USDT-1h.PARQUET", store / "1h.arrow"]
    assert candle_files(tmp_path) == everything
    assert candle_files(inner) == everything
    assert candle_files(inner / "KRAKEN") == candle_files(store) == [store / "1h.arrow"]
    assert candle_files(everything[0]) == everything[:1]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataFileError, match="no candle file in it; allowed endings"):
        candle_files(tmp_path / "nothing")
    with pytest.raises(DataFileError, match="no such file or folder"):
        candle_files(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("path", "series", "timeframe"),
    [
        ("x/BINANCE_USDM-BTC_USDT-1h.parquet", Series("BINANCE_USDM", "BTC/USDT", "1h"), "1h"),
        ("x/KRAKEN/BTC_USDT/5m.arrow", Series("KRAKEN", "BTC/USDT", "5m"), "5m"),
        ("coinbase-4h-columns-swapped.json", None, "4h"),
        ("BTC_USDT-15m.feather", None, "15m"),
        ("1h-or-4h.csv", None, None),
        ("KRAKEN-BTC_USDT-7h.csv", None, None),
        ("kraken-BTC_USDT-1h.csv", None, "1h"),
        ("prices.csv", None, None),
    ],
)
def test_a_name_tells_its_series_or_at_least_its_timeframe(
    path: str, series: Series | None, timeframe: str | None
) -> None:
    assert series_of(Path(path)) == series
    assert timeframe_of(Path(path)) == timeframe


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (("../KRAKEN", "BTC/USDT", "1h"), "exchange"),
        (("", "BTC/USDT", "1h"), "exchange"),
        (("KRAKEN", "../USDT", "1h"), "symbol"),
        (("KRAKEN", "BTC", "1h"), "symbol"),
        (("KRAKEN", "BTC/USDT\n", "1h"), "symbol"),
        (("KRAKEN", "BTC/USDT", "../1h"), "timeframe"),
    ],
)
def test_a_series_whose_parts_are_malformed_or_lead_elsewhere_is_refused(
    parts: tuple[str, str, str], field: str
) -> None:
    with pytest.raises(InvalidValueError, match=f"^{field} is .*; allowed"):
        Series(*parts)


def test_json_of_ccxt_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([[START, 1, 2.5, 0.5, 2, 10]]))
    assert read_candles(tmp_path / "a.json").values[:, 0].tolist() == [1, 2.5, 0.5, 2, 10]
    assert NAMES == ("open", "high", "low", "close", "volume")

"""The candle store keeps what it was given, once, in order, and knows what it lacks."""

import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryptopilot.adapters.storage import candles
from cryptopilot.adapters.storage.candles import CandleStore, Manifest, Merged
from cryptopilot.domain.errors import DataFileError
from cryptopilot.domain.series import CandleConflictError, Series
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.quant.quality import Columns, Gap, inspect
from tests.unit.series import START, bars, changed, chosen, same, subsets

BTC = Series("KRAKEN", "BTC/USDT", "1h")
HOURS = bars(60)
NOW = 1_700_000_000_000


def a_store(folder: Path, *parts: Columns) -> CandleStore:
    store = CandleStore(folder)
    for number, part in enumerate(parts):
        store.merge(BTC, part, f"{number}.csv", NOW + number)
    return store


def content(store: CandleStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.path(BTC).parent.iterdir()}


def test_what_is_imported_is_what_is_opened_and_the_manifest_says_so(tmp_path: Path) -> None:
    part = chosen(HOURS, [0, 1, 4, 5])
    store = a_store(tmp_path, part)
    data = part.times.tobytes() + part.values.tobytes()
    manifest = Manifest(
        rows=4,
        first=START,
        last=START + 5 * HOUR,
        gaps=(Gap(START + 2 * HOUR, 2),),
        sha256=hashlib.sha256(data).hexdigest(),
        sources=("0.csv",),
        imported_at=NOW,
    )
    assert same(store.open(BTC), part)
    assert store.manifest(BTC) == store.verify(BTC) == manifest
    beside = json.loads((tmp_path / "KRAKEN" / "BTC_USDT" / "1h.json").read_text())
    assert beside["gaps"] == [[START + 2 * HOUR, 2]]
    assert (beside["rows"], beside["sha256"]) == (4, manifest.sha256)
    assert store.series() == [BTC]


@given(st.lists(subsets, min_size=1, max_size=4), st.randoms())
def test_the_order_of_imports_does_not_matter_and_importing_twice_is_importing_once(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], shuffle: object
) -> None:
    pieces = [chosen(HOURS, rows) for rows in parts]
    assume(all(inspect(piece, HOUR).clean for piece in pieces))
    forward = a_store(tmp_path_factory.mktemp("forward"), *pieces)
    backward = a_store(tmp_path_factory.mktemp("backward"), *reversed(pieces))
    union = chosen(HOURS, sorted({row for rows in parts for row in rows}))
    assert same(forward.open(BTC), union)
    assert same(backward.open(BTC), union)
    assert forward.verify(BTC).sha256 == backward.verify(BTC).sha256
    assert forward.manifest(BTC).gaps == tuple(inspect(union, HOUR).listed_gaps())
    before = content(forward)
    for piece in pieces:
        assert forward.merge(BTC, piece, "again.csv", NOW + 9) == Merged(0, 0, len(piece.times))
    assert content(forward) == before


def test_a_later_import_fills_gaps_and_is_counted(tmp_path: Path) -> None:
    store = a_store(tmp_path, chosen(HOURS, [*range(10), *range(20, 30)]))
    assert store.merge(BTC, chosen(HOURS, range(5, 25)), "more.csv", NOW) == Merged(10, 0, 10)
    assert same(store.open(BTC), chosen(HOURS, range(30)))
    assert store.verify(BTC).gaps == ()
    assert store.manifest(BTC).sources == ("0.csv", "more.csv")


def test_bars_that_differ_are_refused_with_their_times_and_nothing_is_written(tmp_path: Path) -> None:
    store = a_store(tmp_path, chosen(HOURS, range(30)))
    before = content(store)
    other = changed(changed(HOURS, "volume", 7, 99.0), "volume", 21, 98.0)
    with pytest.raises(CandleConflictError, match="2020-01-01T07:00:00Z, 2020-01-01T21:00:00Z; nothing was") as refused:
        store.merge(BTC, other, "other.csv", NOW)
    assert refused.value.times == [START + 7 * HOUR, START + 21 * HOUR]
    assert content(store) == before
    assert store.merge(BTC, other, "other.csv", NOW, replace=True) == Merged(30, 2, 28)
    assert same(store.open(BTC), other)
    store.verify(BTC)


def test_wrong_bars_never_enter(tmp_path: Path) -> None:
    store = CandleStore(tmp_path)
    wrong = (
        chosen(HOURS, [1, 0]),
        chosen(HOURS, [0, 0]),
        changed(HOURS, "low", 1, float("nan")),
        changed(HOURS, "low", 1, 900.0),
        Columns(HOURS.times + 1, HOURS.values),
        bars(9, step=4 * HOUR),
        chosen(HOURS, []),
    )
    for columns in wrong:
        with pytest.raises(DataFileError, match=r"^mine.csv: (row|it holds no candle)"):
            store.merge(BTC, columns, "mine.csv", NOW)
    assert list(tmp_path.iterdir()) == []


def test_opening_copies_nothing_and_gives_read_only_views_over_the_map(tmp_path: Path) -> None:
    many = bars(200_000)
    store = a_store(tmp_path, many)
    before = pa.total_allocated_bytes()
    opened = store.open(BTC)
    assert pa.total_allocated_bytes() == before
    for view in opened:
        assert not view.flags.owndata
        assert not view.flags.writeable
    assert same(opened, many)


def test_a_view_stays_as_it_was_when_a_later_import_replaces_the_file(tmp_path: Path) -> None:
    store = a_store(tmp_path, chosen(HOURS, range(30)))
    opened = store.open(BTC)
    store.merge(BTC, changed(HOURS, "volume", 3, 77.0), "b", NOW, replace=True)
    assert same(opened, chosen(HOURS, range(30)))


@pytest.mark.parametrize("moment", range(4))
def test_a_crash_while_writing_leaves_the_old_bars_or_the_new_ones_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The disk says no at each of the syncs: of the data, its folder, the manifest's copy, its folder."""
    store = a_store(tmp_path, chosen(HOURS, range(30)))
    calls = iter(range(9))

    def sync(path: Path) -> None:
        if next(calls) == moment:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(candles, "sync", sync)
        with pytest.raises(DataFileError, match="cannot be written: No space left on device"):
            store.merge(BTC, HOURS, "b.csv", NOW)
    assert same(store.open(BTC), HOURS if moment else chosen(HOURS, range(30)))
    assert {path.name for path in store.path(BTC).parent.iterdir()} == {"1h.arrow", "1h.json"}
    store.merge(BTC, HOURS, "b.csv", NOW)
    assert same(store.open(BTC), HOURS)
    assert store.verify(BTC).rows == 60


def test_a_copy_of_the_manifest_that_is_gone_or_wrong_is_named_and_healed_by_the_next_import(
    tmp_path: Path,
) -> None:
    store = a_store(tmp_path, HOURS)
    copy = store.path(BTC).with_suffix(".json")
    for spoil in (copy.unlink, lambda: copy.write_text("{}")):
        spoil()
        assert store.manifest(BTC).rows == 60
        with pytest.raises(DataFileError, match=r"1h\.json: missing or different"):
            store.verify(BTC)
        store.merge(BTC, chosen(HOURS, [3]), "b.csv", NOW)
        store.verify(BTC)


@given(st.data())
def test_a_byte_that_changes_is_refused_or_found_or_touches_no_bar(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = a_store(tmp_path_factory.mktemp("rotten"), HOURS)
    path = store.path(BTC)
    rotten = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(rotten) - 1))
    rotten[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(rotten)
    try:
        store.verify(BTC)
    except DataFileError:
        return
    assert same(store.open(BTC), HOURS)


def test_a_damaged_column_name_is_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path, HOURS)
    path = store.path(BTC)
    path.write_bytes(path.read_bytes().replace(b"close", b"clo\xffe"))
    with pytest.raises(DataFileError, match="not a candle file of this store"):
        store.open(BTC)


@given(st.floats(0, 0.999))
def test_a_store_file_that_was_cut_short_is_refused(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    store = a_store(tmp_path_factory.mktemp("short"), HOURS)
    path = store.path(BTC)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    for ask in (store.open, store.manifest, store.verify):
        with pytest.raises(DataFileError, match="not a candle file of this store"):
            ask(BTC)
    with pytest.raises(DataFileError):
        store.merge(BTC, HOURS, "b.csv", NOW)


def test_a_foreign_arrow_file_in_the_stores_place_is_refused(tmp_path: Path) -> None:
    store = CandleStore(tmp_path)
    path = store.path(BTC)
    path.parent.mkdir(parents=True)
    table = pa.table({"timestamp": HOURS.times})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataFileError, match="not written by this store"):
        store.open(BTC)


def test_a_series_that_is_not_there_is_refused_and_others_are_not_listed(tmp_path: Path) -> None:
    store = a_store(tmp_path / "store", HOURS)
    (tmp_path / "store" / "notes" / "of" / "mine.arrow").parent.mkdir(parents=True)
    (tmp_path / "store" / "notes" / "of" / "mine.arrow").touch()
    assert store.series() == [BTC]
    assert CandleStore(tmp_path / "nowhere").series() == []
    with pytest.raises(DataFileError, match="no such file"):
        store.open(Series("KRAKEN", "ETH/USDT", "1h"))


def test_a_store_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFileError, match=r"1h.arrow: cannot be written: (Not a directory|File exists)"):
        a_store(tmp_path / "file", HOURS)


def _import_one(folder: Path, number: int) -> None:
    CandleStore(folder).merge(BTC, chosen(HOURS, range(number * 10, number * 10 + 10)), f"{number}.csv", NOW)


def test_imports_from_several_processes_at_once_lose_no_bar(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_import_one, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert same(CandleStore(tmp_path).open(BTC), chosen(HOURS, range(40)))


def test_the_bytes_of_a_day_and_of_a_month_open_alike(tmp_path: Path) -> None:
    """Also series whose length is no multiple of what Arrow pads to."""
    for count in (1, 2, 7, 8, 9, 63, 64, 65):
        store = CandleStore(tmp_path / str(count))
        store.merge(BTC, bars(count), "a.csv", NOW)
        assert same(store.open(BTC), bars(count))
        assert np.isfinite(store.open(BTC).values).all()
        assert os.path.getsize(store.path(BTC)) < 6000 + 48 * (count + 8)

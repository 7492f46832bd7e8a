"""The spill keeps facts while the database is away."""

from pathlib import Path

import pytest

from cryptopilot.adapters.storage.spill import FileSpill
from cryptopilot.domain.errors import DataFileError
from cryptopilot.domain.events import Marked, OrderCancelled
from cryptopilot.ports.journal import Batch, Booked


def a_batch(instant: int) -> Batch:
    events = [Booked("w", Marked(instant, 5, 4, 3, 6)), Booked("w", OrderCancelled(instant, "o", "BTC/USDT", "late"))]
    return Batch(instant, instant, events, opened=instant % 2 == 0)


def test_batches_come_back_in_order_for_the_next_process(tmp_path: Path) -> None:
    spill = FileSpill(tmp_path / "spill.jsonl")
    for instant in (1, 2, 3):
        spill.append(a_batch(instant))
    again = FileSpill(tmp_path / "spill.jsonl")
    assert again.batches() == [a_batch(1), a_batch(2), a_batch(3)]
    again.clear()
    assert FileSpill(tmp_path / "spill.jsonl").batches() == []


def test_an_empty_batch_leaves_no_file(tmp_path: Path) -> None:
    FileSpill(tmp_path / "spill.jsonl").append(Batch(1))
    assert not (tmp_path / "spill.jsonl").exists()


def test_a_torn_last_line_was_never_accepted_and_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "spill.jsonl"
    FileSpill(path).append(a_batch(1))
    FileSpill(path).append(a_batch(2))
    path.write_bytes(path.read_bytes()[:-20])
    assert FileSpill(path).batches() == [a_batch(1)]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spill.jsonl"
    FileSpill(path).append(a_batch(1))
    path.write_bytes(b'{"instant": 1}\n' + path.read_bytes())
    with pytest.raises(DataFileError, match="line 1 is damaged"):
        FileSpill(path)

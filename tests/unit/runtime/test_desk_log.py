"""The logger says what moved the books, as fields, and nothing else."""

import json
from pathlib import Path

from cryptopilot.domain.events import EntriesHalted, InstantDecided, Marked, OrderCancelled, OrderFilled, OrderIntended
from cryptopilot.domain.order import Order
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.desk_log import configure_logging, log_batch


def test_every_movement_of_the_books_is_a_line_of_fields_and_marks_are_not(tmp_path: Path) -> None:
    configure_logging("json", file=tmp_path / "log")
    order = Order("o1", "w", "BTC/USDT", 1, 5, 100, 90, 110, 0, 0, 1, 0, 0.9)
    batch = Batch(0)
    for event in (
        OrderIntended(0, order, 500),
        OrderFilled(0, "o1", "BTC/USDT", "o1", 1, 5, 99, 1, 1000, 0, True, 9_000, None, 0),
        OrderCancelled(0, "o2", "ETH/USDT", "no price before it expired"),
        EntriesHalted(0, "ann", "a look"),
        InstantDecided(0, 0, 0, {}, {}, {}, 0, "", "", "RuntimeError: broken"),
        Marked(0, 1, 1, 1, 1),
    ):
        batch.book("w", event)
    log_batch(batch)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("order_intended", "info"),
        ("order_filled", "info"),
        ("order_cancelled", "info"),
        ("entries_halted", "warning"),
        ("decided_nothing", "error"),
    ]
    assert {line["logger"] for line in lines} == {"trading_pipeline"}
    assert lines[1]["ticks"] == 99
    assert lines[0]["at"] == "1970-01-01T00:00:00Z"

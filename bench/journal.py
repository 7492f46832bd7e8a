"""Journaling: what a book event costs against the bare driver, and how many signals an hour are sustained.

The events are real: those of a sandbox session with loose limits, in their order (marks, decisions, intents, sends,
fills, cancellations). Ours is `SqlJournal.commit`, whole: encode, hash, append to the chain, and write the current
state (accounts, equity, orders, fills, trades, positions) in the same transaction.

- The driver: sqlite3 alone, same settings (WAL, synchronous FULL), writing the very same journal rows, made beforehand,
  into a table of the same columns and unique index with one executemany a transaction. It neither encodes nor hashes
  nor keeps any current state, so it is a floor that no journal with books can touch.
- The same rows: sqlite3 alone writing all the rows that we write, state tables included, with the statements that we
  send, prepared beforehand. What is left over is our own work: encoding, hashing, SQLAlchemy.

Ours and theirs take turns, transaction by transaction, in wall time, because each waits for the disk.

Predictions and judged signals, which are nearly all that an instant journals, are written as segments: encoded, hashed
and kept in one blob each; the driver writes a row for each, encoded beforehand.

Signals are journaled with every feature, prediction and verdict: instants of 100 symbols back to back for ten
seconds, checkpoints and beats included, in one thread.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import event as sql_event
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from bench.measure import Figure, percentile, report, scratch
from bench.session import open_journal, settings_in, started
from bench.synthetic import FIRST_DECISION, SyntheticMarket, SyntheticNews
from cryptopilot.adapters.storage import schema
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.domain.events import Deposited
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.engine.recovery import Recovered
from cryptopilot.ports.journal import Batch, Booked
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.wiring import Assembly, runner_for
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import DEFAULT_SYMBOLS, SandboxMarket

EVENTS = 9_000
SINGLES = 1_500
SUSTAINED_S = 10.0
SYMBOLS = 100

TABLE = str(CreateTable(schema.journal).compile(dialect=sqlite.dialect()))
APPEND = "INSERT INTO journal (session_id, wallet_id, seq, at, kind, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"

Statement = tuple[str, Any, bool]


class Turn(NamedTuple):
    """Microseconds per event of one transaction: ours, the driver's, and the driver's with the same rows."""

    ours: float
    driver: float
    same_rows: float


def sandbox() -> SandboxMarket:
    return SandboxMarket(7, DEFAULT_SYMBOLS, 5 * MINUTE, FIRST_DECISION)


def real_events(home: Path) -> list[Booked]:
    """The first EVENTS book events of a lively sandbox session, its deposit first."""
    settings = settings_in(
        home, PIPELINE_MAX_CORRELATION=1.0, PIPELINE_MIN_CONFIDENCE=0.2, PIPELINE_MAX_CONCURRENT_TRADES=10,
        PIPELINE_STOP_LOSS=0.005, PIPELINE_TAKE_PROFIT=0.01, PIPELINE_MAX_DRAWDOWN=0.9, PIPELINE_MAX_DAILY_LOSS=0.5,
    )  # fmt: skip
    candles = sandbox()
    assembly, recovered = started(Market(candles, (SandboxNews(candles, 7),)), settings)
    found = [Booked("default", e) for e in assembly.journal.events("default")]
    assembly.pipeline.observers.append(lambda batch: found.extend(batch.events))
    instant = recovered.instant
    while len(found) < EVENTS:
        instant += candles.timeframe_ms
        assembly.pipeline.decide(instant)
    return found[:EVENTS]


class Recorder:
    """The statements that a journal sends for one transaction, as the driver gets them."""

    def __init__(self, journal: SqlJournal) -> None:
        self._statements: list[Statement] = []
        sql_event.listen(journal._engine, "before_cursor_execute", self._take)

    def _take(self, _c: object, _cursor: object, text: str, values: Any, _context: object, many: bool) -> None:
        self._statements.append((text, values, many))

    def taken(self) -> list[Statement]:
        found, self._statements = self._statements, []
        return [s for s in found if s[0] != "BEGIN"]


def transactions(home: Path, batches: Sequence[Batch]) -> tuple[list[list[Statement]], list[list[tuple[Any, ...]]]]:
    """What the journal sends for each batch, and the journal rows among it."""
    journal = open_journal(sandbox(), settings_in(home))
    recorder = Recorder(journal)
    sent = []
    for batch in batches:
        journal.commit(batch)
        sent.append(recorder.taken())
    return sent, [_journal_rows(statements) for statements in sent]


def _journal_rows(statements: Sequence[Statement]) -> list[tuple[Any, ...]]:
    _, values, many = next(s for s in statements if s[0].startswith("INSERT INTO journal"))
    return list(values) if many else [values]


def driver(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def turns(home: Path, batches: Sequence[Batch]) -> Iterator[Turn]:
    """Every batch by ours, by the driver, and by the driver with the same rows."""
    (home / "recorded").mkdir()
    (home / "ours").mkdir()
    (home / "same").mkdir()
    sent, rows = transactions(home / "recorded", batches)
    journal = open_journal(sandbox(), settings_in(home / "ours"))
    open_journal(sandbox(), settings_in(home / "same"))
    raw, same = driver(home / "raw.db"), driver(home / "same" / "cryptopilot.db")
    raw.execute(TABLE)
    for batch, statements, appended in zip(batches, sent, rows, strict=True):
        count = len(batch.events)
        began = time.perf_counter()
        journal.commit(batch)
        ours = time.perf_counter()
        raw.execute("BEGIN")
        raw.executemany(APPEND, appended)
        raw.execute("COMMIT")
        bare = time.perf_counter()
        same.execute("BEGIN")
        for text, values, many in statements:
            (same.executemany if many else same.execute)(text, values)
        same.execute("COMMIT")
        yield Turn(*(x / count * 1e6 for x in (ours - began, bare - ours, time.perf_counter() - bare)))


def batched(events: Sequence[Booked], size: int) -> list[Batch]:
    """The events in transactions of *size*; the deposit, which opens the books, in one of its own."""
    parts = [events[:1], *(events[n : n + size] for n in range(1, len(events), size))]
    return [Batch(part[0].event.at, number, list(part)) for number, part in enumerate(parts, start=1)]


def compared(home: Path, events: Sequence[Booked], size: int, bound: float) -> list[Figure]:
    home.mkdir()
    found = list(turns(home, batched(events, size)))[20:]
    ours, bare, same = (median(x) for x in zip(*found, strict=True))
    how = f"{size} a transaction" if size > 1 else "singly"
    return [
        Figure(
            f"a book event, {how}", "us", ours, f"<= {bound}x the driver", ours / bare <= bound,
            p99=percentile([t.ours for t in found], 0.99), peer="sqlite3, journal rows alone", peer_median=bare,
            ratio=ours / bare,
        ),
        Figure("... against the same rows", "us", ours, "", None, peer="sqlite3, all rows", peer_median=same,
               ratio=ours / same),
    ]  # fmt: skip


def whole(home: Path, symbols: int) -> list[Figure]:
    """What an instant of *symbols* really journals, against the driver writing a row for each entry of it.

    An instant's transaction holds a prediction and a judged signal for each symbol and a few book events. Commit them
    whole, or the predictions and signals alone.
    """
    settings = settings_in(home, PIPELINE_SPEED="max")
    candles = SyntheticMarket(symbols, 400)
    assembly, recovered = started(Market(candles, (SyntheticNews(candles),)), settings)
    kept: list[Batch] = []
    assembly.pipeline.observers.append(kept.append)
    runner, _, _ = runner_for(assembly, recovered, settings)
    runner.run()
    again = settings_in(home / "again", PIPELINE_SPEED="max")
    (home / "again").mkdir()
    (home / "segments").mkdir()
    journal, bare = open_journal(candles, again), driver(home / "driver.db")
    segments = open_journal(candles, settings_in(home / "segments"))
    deposit = next(e for e in assembly.journal.events("default") if isinstance(e, Deposited))
    journal.commit(Batch(deposit.at, 1, [Booked("default", deposit)], opened=True))
    bare.execute(TABLE)
    pack = msgspec.msgpack.Encoder().encode
    found: list[tuple[float, float, float]] = []
    for number, batch in enumerate(kept, start=2):
        decided = [*batch.predictions, *(j for judged in batch.judged.values() for j in judged)]
        entries = [*decided, *(e for _, e in batch.events)]
        rows = [
            ("s", "w", number * 1000 + n, batch.instant, "entry", pack(e), b"0" * 32) for n, e in enumerate(entries)
        ]
        alone = Batch(batch.instant, number, predictions=batch.predictions, judged=batch.judged)
        full = replace(batch, number=number, checkpoint=None, news=())
        began = time.perf_counter()
        journal.commit(full)
        ours = time.perf_counter()
        bare.execute("BEGIN")
        bare.executemany(APPEND, rows)
        bare.execute("COMMIT")
        theirs = time.perf_counter()
        segments.commit(alone)
        ended = time.perf_counter()
        if decided:
            count = len(entries)
            found.append(
                ((ours - began) / count * 1e6, (theirs - ours) / count * 1e6, (ended - theirs) / len(decided) * 1e6)
            )
    bare.close()
    mine, peer, blobs = (median(x) for x in zip(*found[20:], strict=True))
    return [
        Figure(
            f"an instant of {symbols} symbols, whole, an entry", "us", mine, "<= 1.5x the driver", mine / peer <= 1.5,
            p99=percentile([f[0] for f in found[20:]], 0.99), peer="sqlite3, a row each", peer_median=peer,
            ratio=mine / peer,
        ),
        Figure("... its predictions and signals alone", "us", blobs, "", None, peer="sqlite3, a row each",
               peer_median=peer, ratio=blobs / peer),
    ]  # fmt: skip


def sustained(home: Path) -> Figure:
    """Signals an hour, from ten seconds of instants back to back."""
    settings = settings_in(home, PIPELINE_SPEED="max")
    candles = SyntheticMarket(SYMBOLS, 6_000)
    assembly, recovered = started(Market(candles, (SyntheticNews(candles),)), settings)
    signals, took = _run(assembly, recovered, settings)
    hourly = signals / took * 3600
    return Figure("journaled signals an hour, sustained", "1/h", hourly, ">= 1,000,000", hourly >= 1e6)


def _run(assembly: Assembly, recovered: Recovered, settings: Settings) -> tuple[int, float]:
    runner, schedule, _ = runner_for(assembly, recovered, settings)
    signals = 0

    def count(batch: Batch) -> None:
        nonlocal signals
        signals += sum(len(judged) for judged in batch.judged.values())
        if time.perf_counter() - began > SUSTAINED_S:
            runner.until(schedule.next_instant - schedule.timeframe_ms)

    assembly.pipeline.observers.append(count)
    began = time.perf_counter()
    runner.run()
    return signals, time.perf_counter() - began


def main() -> None:
    with scratch() as home:
        for name in ("events", "whole", "sustained"):
            (home / name).mkdir()
        events = real_events(home / "events")
        figures = [
            *compared(home / "hundred", events, 100, 1.5),
            *compared(home / "single", events[:SINGLES], 1, 4.0),
            *whole(home / "whole", 50),
            sustained(home / "sustained"),
        ]
    kinds = [type(e).__name__ for _, e in events]
    report("journal", figures)
    print("  the events: " + ", ".join(f"{kinds.count(k)} {k}" for k in sorted(set(kinds))))


if __name__ == "__main__":
    main()

"""Recorded headlines and the fear-and-greed index, seen when they would have been seen."""

import csv
import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cryptopilot.domain.errors import DataFileError
from cryptopilot.domain.news import MARKET_WIDE, Headline
from cryptopilot.domain.timeframe import DAY, MINUTE

DECLARED_LAG = 15 * MINUTE
"""Recordings without a first-seen time: how long after publication we take an item to be seen."""


class RecordedNews:
    """A `NewsSource` over ``news/*.parquet`` and ``market/fear-greed*.csv`` of a folder.

    An item published at exactly midnight has a date only and counts from the next midnight. The index of a day is
    published about its first midnight, and counts from the declared lag after it.
    """

    name = "recorded-news"

    def __init__(self, folder: Path, start: int, until: int) -> None:
        items = {h.id: h for h in _all(folder) if start <= h.first_seen_at <= until}
        self._items = sorted(items.values(), key=lambda h: (h.first_seen_at, h.id))
        self._times = [h.first_seen_at for h in self._items]

    def __len__(self) -> int:
        return len(self._items)

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        return self._items[bisect_right(self._times, after) : bisect_right(self._times, until)]


def first_seen(published_at: int) -> int:
    """When an item of a recording without that knowledge counts as seen."""
    return published_at + DAY if published_at % DAY == 0 else published_at + DECLARED_LAG


def _all(folder: Path) -> Iterator[Headline]:
    for path in sorted((folder / "news").glob("*.parquet")):
        yield from _articles(path)
    for path in sorted((folder / "market").glob("fear-greed*.csv")):
        yield from _index(path)


def _articles(path: Path) -> Iterator[Headline]:
    import pyarrow as pa  # noqa: PLC0415  # 40 MB that only files need.
    from pyarrow import parquet  # noqa: PLC0415

    try:
        table = parquet.read_table(path)
        names = set(table.column_names)
        if "published_at" not in names or not names & {"title", "summary"}:
            raise DataFileError(path, f"columns {sorted(names)}; allowed: published_at with title or summary")
        columns = {n: table[n].to_pylist() for n in ("published_at", "title", "summary", "source") if n in names}
    except (pa.ArrowException, OSError) as error:
        raise DataFileError(path, f"not a news file: {error}") from error
    for row, time in enumerate(columns["published_at"]):
        if not isinstance(time, int):
            raise DataFileError(path, f"row {row}: published_at is {time!r}; allowed: whole ms UTC")
    blank: Iterable[str] = [""] * table.num_rows
    rows = zip(
        columns["published_at"], columns.get("title", blank), columns.get("summary", blank),
        columns.get("source", blank), strict=True,
    )  # fmt: skip
    for published, title, summary, source in rows:
        text = title or summary or ""
        digest = hashlib.sha256(f"{published}|{source}|{text}".encode()).hexdigest()[:16]
        yield Headline(digest, published, first_seen(published), source or path.stem, text)


def _index(path: Path) -> Iterator[Headline]:
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                at = int(row["timestamp"])
                at = at * 1000 if at < 10**11 else at
                text = f"Crypto fear and greed index at {int(row['value'])}: {row['classification']}"
                yield Headline(f"fear-greed-{at}", at, at + DECLARED_LAG, "fear-greed", text, "", (MARKET_WIDE,))
    except (KeyError, ValueError) as error:
        raise DataFileError(path, f"{error!r}; allowed: columns timestamp, value, classification") from error

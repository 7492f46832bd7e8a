"""The candle store: one memory-mapped Arrow file for each exchange, symbol and timeframe, and what it lacks.

``FOLDER/EXCHANGE/BASE_QUOTE/TIMEFRAME.arrow`` carries its completeness manifest within itself, so that both
change in one rename; ``TIMEFRAME.json`` beside it is a copy for people and other programs.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cryptopilot.adapters.storage.durable import sync
from cryptopilot.domain.errors import DataFileError
from cryptopilot.domain.series import CandleConflictError, Series, series_of
from cryptopilot.quant.quality import NAMES, Columns, Floats, Gap, Ints, inspect

COLUMNS = ("timestamp", *NAMES)
_KEY = b"cryptopilot.manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a series holds and what it lacks.

    Args:
        first, last: open times in ms UTC; gaps: first missing open time and missing bars, oldest first;
        sha256: of the six columns' little-endian bytes, one column after the other; sources: names of the
        files that bars came from, sorted; imported_at: wall time in ms UTC of the last import that changed
        something.
    """

    rows: int
    first: int
    last: int
    gaps: tuple[Gap, ...]
    sha256: str
    sources: tuple[str, ...]
    imported_at: int


class Merged(NamedTuple):
    """What an import did, in bars."""

    added: int
    replaced: int
    unchanged: int


class CandleStore:
    """Candle history under a folder, which is made by the first import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, series: Series) -> Path:
        return self.folder / series.exchange / series.symbol.replace("/", "_") / f"{series.timeframe}.arrow"

    def series(self) -> list[Series]:
        """What the store has, sorted."""
        return sorted(s for p in self.folder.glob("*/*/*.arrow") if (s := series_of(p)) and self.path(s) == p)

    def open(self, series: Series) -> Columns:
        """The bars, as read-only views over the file: opening costs the same for a day and for ten years.

        The views stay valid and unchanged when a later import replaces the file.

        Raises:
            DataFileError: there is none, or it is damaged; the bytes themselves are not read, see `verify`.
        """
        return _mapped(self.path(series))[0]

    def manifest(self, series: Series) -> Manifest:
        """What the series holds, as the data file itself says.

        Raises:
            DataFileError: as `open`.
        """
        return _parsed(self.path(series), _mapped(self.path(series))[1])

    def verify(self, series: Series) -> Manifest:
        """The manifest, once every byte, every gap and the copy beside the file have been found to agree.

        Raises:
            DataFileError: one does not.
        """
        path = self.path(series)
        columns, text = _mapped(path)
        manifest = _parsed(path, text)
        found = _manifest(series, columns, manifest.sources, manifest.imported_at)
        if found != manifest:
            fields = [k for k, v in asdict(found).items() if v != asdict(manifest)[k]]
            raise DataFileError(path, f"its bars differ from its manifest in {', '.join(fields)}: import it again")
        copy = path.with_suffix(".json")
        if not copy.is_file() or copy.read_bytes() != text:
            raise DataFileError(copy, f"missing or different from the manifest within {path.name}: import again")
        return manifest

    def merge(
        self, series: Series, columns: Columns, source: str, imported_at: int, *, replace: bool = False
    ) -> Merged:
        """Add bars to a series, whole or not at all. The same bars again change nothing.

        Args:
            source: the name of the file that they come from; imported_at: wall time in ms UTC; replace:
            whether a bar that differs from the stored one takes its place.
        Raises:
            DataFileError: the bars are wrong or none, what is stored is damaged, or nothing can be written.
            CandleConflictError: bars differ from those stored and *replace* is not set; names their times.
        """
        report = inspect(columns, series.step_ms)
        refusal = report.refusal() if report.rows else "it holds no candle"
        if refusal is not None:
            raise DataFileError(source, refusal)
        path = self.path(series)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(path.parent):
                return self._merge(series, columns, source, imported_at, replace)
        except OSError as error:
            raise DataFileError(path, f"cannot be written: {error.strerror or error}") from error

    def _merge(self, series: Series, new: Columns, source: str, imported_at: int, replace: bool) -> Merged:
        path = self.path(series)
        if not path.exists():
            _write(path, new, _manifest(series, new, (source,), imported_at))
            return Merged(len(new.times), 0, 0)
        old, text = _mapped(path)
        before = _parsed(path, text)
        places = np.searchsorted(old.times, new.times)
        known = old.times[np.minimum(places, len(old.times) - 1)] == new.times
        differs = np.zeros(len(known), np.bool_)
        differs[known] = (old.values[:, places[known]] != new.values[:, known]).any(axis=0)
        if differs.any() and not replace:
            raise CandleConflictError(series, new.times[differs].tolist())
        merged = Merged(int((~known).sum()), int(differs.sum()), int((known & ~differs).sum()))
        if merged.added or merged.replaced:
            whole = _united(old, new, places[known], known)
            sources = tuple(sorted({*before.sources, source}))
            _write(path, whole, _manifest(series, whole, sources, imported_at))
        else:
            _heal(path, text)
        return merged


def _united(old: Columns, new: Columns, places: Ints, known: Any) -> Columns:
    """Both series in the order of time; where both have a bar, the new one."""
    values = old.values.copy()
    values[:, places] = new.values[:, known]
    times = np.concatenate([old.times, new.times[~known]])
    order = np.argsort(times, kind="stable")
    return Columns(times[order], np.concatenate([values, new.values[:, ~known]], axis=1)[:, order])


def _manifest(series: Series, columns: Columns, sources: Sequence[str], imported_at: int) -> Manifest:
    digest = hashlib.sha256(columns.times.astype("<i8").tobytes())
    for column in columns.values:
        digest.update(column.astype("<f8").tobytes())
    return Manifest(
        rows=len(columns.times),
        first=int(columns.times[0]),
        last=int(columns.times[-1]),
        gaps=tuple(inspect(columns, series.step_ms).listed_gaps()),
        sha256=digest.hexdigest(),
        sources=tuple(sources),
        imported_at=imported_at,
    )


def _parsed(path: Path, text: bytes) -> Manifest:
    try:
        fields: dict[str, Any] = json.loads(text)
        gaps = tuple(Gap(*gap) for gap in fields.pop("gaps"))
        return Manifest(gaps=gaps, sources=tuple(fields.pop("sources")), **fields)
    except (ValueError, KeyError, TypeError) as error:
        raise DataFileError(path, f"its manifest is damaged: {error!r}") from error


def _mapped(path: Path) -> tuple[Columns, bytes]:
    """A store file's bars as views over its memory map, and its manifest's text."""
    import pyarrow as pa  # noqa: PLC0415  # 40 MB that only files need.

    if not path.is_file():
        raise DataFileError(path, "no such file")
    try:
        with pa.memory_map(str(path)) as source:
            file = pa.ipc.open_file(source)
            text = (file.schema.metadata or {}).get(_KEY)
            if text is None or file.schema.names != list(COLUMNS) or file.num_record_batches != 1:
                raise DataFileError(path, "not written by this store; allowed: bring it in by an import")
            batch = file.get_batch(0)
            source.seek(0)
            region = source.read_buffer(source.size())
        times, *columns = (column.to_numpy(zero_copy_only=True) for column in batch.columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = str(error).partition("\n")[0][:200]
        raise DataFileError(path, f"not a candle file of this store, or cut short: {why}") from error
    starts = [c.__array_interface__["data"][0] - region.address for c in columns]
    kinds = [c.dtype.str for c in (times, *columns)]
    distances = np.diff(starts)
    if not len(times) or kinds != ["<i8", *["<f8"] * 5] or len(set(distances.tolist())) != 1:
        raise DataFileError(path, "its columns do not lie as this store writes them")
    # The five columns lie in the map at one distance from each other, so that one view covers them.
    values: Floats = np.ndarray((5, len(times)), np.float64, region, starts[0], (int(distances[0]), 8))
    return Columns(times, values), bytes(text)


def _write(path: Path, columns: Columns, manifest: Manifest) -> None:
    """Replace a store file and the copy of its manifest."""
    import pyarrow as pa  # noqa: PLC0415

    text = json.dumps(asdict(manifest), indent=1).encode() + b"\n"
    fields = [pa.field(name, pa.float64() if n else pa.int64(), nullable=False) for n, name in enumerate(COLUMNS)]
    schema = pa.schema(fields, {_KEY: text})
    batch = pa.record_batch([pa.array(c) for c in (columns.times, *columns.values)], schema=schema)

    def write(draft: Path) -> None:
        with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
            file.write_batch(batch)

    _replace(path, write)
    _replace(path.with_suffix(".json"), lambda draft: _fill(draft, text))


def _heal(path: Path, text: bytes) -> None:
    """Write the manifest's copy anew where a crash or a hand has parted it from the data."""
    copy = path.with_suffix(".json")
    if not copy.is_file() or copy.read_bytes() != text:
        _replace(copy, lambda draft: _fill(draft, text))


def _fill(draft: Path, text: bytes) -> None:
    draft.write_bytes(text)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Put a new file in a file's place; after a crash at any moment either of the two is there, whole."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        write(draft)
        sync(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder against a second import; the system lets go when the process ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

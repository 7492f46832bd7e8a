"""A recorded session run again from its market: the same records, or the first that differs."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions, mandate_of
from cryptopilot.domain.events import BookEvent, EntriesHalted, EntriesResumed, OrderSent
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.wiring import WALLET, assemble_stored, one_quote, runner_for


class Reproduction(NamedTuple):
    """How a second run compares: records compared, and the first pair that differs, if any."""

    records: int
    difference: tuple[BookEvent | None, BookEvent | None] | None


def reproduce(
    engine: Engine, session: MarketSession, settings: Settings, progress: Callable[[float], None] = lambda _: None
) -> Reproduction:
    """Run *session* again into a database that is thrown away, and compare record by record.

    It runs under the wallet's kept mandate, started from the first instant on. What happened by hand (halts) and when
    an order was handed over are not decisions and are left out.

    Args:
        progress: told the share that is done, from 0 to 1, after each instant.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = settings.model_copy(update={"home": Path(folder), "database_url": None, "speed": "max"})
        second = open_database(draft.url())
        copy = Sessions(second).open(session.market, session.label, session.spec, "", 0, session.created_at)
        assembly = assemble_stored(second, copy, draft, mandate_of(engine, WALLET))
        recovered = assembly.recover()
        assembly.pipeline.started = True
        runner, _, _ = runner_for(assembly, recovered, draft)
        last = session.last_instant or recovered.instant
        runner.until(last)
        span = max(last - recovered.instant, 1)
        assembly.pipeline.observers.append(lambda batch: progress((batch.instant - recovered.instant) / span))
        runner.run()
        quote = one_quote(assembly.instruments)
        scales = {s: i.scale for s, i in assembly.instruments.items()}
        first = SqlJournal(engine, session.id, quote, scales)
        pairs = itertools.zip_longest(_decisions(first), _decisions(SqlJournal(second, copy.id, quote, scales)))
        count = 0
        for ours, again in pairs:
            if ours != again:
                return Reproduction(count, (ours, again))
            count += 1
        second.dispose()
    return Reproduction(count, None)


def _decisions(journal: SqlJournal) -> "itertools.filterfalse[BookEvent]":
    left_out = (OrderSent, EntriesHalted, EntriesResumed)
    return itertools.filterfalse(lambda e: isinstance(e, left_out), journal.events(WALLET))

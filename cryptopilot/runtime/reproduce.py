"""A recorded session run again from its market: the same records, or the first that differs."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.events import BookEvent, Deposited, EntriesHalted, EntriesResumed, MandateSet, OrderSent
from cryptopilot.domain.instrument import money
from cryptopilot.ports.journal import Booked, Journal
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.wiring import WALLET, Assembly, assemble_stored, one_quote, runner_for


class Reproduction(NamedTuple):
    """How a second run compares: records compared, and the first pair that differs, if any."""

    records: int
    difference: tuple[BookEvent | None, BookEvent | None] | None


def reproduce(
    engine: Engine, session: MarketSession, settings: Settings, progress: Callable[[float], None] = lambda _: None
) -> Reproduction:
    """Run *session* again into a database that is thrown away, and compare record by record.

    It runs with the capital and under the mandates that the journal names, from the instants on at which they were
    set, started from the first instant on. What happened by hand (halts) and when an order was handed over are not
    decisions and are left out.

    Args:
        progress: told the share that is done, from 0 to 1, after each instant.
    Raises:
        InvalidValueError: the session has not begun.
    """
    market = open_market(session.spec)
    instruments = market.candles.instruments
    quote, scales = one_quote(instruments), {s: i.scale for s, i in instruments.items()}
    first = SqlJournal(engine, session.id, quote, scales)
    asked = [e for e in first.events(WALLET) if isinstance(e, Deposited | MandateSet)]
    deposit = next((e for e in asked if isinstance(e, Deposited)), None)
    mandates = [e for e in asked if isinstance(e, MandateSet)]
    if deposit is None or not mandates or session.last_instant is None:
        raise InvalidValueError("session", session.id, "one that has begun")
    with tempfile.TemporaryDirectory() as folder:
        draft = settings.model_copy(
            update={
                "home": Path(folder), "database_url": None, "speed": "max", "capital": money(deposit.atoms, quote),
            }
        )  # fmt: skip
        second = open_database(draft.url())
        copy = Sessions(second).open(session.market, session.label, session.spec, quote, 1, session.created_at)
        assembly = assemble_stored(second, copy, market, draft, mandate=mandates[0].mandate)
        _run(assembly, draft, mandates[1:], session.last_instant, progress)
        answer = _compared(_decisions(first), _decisions(assembly.journal))
        second.dispose()
    return answer


def _run(
    assembly: Assembly, draft: Settings, changes: list[MandateSet], last: int, progress: Callable[[float], None]
) -> None:
    recovered = assembly.recover()
    pipeline = assembly.pipeline
    pipeline.started = True
    span = max(last - recovered.instant, 1)
    pipeline.observers.append(lambda batch: progress((batch.instant - recovered.instant) / span))
    runner, _, _ = runner_for(assembly, recovered, draft)
    for change in changes:
        runner.until(change.at)
        runner.run()
        assembly.use(change.mandate)
        pipeline.act([Booked(WALLET, change)])
    runner.until(last)
    runner.run()


def _compared(ours: Iterator[BookEvent], again: Iterator[BookEvent]) -> Reproduction:
    count = 0
    for one, other in itertools.zip_longest(ours, again):
        if one != other:
            return Reproduction(count, (one, other))
        count += 1
    return Reproduction(count, None)


def _decisions(journal: Journal) -> Iterator[BookEvent]:
    left_out = (OrderSent, EntriesHalted, EntriesResumed)
    return (e for e in journal.events(WALLET) if not isinstance(e, left_out))

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
from cryptopilot.domain.events import (
    BookEvent,
    Deposited,
    EntriesHalted,
    EntriesResumed,
    MandateSet,
    OrderIntended,
    OrderSent,
    StageForced,
    StagesStarted,
    StagesStopped,
)
from cryptopilot.domain.instrument import money
from cryptopilot.domain.stage import Stage
from cryptopilot.ports.journal import Booked, Journal
from cryptopilot.rules.protection import FORCED
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.wiring import WALLET, Assembly, assemble_stored, one_quote, rows_of, runner_for, strategy_of


class Reproduction(NamedTuple):
    """How a second run compares: records compared, and the first pair that differs, if any."""

    records: int
    difference: tuple[BookEvent | None, BookEvent | None] | None


def reproduce(
    engine: Engine, session: MarketSession, settings: Settings, progress: Callable[[float], None] = lambda _: None
) -> Reproduction:
    """Run *session* again into a database that is thrown away, and compare record by record.

    It runs with the capital and under the mandates that the journal names, and does again, at the same instants, what
    people did: starts and stops, forced stages, halts, exits by hand. When an order was handed over is left out.

    Args:
        progress: told the share that is done, from 0 to 1, after each instant.
    Raises:
        InvalidValueError: the session has not begun.
        NotFoundError, StrategyError: a strategy that it followed is not here any more, or cannot be made.
    """
    market = open_market(session.spec)
    instruments = market.candles.instruments
    quote, scales = one_quote(instruments), {s: i.scale for s, i in instruments.items()}
    first = SqlJournal(engine, session.id, quote, scales)
    asked = _by_people(first)
    deposit = next((e for turn in asked for e in turn if isinstance(e, Deposited)), None)
    mandate = next((e.mandate for turn in asked for e in turn if isinstance(e, MandateSet)), None)
    if deposit is None or mandate is None or session.last_instant is None:
        raise InvalidValueError("session", session.id, "one that has begun")
    with tempfile.TemporaryDirectory() as folder:
        draft = settings.model_copy(
            update={
                "home": Path(folder), "database_url": None, "speed": "max", "capital": money(deposit.atoms, quote),
            }
        )  # fmt: skip
        second = open_database(draft.url())
        copy = Sessions(second).open(session.market, session.label, session.spec, quote, 1, session.created_at)
        followed = [e.mandate for turn in asked for e in turn if isinstance(e, MandateSet)]
        kept_rows = max(rows_of(strategy_of(one)) for one in followed)
        assembly = assemble_stored(second, copy, market, draft, mandate=mandate, kept_rows=kept_rows)
        _run(assembly, draft, asked[1:], session.last_instant, progress)
        answer = _compared(_decisions(first), _decisions(assembly.journal))
        second.dispose()
    return answer


def _run(
    assembly: Assembly, draft: Settings, turns: list[list[BookEvent]], last: int, progress: Callable[[float], None]
) -> None:
    recovered = assembly.recover()
    pipeline = assembly.pipeline
    pipeline.started = True  # As in sessions of before starts and stops were written down.
    span = max(last - recovered.instant, 1)
    pipeline.observers.append(lambda batch: progress((batch.instant - recovered.instant) / span))
    runner, _, _ = runner_for(assembly, recovered, draft)
    for turn in turns:
        runner.until(turn[0].at)
        runner.run()
        _again(assembly, turn)
    runner.until(last)
    runner.run()


def _again(assembly: Assembly, turn: list[BookEvent]) -> None:
    """Do what people did in one turn."""
    pipeline, trader = assembly.pipeline, assembly.trader
    match turn[0]:
        case MandateSet(mandate=mandate):
            assembly.use(mandate)
            pipeline.act([Booked(WALLET, turn[0])])
        case StagesStarted(who=who):
            pipeline.start(who)
        case StagesStopped(who=who):
            pipeline.stop(who)
        case StageForced(stage=stage, now=now, who=who):
            pipeline.run_stage(Stage(stage), now, who)
        case EntriesHalted(at, who, why):
            pipeline.act(trader.halt(at, who, why))
        case EntriesResumed(at, who, why):
            pipeline.act(trader.resume_entries(at, who, why))
        case _:
            exits = [e for e in turn if isinstance(e, OrderIntended)]
            pipeline.act(booked for e in exits for booked in trader.leave(e.order.symbol, e.at, e.order.reason))


def _by_people(journal: Journal) -> list[list[BookEvent]]:
    """What people did, turn by turn: the session's opening first; exits that were ordered together stay together."""
    turns: list[list[BookEvent]] = [[]]
    leaving = False
    for event in _decisions(journal):
        opens = isinstance(event, Deposited) or not any(isinstance(e, MandateSet) for e in turns[0])
        exits = isinstance(event, OrderIntended) and event.order.reason == FORCED
        if opens or (exits and leaving):
            turns[-1].append(event)
        elif exits or isinstance(event, _BY_PEOPLE):
            turns.append([event])
        leaving = exits
    return turns


def _compared(ours: Iterator[BookEvent], again: Iterator[BookEvent]) -> Reproduction:
    count = 0
    for one, other in itertools.zip_longest(ours, again):
        if one != other:
            return Reproduction(count, (one, other))
        count += 1
    return Reproduction(count, None)


def _decisions(journal: Journal) -> Iterator[BookEvent]:
    return (e for e in journal.events(WALLET) if not isinstance(e, OrderSent))


_BY_PEOPLE = (MandateSet, StagesStarted, StagesStopped, StageForced, EntriesHalted, EntriesResumed)

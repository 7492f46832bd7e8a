"""One market through both drivers: what live wrote and what the compiled driver wrote, as the same kind of records.

A record is (instant, symbol, kind, code in words, lots, ticks, fee, cash, limit bits, found bits); HOLDs stand before
the other signals of their instant, by symbol, because live sorts them last and the driver first.
"""

import itertools
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, available
from cryptopilot.adapters.news.recorded import RecordedNews
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.domain.account import Account
from cryptopilot.domain.events import (
    Deposited,
    Marked,
    OrderCancelled,
    OrderFilled,
    OrderIntended,
    ProtectionMoved,
)
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.risk import MAX_CORRELATION
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.stage import Stage
from cryptopilot.domain.timeframe import HOUR, parse_time
from cryptopilot.ports.journal import Batch
from cryptopilot.research.backtest import Run, Setting, backtest
from cryptopilot.research.history import History, history_of
from cryptopilot.research.layout import (
    CANCELLED,
    CORRELATION,
    FILLED,
    HELD,
    INTENDED,
    MOVED,
    REFUSED,
    WHY_CANCELLED,
)
from cryptopilot.research.predictions import predict
from cryptopilot.research.wishing import Confirming, columns_of, wishes_of
from cryptopilot.rules.review import REVIEW
from cryptopilot.rules.signal_types import SIGNAL_TYPES
from cryptopilot.rules.signals import HOLD
from cryptopilot.rules.wishes import CALLBACK_REFUSED, OUTCOMES
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.wiring import MODELS, assemble, fading, scorer_for, strategy_of
from cryptopilot.simulation.costs import PAPER
from tests.conftest import KERNELS
from tests.fakes.generated import INSTANTS, Generated
from tests.fakes.house import a_house
from tests.fakes.market import START, ScriptedNews
from tests.fakes.memory import MemoryJournal, MemorySpill

Record = tuple[Any, ...]
NOTHING = b""


def bits(x: float) -> bytes:
    return struct.pack("<d", x)


def live_records(batches: Iterable[Batch]) -> tuple[list[Record], list[tuple[int, int]]]:
    """Everything that live decided and booked, in order; and the equity at every instant."""
    records: list[Record] = []
    equity: list[tuple[int, int]] = []
    cash = 0
    for batch in batches:
        judged = [j for verdicts in batch.judged.values() for j in verdicts]
        by_review = {j.order_id for j in judged if j.order_id}
        intents = {}
        for _, event in batch.events:
            match event:
                case Deposited() | OrderFilled():
                    cash = event.cash
                case Marked():
                    equity.append((event.at, event.equity))
                case OrderIntended() if event.order.id in by_review:
                    intents[event.order.id] = event
                    continue
            records += _told(event, cash)
        records += _judged(judged, intents, cash)
    return records, equity


def _told(event: object, cash: int) -> Iterator[Record]:
    match event:
        case OrderFilled():
            code = "entry" if event.side > 0 else event.reason
            yield (event.at, event.symbol, FILLED, code, event.lots, event.ticks, event.fee, cash, NOTHING, NOTHING)
        case OrderCancelled():
            yield (event.at, event.symbol, CANCELLED, event.why, 0, 0, 0, cash, NOTHING, NOTHING)
        case ProtectionMoved():
            yield (event.at, event.symbol, MOVED, "", 0, event.stop_ticks, 0, cash, NOTHING, NOTHING)
        case OrderIntended():
            o = event.order
            yield (event.at, o.symbol, INTENDED, o.reason, o.lots, o.limit_ticks, 0, cash, NOTHING, NOTHING)


def _judged(judged: Iterable[Judged], intents: dict[str, OrderIntended], cash: int) -> Iterator[Record]:
    known = list(judged)
    held = [(j.signal.instant, j.signal.symbol, HELD, j.rule) for j in known if j.signal.side == HOLD]
    yield from ((*record, 0, 0, 0, cash, NOTHING, NOTHING) for record in sorted(held))
    for j in known:
        if j.approved:
            yield from _told(intents[j.order_id], cash)
        elif j.signal.side != HOLD:
            signal = j.signal
            yield (signal.instant, signal.symbol, REFUSED, j.rule, 0, 0, 0, cash, bits(j.limit), bits(j.found))


def driver_records(run: Run, history: History) -> tuple[list[Record], list[tuple[int, int]]]:
    """The same of the compiled driver."""
    rules = [check.__name__ for check in REVIEW] + [MAX_CORRELATION]
    assert rules[CORRELATION] == MAX_CORRELATION
    names = [*OUTCOMES, CALLBACK_REFUSED] if run.wished else [one.name for one in SIGNAL_TYPES]
    records: list[Record] = []
    for r in run.records:
        kind, code, symbol = int(r["kind"]), int(r["code"]), history.symbols[r["symbol"]]
        words: object = code
        lots, ticks = int(r["lots"]), int(r["ticks"])
        limit = found = NOTHING
        if kind == CANCELLED:
            words = WHY_CANCELLED[code]
        elif kind == REFUSED:
            words, lots, ticks, limit, found = rules[code], 0, 0, bits(r["limit"]), bits(r["found"])
        elif kind == HELD:
            words = names[code]
        elif kind == MOVED:
            words = ""
        elif kind == FILLED and r["side"] > 0:
            words = "entry"
        records.append((int(r["at"]), symbol, kind, words, lots, ticks, int(r["fee"]), int(r["cash"]), limit, found))
    equity = list(zip(run.instants.tolist(), run.equity.tolist(), strict=True))
    return _holds_in_order(records), [*equity, (int(run.book["peak"]), int(run.book["day_base"]))]


def _holds_in_order(records: list[Record]) -> list[Record]:
    """Runs of HELD records of one instant, by symbol: one that a callback refused is told of last."""
    ordered: list[Record] = []
    for _, run in itertools.groupby(records, key=lambda r: (r[0], r[2] == HELD)):
        found = list(run)
        ordered += sorted(found) if found[0][2] == HELD else found
    return ordered


def assert_equal(live: list[Record], ours: list[Record]) -> None:
    """Say where they part, not only that they do."""
    for i, (a, b) in enumerate(zip(live, ours, strict=False)):
        assert a == b, f"record {i} of {len(live)}: live {a}, driver {b}; before: {live[max(0, i - 3) : i]}"
    assert len(live) == len(ours), f"live wrote {len(live)} records, the driver {len(ours)}"


def run_live(made: Generated) -> tuple[list[Record], list[tuple[int, int]]]:
    """A generated market through the live pipeline, forced stages and a restart included."""
    house = a_house(made.market, headlines=made.headlines, mandate=made.mandate)
    for i in range(INSTANTS):
        house.run(1)
        if i in made.forced:
            for stage in Stage:
                house.pipeline.run_stage(stage, house.pipeline.handled, "someone")
        if i == made.restart:
            house = a_house(made.market, headlines=made.headlines, mandate=made.mandate, journal=house.journal)
    return _ended(live_records(house.journal.batches), house.assembly.trader.account)


def _ended(told: "Told", account: Account) -> "Told":
    """With the account's peak and day base, which no record shows, behind the equity."""
    return told[0], [*told[1], (account.peak, account.day_base)]


def run_driver(made: Generated, **changed: Any) -> tuple[list[Record], list[tuple[int, int]]]:
    """The same market through the compiled driver."""
    market = made.market
    news, scorer = [ScriptedNews(made.headlines)], scorer_for(market.instruments)
    history = history_of(market, news, scorer, START + (INSTANTS - 1) * HOUR)
    return driver_records(driven(history, made.mandate, **changed), history)


def driven(history: History, mandate: Mandate, **changed: Any) -> Run:
    """The strategy of a mandate over a history, by the compiled driver; HOLDs told."""
    predictions = predict(history, MODELS, fading(history.timeframe_ms), KERNELS)
    setting = replace(Setting(mandate, PAPER, 10_000 * 10**8, "USDT", tells_holds=True, cache=KERNELS), **changed)
    strategy = strategy_of(mandate)
    if isinstance(strategy, Ensemble):
        return backtest(history, setting, predictions=predictions)
    if any(strategy.callbacks):
        setting = replace(setting, confirm=Confirming(strategy, history, "USDT"))
    return backtest(history, setting, wishes=wishes_of(strategy, history, columns_of(history, predictions)))


Told = tuple[list[Record], list[tuple[int, int]]]


def recorded(folder: Path, first: str, last: str, **mandated: Any) -> tuple[Told, Told]:
    """Every hourly Binance coin of the recorded data and the news of the time, through both drivers."""
    start, until = parse_time("from", first), parse_time("to", last)
    symbols = available(folder, "BINANCE", "1h")
    candles = RecordedMarket(Recording(folder, "BINANCE", "1h", symbols, start, until))
    news = RecordedNews(folder, candles.first_instant, until)
    settings = load_settings(PIPELINE_SPEED="max")
    mandate = replace(settings.mandate(), **mandated)

    journal = MemoryJournal("USDT", {s: i.scale for s, i in candles.instruments.items()})
    assembly = assemble("both", Market(candles, (news,)), journal, MemorySpill(), mandate, settings)
    begun = assembly.recover().instant
    assembly.pipeline.start("someone")
    for instant in range(begun + HOUR, (candles.last_instant or 0) + 1, HOUR):
        assembly.pipeline.decide(instant)

    history = history_of(candles, [news], scorer_for(candles.instruments))
    live = _ended(live_records(journal.batches), assembly.trader.account)
    return live, driver_records(driven(history, mandate), history)

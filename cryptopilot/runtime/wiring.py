"""Who meets whom, in one file that reads like the stream. The clock, the source and the broker are chosen here."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from cryptopilot.adapters.models.rule_based import MomentumModel, NewsModel, TechnicalModel
from cryptopilot.adapters.sentiment.lexicon import ALIASES, LexiconScorer
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.sessions import MarketSession, Sessions
from cryptopilot.adapters.storage.spill import FileSpill
from cryptopilot.agents.collector import CollectorAgent
from cryptopilot.agents.predictor import PredictorAgent
from cryptopilot.agents.rows import Rows
from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.agents.strategy import StrategyAgent
from cryptopilot.agents.trader import TraderAgent
from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.events import (
    BarsObserved,
    InstantClosed,
    InstantGivenUp,
    MarketOpened,
    PredictionsMade,
    SignalsRaised,
    StageDue,
)
from cryptopilot.domain.instrument import Instrument, atoms
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.prediction import EnsembleCard
from cryptopilot.domain.stage import Stage
from cryptopilot.domain.tape import Checkpoint
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.engine.bus import Bus
from cryptopilot.engine.clock import MarketClock, PacedClock, VirtualClock
from cryptopilot.engine.desk import Desk
from cryptopilot.engine.outbox import Outbox
from cryptopilot.engine.pipeline import Pipeline
from cryptopilot.engine.recovery import Folding, Recovered, recover
from cryptopilot.engine.runner import Runner
from cryptopilot.engine.schedule import Schedule
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.journal import Journal
from cryptopilot.ports.model import Model
from cryptopilot.ports.spill import Spill
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.strategies import find
from cryptopilot.simulation.costs import PAPER
from cryptopilot.simulation.paper import PaperBroker

WALLET = "default"
MODELS: tuple[tuple[Model, float], ...] = (
    (TechnicalModel(), 0.40),
    (MomentumModel(), 0.35),
    (NewsModel(), 0.25),
)
"""The ensemble's members and their declared weights; a new model is one more line (docs/guide/extend-model.md)."""

NEWS_HALF_LIFE_MS = 6 * HOUR


@dataclass(slots=True)
class Assembly:
    """Everything of one market session that runs, by name."""

    session_id: str
    market: Market
    instruments: Mapping[str, Instrument]
    quote: str
    view: MarketView
    collector: CollectorAgent
    predictor: PredictorAgent
    strategy: StrategyAgent
    trader: TraderAgent
    bus: Bus
    pipeline: Pipeline
    folding: Folding
    journal: Journal
    spill: Spill
    desks: tuple[Desk, ...]
    capital: int
    mandate: Mandate

    def use(self, mandate: Mandate) -> None:
        """Go on under another mandate from the next stage on."""
        if (mandate.strategy, mandate.parameters) != (self.mandate.strategy, self.mandate.parameters):
            self.strategy.follow(strategy_of(mandate))
        self.mandate = mandate
        self.strategy.use(mandate)
        self.trader.use(mandate)

    def recover(self) -> Recovered:
        return recover(
            self.market.candles,
            self.folding,
            self.journal,
            self.spill,
            self.desks,
            self.pipeline,
            self.capital,
            self.mandate,
        )


def assemble(
    session_id: str,
    market: Market,
    journal: Journal,
    spill: Spill,
    mandate: Mandate,
    settings: Settings,
    *,
    models: Sequence[tuple[Model, float]] = MODELS,
    kept_rows: int = 0,
) -> Assembly:
    """The four agents on one market's stream, with one wallet.

    Args:
        kept_rows: how far any strategy looks back that the wallet is to follow later; its first one's is kept anyway.
    Raises:
        NotFoundError, StrategyError, InvalidValueError: the mandate's strategy cannot be had.
    """
    candles = market.candles
    instruments = candles.instruments
    quote = one_quote(instruments)
    view = MarketView(instruments)
    followed = strategy_of(mandate)
    rows = Rows(instruments, candles.timeframe_ms, max(kept_rows, rows_of(followed)))
    collector, predictor = onlookers(market, view, rows, models)
    account = Account.new(WALLET, quote, instruments)
    broker = PaperBroker(PAPER, view)
    outbox = Outbox(broker)
    strategy = StrategyAgent(mandate, account, view, candles.timeframe_ms, followed, rows)
    trader = TraderAgent(mandate, account, view, broker, outbox)

    bus = Bus()
    bus.on(InstantClosed, trader.on_closed)
    bus.on(InstantClosed, collector.on_closed)
    bus.on(InstantClosed, trader.on_marked)
    bus.on(InstantClosed, strategy.on_closed)
    bus.on(BarsObserved, predictor.on_observed)
    turns: dict[Stage, Callable[[StageDue], Iterable[object]]] = {
        Stage.COLLECTOR: collector.on_due,
        Stage.PREDICTOR: predictor.on_due,
        Stage.STRATEGY: strategy.on_due,
        Stage.TRADER: trader.on_due,
    }
    bus.on(StageDue, lambda due: turns[due.stage](due))
    bus.on(PredictionsMade, strategy.on_predictions)
    bus.on(SignalsRaised, trader.on_signals)
    bus.on(MarketOpened, trader.on_opened)
    for agent in (collector, predictor, strategy, trader):
        bus.on(InstantGivenUp, agent.on_given_up)

    desks = (Desk(trader, outbox),)
    pipeline = Pipeline(
        bus, candles, collector.close, lambda: Checkpoint(view.instant, view.state(), predictor.state()), desks,
        journal, spill,
    )  # fmt: skip

    def restore(checkpoint: Checkpoint) -> None:
        view.restore(checkpoint.market)
        predictor.restore(checkpoint.predictor)

    def resume(instant: int) -> None:
        collector.resume(instant)
        predictor.resume(instant)

    def suffices(checkpoint: Checkpoint) -> bool:
        return checkpoint.predictor.lookback >= rows.length

    folding = Folding(collector.close, collector.on_closed, predictor.on_observed, suffices, restore, resume)
    return Assembly(
        session_id, market, instruments, quote, view, collector, predictor, strategy, trader, bus, pipeline, folding,
        journal, spill, desks, atoms(settings.capital, quote), mandate,
    )  # fmt: skip


def onlookers(
    market: Market, view: MarketView, rows: Rows, models: Sequence[tuple[Model, float]] = MODELS
) -> tuple[CollectorAgent, PredictorAgent]:
    """The two agents that look at the market and decide nothing."""
    candles = market.candles
    instruments, step = candles.instruments, candles.timeframe_ms
    collector = CollectorAgent(candles, market.news, scorer_for(instruments), view)
    return collector, PredictorAgent(instruments, models, fading(step), step, rows)


def assemble_stored(
    engine: Engine,
    session: MarketSession,
    market: Market,
    settings: Settings,
    *,
    mandate: Mandate | None = None,
    guard: Callable[[], None] = lambda: None,
    kept_rows: int = 0,
) -> Assembly:
    """The same, with its journal in a database and its spill in the home; the mandate is the settings' unless given.

    Raises:
        InvalidValueError: the market's data has another grid now than when the session's books were begun.
    """
    instruments = market.candles.instruments
    changed = Sessions(engine).describe(session.id, instruments)
    if changed:
        raise InvalidValueError(
            f"grid of {', '.join(changed)}",
            "changed since the session began",
            f"the data that {session.id} was begun on; for other data open a new session with --fresh",
        )
    scales = {s: i.scale for s, i in instruments.items()}
    journal = SqlJournal(engine, session.id, one_quote(instruments), scales, guard)
    spill = FileSpill(settings.home / f"spill-{session.id}.jsonl")
    mandate = mandate or settings.mandate()
    return assemble(session.id, market, journal, spill, mandate, settings, kept_rows=kept_rows)


def strategy_of(mandate: Mandate) -> Chosen | Ensemble:
    """The strategy that a mandate names.

    Raises:
        NotFoundError, StrategyError, InvalidValueError: it cannot be had; says why.
    """
    return find(mandate.strategy, json.loads(mandate.parameters))


def rows_of(strategy: Chosen | Ensemble) -> int:
    """How many rows of each symbol are kept for it."""
    return strategy.lookback if isinstance(strategy, Chosen) else 0


def scorer_for(instruments: Mapping[str, Instrument]) -> LexiconScorer:
    """What scores headlines: it knows the coins that are traded, and those it has other names for."""
    return LexiconScorer(tuple({**dict.fromkeys(i.base for i in instruments.values()), **dict.fromkeys(ALIASES)}))


def fading(timeframe_ms: int) -> float:
    """What is left of a news level after one bar."""
    return float(0.5 ** (timeframe_ms / NEWS_HALF_LIFE_MS))


def ensemble_card() -> EnsembleCard:
    """What the combined models say of themselves: enough to read any kept prediction."""
    return EnsembleCard("ensemble", "1", tuple(m.card for m, _ in MODELS), tuple(weight for _, weight in MODELS))


def schedule_after(instant: int, candles: CandleSource, settings: Settings) -> Schedule:
    """Instants and beats after *instant*."""
    return Schedule(candles.timeframe_ms, beats_ms(settings), instant)


def beats_ms(settings: Settings) -> dict[Stage, int]:
    """How often each stage is woken, in market milliseconds."""
    return {
        Stage.COLLECTOR: settings.data_collection_interval * 1000,
        Stage.PREDICTOR: settings.prediction_interval * 1000,
        Stage.STRATEGY: settings.signal_generation_interval * 1000,
        Stage.TRADER: settings.trade_execution_interval * 1000,
    }


def clock_from(instant: int, settings: Settings) -> MarketClock:
    """Market time from *instant* on, at the speed that was asked for."""
    return VirtualClock(instant) if settings.speed == "max" else PacedClock(instant, float(settings.speed))


def runner_for(assembly: Assembly, recovered: Recovered, settings: Settings) -> tuple[Runner, Schedule, MarketClock]:
    candles = assembly.market.candles
    schedule = schedule_after(recovered.instant, candles, settings)
    clock = clock_from(recovered.instant, settings)
    return Runner(assembly.pipeline, schedule, clock, candles.last_instant), schedule, clock


def one_quote(instruments: Mapping[str, Instrument]) -> str:
    """The quote asset that all instruments of a session share.

    Raises:
        InvalidValueError: they do not, or there are none.
    """
    quotes: set[Any] = {i.quote for i in instruments.values()}
    if len(quotes) != 1:
        raise InvalidValueError("symbols", sorted(instruments), "pairs against one and the same quote asset")
    return str(quotes.pop())

"""A whole pipeline on parts that a test chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cryptopilot.domain.candle import Bar
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import Headline
from cryptopilot.domain.prediction import Evidence, ModelCard
from cryptopilot.engine.pipeline import Pipeline
from cryptopilot.engine.recovery import Recovered
from cryptopilot.engine.runner import Runner
from cryptopilot.ports.candles import CandleSource
from cryptopilot.ports.model import Model
from cryptopilot.runtime import wiring
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.settings import load_settings
from tests.fakes.market import ScriptedMarket, ScriptedNews
from tests.fakes.memory import MemoryJournal, MemorySpill


@dataclass(slots=True)
class House:
    """A pipeline with everything a test looks at."""

    assembly: wiring.Assembly
    journal: MemoryJournal
    spill: MemorySpill
    recovered: Recovered

    @property
    def pipeline(self) -> Pipeline:
        return self.assembly.pipeline

    def run(self, instants: int) -> None:
        """Decide the next instants, one after the other."""
        step = self.assembly.market.candles.timeframe_ms
        for _ in range(instants):
            self.pipeline.decide(self.pipeline.handled + step)

    def runner(self, *, beats: bool = True) -> Runner:
        """The outermost loop over this pipeline, on a virtual clock."""
        settings = load_settings(PIPELINE_SPEED="max")
        here = Recovered(self.pipeline.handled, False, 0)
        runner, schedule, _ = wiring.runner_for(self.assembly, here, settings)
        if not beats:
            schedule.silence()
        return runner


class OracleModel:
    """A model that says what a test tells it: per symbol a score, for all others nothing."""

    card = ModelCard("oracle", "1", ("told",))

    def __init__(self, scores: Mapping[str, float]) -> None:
        self.scores = dict(scores)
        self.fails = False

    def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        if self.fails:
            raise RuntimeError("the model is broken")
        return [(self.scores.get(e.symbol, float("nan")),) for e in evidence]


def a_mandate(**limits: object) -> Mandate:
    """The default mandate with other limits."""
    return Mandate(replace(RiskLimits(min_confidence=0.0, cooldown_ms=0), **limits))  # type: ignore[arg-type]


def a_house(
    market: CandleSource | Mapping[str, Mapping[int, Bar]],
    *,
    headlines: Sequence[Headline] = (),
    mandate: Mandate | None = None,
    models: Sequence[tuple[Model, float]] = wiring.MODELS,
    capital: str = "10000",
    journal: MemoryJournal | None = None,
    started: bool = True,
) -> House:
    """A recovered pipeline over *market*, on a journal in memory."""
    candles = ScriptedMarket(market) if isinstance(market, Mapping) else market
    instruments = candles.instruments
    journal = journal or MemoryJournal("USDT", {s: i.scale for s, i in instruments.items()})
    spill = MemorySpill()
    settings = load_settings(PIPELINE_CAPITAL=Decimal(capital), PIPELINE_SPEED="max")
    source = Market(candles, (ScriptedNews(headlines),))
    assembly = wiring.assemble("test", source, journal, spill, mandate or settings.mandate(), settings, models=models)
    recovered = assembly.recover()
    assembly.pipeline.started = started
    return House(assembly, journal, spill, recovered)

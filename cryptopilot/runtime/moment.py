"""A moment between two instants, copied out, so that whoever looks at it keeps nobody waiting."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptopilot.domain.account import Account
from cryptopilot.domain.candle import Bar
from cryptopilot.domain.events import EntriesHalted, Funnel
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.prediction import EnsembleCard, Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.tally import Tally
from cryptopilot.domain.timeframe import DAY
from cryptopilot.runtime.recent import Recent
from cryptopilot.runtime.shapes.pipeline import Status
from cryptopilot.runtime.wiring import Assembly


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything shown of one wallet's session, as of one and the same instant.

    Args:
        marks: per symbol the last known close in ticks and its instant; bars: the last known closed bars.
        day_ago: closes in ticks a day before the instant, where a bar is known there.
        levels: news levels by coin in [-1, 1], the market's own under `MARKET_WIDE`.
        halted: who halted entries, while they are.
        moved: another number whenever orders, fills or trades are others than before.
    """

    status: Status
    session_id: str
    market: str
    simulated: bool
    quote: str
    instant: int
    instruments: Mapping[str, Instrument]
    symbols: tuple[str, ...]
    mandate: Mandate
    card: EnsembleCard
    account: Account
    marks: Mapping[str, tuple[int, int]]
    bars: Mapping[str, Bar]
    day_ago: Mapping[str, int]
    levels: Mapping[str, float]
    predictions: tuple[Prediction, ...]
    judged: tuple[Judged, ...]
    news: tuple[NewsItem, ...]
    funnel: Funnel
    realised: int
    fees: int
    halted: EntriesHalted | None
    moved: int

    def mark(self, symbol: str) -> int:
        """The last known close in ticks; 0 while there is none."""
        return self.marks.get(symbol, (0, 0))[0]

    def age_ms(self, symbol: str) -> int | None:
        """How old the mark is in market time; None while there is none."""
        known = self.marks.get(symbol)
        return None if known is None else self.instant - known[1]

    def stale(self, symbol: str) -> bool:
        """Whether the mark is too old for an entry, or unknown."""
        age = self.age_ms(symbol)
        return age is None or age > self.mandate.limits.max_price_age_ms


def moment_of(assembly: Assembly, recent: Recent, total: Tally, status: Status) -> Moment:
    """Copy what is shown; to be called while the pipeline is quiet."""
    view, candles = assembly.view, assembly.market.candles
    instant = assembly.pipeline.handled
    before = instant - DAY
    yesterday = candles.closed(before).bars if before >= candles.first_instant else {}
    return Moment(
        status=status,
        session_id=assembly.session_id,
        market=candles.name,
        simulated=candles.label == "SIMULATED",
        quote=assembly.quote,
        instant=instant,
        instruments=assembly.instruments,
        symbols=view.symbols,
        mandate=assembly.mandate,
        card=assembly.predictor.card,
        account=assembly.trader.account.copy(),
        marks=view.marks(),
        bars=dict(assembly.collector.bars),
        day_ago={symbol: bar.close for symbol, bar in yesterday.items()},
        levels=assembly.predictor.levels(),
        predictions=recent.predictions,
        judged=recent.judged,
        news=tuple(recent.news),
        funnel=recent.funnel,
        realised=total.realised,
        fees=total.fees,
        halted=recent.halted,
        moved=recent.moved,
    )

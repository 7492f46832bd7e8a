"""DataCollector: reads bars and headlines for an instant, and keeps the market view."""

from collections.abc import Iterable, Sequence

from cryptopilot.domain.candle import Bar
from cryptopilot.domain.errors import TransientError
from cryptopilot.domain.events import InstantClosed, InstantGivenUp, SnapshotTaken, StageDue
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.news import Headline, NewsItem
from cryptopilot.domain.stage import ALREADY_HANDLED, NOTHING_YET, Skipped, Stage, StageReport
from cryptopilot.ports.candles import CandleSource, Closed
from cryptopilot.ports.news import NewsSource
from cryptopilot.ports.sentiment import Scorer


class CollectorAgent:
    """Reads the world. A source that cannot answer leaves a hole, which is counted and shown, never filled."""

    def __init__(self, candles: CandleSource, news: Sequence[NewsSource], scorer: Scorer, view: MarketView) -> None:
        self._candles, self._news, self._scorer, self._view = candles, tuple(news), scorer, view
        self._handled = -1
        self._news_until: dict[str, int] = {}
        self._seen_bars = 0
        self._seen_news = 0
        self.bars: dict[str, Bar] = {}
        """The last known closed bar of each symbol, for those who look."""
        self.errors: dict[str, str] = {}

    @property
    def news_known_until(self) -> dict[str, int | None]:
        """Up to which instant each source's headlines are known, by name: when it last answered; None for never."""
        return {source.name: self._news_until.get(source.name) for source in self._news}

    def close(self, instant: int) -> InstantClosed:
        """Everything that became known with *instant*: its bars, late ones, and the news since the last."""
        try:
            closed = self._candles.closed(instant)
            self.errors.pop(self._candles.name, None)
        except TransientError as error:
            closed = Closed({}, {})
            self.errors[self._candles.name] = str(error)
        return InstantClosed(instant, closed.bars, closed.late, self._headlines(instant))

    def on_closed(self, event: InstantClosed) -> Iterable[object]:
        """Rank 1: the marks."""
        if event.instant > self._view.instant:
            self._view.advance(event.instant, event.bars)
            self.bars |= event.bars
            self._seen_bars, self._seen_news = len(event.bars), len(event.news)
        return ()

    def on_due(self, event: StageDue) -> Iterable[object]:
        instant = self._view.instant
        if instant <= self._handled:
            why = ALREADY_HANDLED if instant >= 0 else NOTHING_YET
            yield StageReport(Stage.COLLECTOR, instant, 0, skipped=(Skipped("*", why),))
            return
        self._handled = instant
        missing = tuple(
            Skipped(s, "no bar closed at this instant") for s in self._view.symbols if self._view.age_ms(s, instant) > 0
        )
        yield SnapshotTaken(instant)
        yield StageReport(Stage.COLLECTOR, instant, self._seen_bars + self._seen_news, skipped=missing)

    def on_given_up(self, event: InstantGivenUp) -> Iterable[object]:
        self._handled = event.instant
        return ()

    def resume(self, instant: int) -> None:
        """Go on after *instant*, whose news is already known."""
        self._handled = instant
        self._news_until = {source.name: instant for source in self._news}

    def _headlines(self, instant: int) -> tuple[NewsItem, ...]:
        items: list[Headline] = []
        for source in self._news:
            after = self._news_until.get(source.name, instant - self._candles.timeframe_ms)
            try:
                items += source.seen(after, instant)
            except TransientError as error:
                self.errors[source.name] = str(error)
                continue
            self._news_until[source.name] = instant
            self.errors.pop(source.name, None)
        items.sort(key=lambda item: (item.first_seen_at, item.id))
        return tuple(self._scorer.scored(item) for item in items)

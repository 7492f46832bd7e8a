"""The collector knows how far back each of its sources last answered."""

from collections.abc import Sequence

from cryptopilot.adapters.sentiment.lexicon import LexiconScorer
from cryptopilot.agents.collector import CollectorAgent
from cryptopilot.domain.errors import TransientError
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.news import Headline
from tests.fakes.market import ScriptedMarket, ScriptedNews, at, wobbling


class FadingNews(ScriptedNews):
    """A source that answers up to an instant, and never again."""

    name = "fading"

    def __init__(self, until: int) -> None:
        super().__init__()
        self._until = until

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        if until > self._until:
            raise TransientError("the source does not answer")
        return super().seen(after, until)


def test_it_says_until_when_each_sources_news_is_known() -> None:
    market = ScriptedMarket(wobbling(("BTC/USDT",), 5))
    sources = (ScriptedNews(), FadingNews(at(2)))
    collector = CollectorAgent(market, sources, LexiconScorer(("BTC",)), MarketView(market.instruments))
    assert collector.news_known_until == {"scripted-news": None, "fading": None}
    for instant in range(1, 6):
        collector.close(at(instant))
    assert collector.news_known_until == {"scripted-news": at(5), "fading": at(2)}

"""The rule-based predictors: honest, untrained, and always able to say what moved them."""

from collections.abc import Sequence

from cryptopilot.domain.prediction import Evidence, ModelCard
from cryptopilot.rules.scores import momentum_score, news_score, technical_score


class TechnicalModel:
    """Trend and oscillators of the symbol's own price."""

    card = ModelCard("technical", "1", ("trend", "MACD", "RSI", "stretch from its bands"))
    rule = staticmethod(technical_score)

    def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        return [technical_score(e.features) for e in evidence]


class MomentumModel:
    """How far and how steadily the price has come, and with what volume."""

    card = ModelCard("momentum", "1", ("short momentum", "long momentum", "volume flow", "busy momentum"))
    rule = staticmethod(momentum_score)

    def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        return [momentum_score(e.features) for e in evidence]


class NewsModel:
    """How the news about the coin, and about the market, has sounded lately."""

    card = ModelCard("news", "1", ("its news", "market news"))
    rule = staticmethod(news_score)

    def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        return [news_score(e.own_news, e.market_news) for e in evidence]

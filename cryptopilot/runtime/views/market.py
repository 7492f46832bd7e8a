"""What the market and the predictor say, symbol by symbol."""

from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import MARKET_WIDE, NewsItem
from cryptopilot.domain.prediction import Prediction, abstained, contributions, reasoning
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.moment import Moment
from cryptopilot.runtime.shapes.decisions import NewsShape
from cryptopilot.runtime.shapes.pipeline import MarketDatum, PredictionShape


def known(x: float) -> float | None:
    """A number that JSON can carry: NaN, which stands for unknown, becomes None."""
    return x if x == x else None


def price(instrument: Instrument, ticks: int) -> str:
    """A price in ticks as the text of a decimal."""
    return f"{instrument.decimal_price(ticks):f}"


def market_data(moment: Moment) -> dict[str, MarketDatum]:
    """Every symbol's newest closed bar; a symbol that has none yet says so by None."""
    features = {p.symbol: p.features._asdict() for p in moment.predictions}
    return {symbol: _datum(moment, symbol, features.get(symbol, {})) for symbol in moment.symbols}


def _datum(moment: Moment, symbol: str, features: dict[str, float]) -> MarketDatum:
    instrument, mark, bar = moment.instruments[symbol], moment.mark(symbol), moment.bars.get(symbol)
    before = moment.day_ago.get(symbol)
    closed_at = moment.marks[symbol][1] if mark else None
    return {
        "symbol": symbol,
        "price": price(instrument, mark) if mark else None,
        "volume": None if bar is None else f"{instrument.quantity(bar.volume):f}",
        "change_24h": mark / before - 1.0 if mark and before else None,
        "timestamp": None if closed_at is None else iso(closed_at),
        "source": moment.market,
        "age_ms": moment.age_ms(symbol),
        "stale": moment.stale(symbol),
        "simulated": moment.simulated,
        "news_sentiment": known(moment.levels[instrument.base]),
        "social_sentiment": None,
        "technical_indicators": {name: known(value) for name, value in features.items()},
    }


def predictions(moment: Moment) -> dict[str, PredictionShape]:
    """The newest prediction of every symbol."""
    return {p.symbol: _prediction(moment, p) for p in moment.predictions}


def _prediction(moment: Moment, p: Prediction) -> PredictionShape:
    geometry = moment.mandate.geometry
    age = moment.instant - p.instant
    return {
        "id": p.id,
        "symbol": p.symbol,
        "direction_prob": known(p.direction_prob),
        "calibrated": p.calibrated,
        "confidence": known(p.confidence),
        "expected_edge": known(p.expected_edge),
        "geometry": {"target": geometry.target, "stop": geometry.stop, "hours": geometry.hours},
        "volatility": known(p.features.volatility),
        "reasoning": reasoning(p, moment.card),
        "contributions": [{"model": c.model, "part": c.part, "value": c.value} for c in contributions(p, moment.card)],
        "abstained": abstained(p, moment.card),
        "age_ms": age,
        "stale": age > 0,
        "timestamp": iso(p.instant),
        "model_name": moment.card.name,
        "model_version": moment.card.version,
    }


def headline(item: NewsItem) -> NewsShape:
    """One headline."""
    return {
        "id": item.id,
        "title": item.title,
        "source": item.source,
        "coins": ["market" if coin == MARKET_WIDE else coin for coin in item.coins],
        "score": round(item.score, 4),
        "published_at": iso(item.published_at),
        "first_seen_at": iso(item.first_seen_at),
        "simulated": item.simulated,
    }

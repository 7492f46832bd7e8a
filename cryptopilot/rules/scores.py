"""The rule-based predictors: features into scores in [-1, 1], scores into a probability, strength into a rank.

A score above zero speaks for a rise. A score that cannot be known is NaN: the predictor abstains.
"""

import math

from cryptopilot.rules import rule
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.features import LONG, SHORT, Features
from cryptopilot.rules.indicators import Window

RANK_WINDOW = 1000
"""How many earlier predictions a new one is ranked among."""

RANK_FEWEST = 200
"""Below as many, the rank is unknown."""

NEWS_FORGOTTEN = 0.02
"""A news level below this says nothing any more."""


@rule
def bounded(x: float) -> float:
    """Squeeze any number into (-1, 1), keeping its sign: x / (1 + |x|), exact in both drivers unlike tanh."""
    return x / (1.0 + abs(x))


@rule
def clipped(x: float) -> float:
    """*x*, held within [-1, 1]; NaN stays NaN."""
    if x > 1.0:
        return 1.0
    return -1.0 if x < -1.0 else x


@rule
def technical_score(f: Features) -> tuple[float, float, float, float]:
    """Trend, MACD, RSI and stretch, already weighted: their sum is the score.

    Trend and MACD are measured in average ranges; RSI from its middle; stretch speaks against a price that has left
    its Bollinger bands.
    """
    if not f.atr > 0.0:
        return UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    half = (f.bollinger_high - f.bollinger_low) / 2.0
    outside = (f.close - f.sma) / half if half > 0.0 else 0.0
    return (
        0.40 * bounded((f.ema_fast - f.ema_slow) / f.atr),
        0.25 * bounded(4.0 * (f.macd - f.macd_signal) / f.atr),
        0.20 * clipped((f.rsi - 50.0) / 25.0),
        -0.15 * clipped(outside),
    )


@rule
def momentum_score(f: Features) -> tuple[float, float, float, float]:
    """Short and long momentum in units of their expected spread, flow and volume, already weighted."""
    if not f.volatility > 0.0:
        return UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    quick = bounded(f.momentum_short / (f.volatility * math.sqrt(float(SHORT))))
    busy = bounded(f.volume_ratio - 1.0)
    return (
        0.40 * quick,
        0.30 * bounded(f.momentum_long / (f.volatility * math.sqrt(float(LONG)))),
        0.20 * f.obv_change,
        0.10 * quick * busy,
    )


@rule
def news_step(level: float, fading: float, fresh: float) -> float:
    """The news level one bar on: the old level fades by the factor *fading*, the fresh scores add up.

    Unknown until the first item; a level that has faded below NEWS_FORGOTTEN is unknown again.
    """
    if not level == level:
        return fresh if not fresh == 0.0 else UNKNOWN
    level = level * fading + fresh
    return level if abs(level) >= NEWS_FORGOTTEN else UNKNOWN


@rule
def news_score(own: float, market: float) -> tuple[float, float]:
    """A coin's own news and that of the whole market, already weighted.

    Unknown market news weighs nothing; without news of its own a coin's score is unknown, and the model abstains.
    """
    broad = bounded(market) if market == market else 0.0
    return 0.75 * bounded(own), 0.25 * broad


@rule
def combined(total: float, weight: float, score: float, declared: float) -> tuple[float, float]:
    """Add one predictor's score under its declared weight; one that abstains leaves total and weight alone."""
    if score == score:
        return total + declared * score, weight + declared
    return total, weight


@rule
def weighted_mean(total: float, weight: float) -> float:
    """The ensemble's score: unknown when every predictor abstained."""
    return total / weight if weight > 0.0 else UNKNOWN


@rule
def direction_probability(score: float) -> float:
    """The uncalibrated probability of a rise that belongs to a score."""
    return 0.5 + 0.5 * clipped(score)


@rule
def rank(ordered: Window, strength: float) -> float:
    """The share of earlier strengths (*ordered* upward) that do not exceed this one; unknown below RANK_FEWEST."""
    n = len(ordered)
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if strength < ordered[middle]:
            high = middle
        else:
            low = middle + 1
    return rank_among(low, n, strength)


@rule
def rank_among(not_above: int, n: int, strength: float) -> float:
    """The rank of a strength that *not_above* of *n* earlier ones do not exceed."""
    if n < RANK_FEWEST or not strength == strength:
        return UNKNOWN
    return float(not_above) / float(n)


@rule
def score_of(parts: Window) -> float:
    """A model's score: its weighted parts, added oldest first; NaN if one is."""
    total = 0.0
    for x in parts:
        total += x
    return total

"""Predictions over history: what `agents.predictor` folds bar by bar, compiled, over whole arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryptopilot.domain.news import MARKET_WIDE
from cryptopilot.domain.prediction import Evidence
from cryptopilot.ports.model import Model, RuledModel
from cryptopilot.research.compiled import CompiledRules, compiled_rules
from cryptopilot.research.features import feature_rows
from cryptopilot.research.history import Floats, History, Ints
from cryptopilot.research.layout import Array
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.features import Features
from cryptopilot.rules.scores import (
    RANK_WINDOW,
    combined,
    direction_probability,
    momentum_score,
    news_score,
    news_step,
    rank_among,
    score_of,
    technical_score,
    weighted_mean,
)


@dataclass(frozen=True)
class Predictions:
    """What the ensemble believes at each close, time-major; NaN is unknown, and where there is no bar.

    Args:
        features: float64 [m, n, 17]; probability, confidence: float64 [m, n].
    """

    features: Floats
    probability: Floats
    confidence: Floats


def predict(
    history: History, models: Sequence[tuple[Model, float]], fading: float, cache: Path | None = None
) -> Predictions:
    """The ensemble over the whole of *history*.

    Args:
        models: the members, with their declared weights; one that is a rule is compiled, others are asked row by row.
        fading: what is left of a news level after one bar.
        cache: where kernels are kept between processes.
    """
    m, n = len(history.instants), len(history.symbols)
    made = Predictions(np.full((m, n, len(Features._fields)), np.nan), np.full((m, n), np.nan), np.full((m, n), np.nan))
    compiled = compiled_rules(cache)
    levels = news_levels(history.fresh, fading, compiled)
    weights = np.array([weight for _, weight in models])
    market = levels[:, history.coins.index(MARKET_WIDE)]
    for s, (symbol, instrument) in enumerate(history.instruments.items()):
        places, (_, high, low, close, volume) = history.column(symbol)
        rows = feature_rows(high, low, close, volume, cache)
        own = levels[:, history.coins.index(instrument.base)]
        built_in = np.empty((len(rows), len(BUILT_IN)))
        compiled.driver(opinions)(rows, own[places], market[places], built_in)
        scores = np.empty((len(rows), len(models)))
        for k, (model, _) in enumerate(models):
            if isinstance(model, RuledModel) and model.rule in BUILT_IN:
                scores[:, k] = built_in[:, BUILT_IN.index(model.rule)]
            else:
                scores[:, k] = _asked(model, symbol, rows, own[places], market[places])
        made.features[places, s] = rows
        compiled.driver(combine)(scores, weights, places, s, made.probability, made.confidence)
    return made


def news_levels(fresh: Floats, fading: float, compiled: CompiledRules) -> Floats:
    """How the news stands by coin at each instant.

    Args:
        fresh: float64 [m, coins], summed scores of what was first seen since the instant before.
    Returns:
        float64 [m, coins]; NaN while nothing is said.
    """
    levels = np.empty(fresh.shape)
    compiled.driver(fade)(fresh, fading, levels)
    return levels


def fade(fresh: Array, fading: float, levels: Array) -> None:
    """Fill *levels* instant by instant; to be compiled."""
    for c in range(fresh.shape[1]):
        level = UNKNOWN
        for t in range(fresh.shape[0]):
            level = news_step(level, fading, fresh[t, c])
            levels[t, c] = level


def combine(scores: Array, weights: Array, places: Ints, s: int, probability: Array, confidence: Array) -> None:
    """Members' scores [k, members] of symbol *s* into its columns; to be compiled.

    Ranks among the RANK_WINDOW strengths before it, which stand in a ring: counting them all takes less than keeping
    them in order, as live does.
    """
    ring: Array = np.empty(RANK_WINDOW)
    seen = 0
    for i in range(len(scores)):
        total = 0.0
        weight = 0.0
        for k in range(len(weights)):
            total, weight = combined(total, weight, scores[i, k], weights[k])
        score = weighted_mean(total, weight)
        strength = abs(score)
        count = min(seen, RANK_WINDOW)
        not_above = 0
        for j in range(count):
            not_above += 1 if ring[j] <= strength else 0
        probability[places[i], s] = direction_probability(score)
        confidence[places[i], s] = rank_among(not_above, count, strength)
        if strength == strength:
            ring[seen % RANK_WINDOW] = strength
            seen += 1


BUILT_IN = (technical_score, momentum_score, news_score)
"""The rules that are compiled for all rows at once; a model that is one of them says so (`ports.model.RuledModel`)."""


def opinions(rows: Array, own: Array, market: Array, scores: Array) -> None:
    """The scores [k, 3] of `BUILT_IN` for rows of features [k, 17] and levels of news [k]; to be compiled."""
    for i in range(len(rows)):
        f = rows[i]
        features = Features(
            f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12], f[13], f[14], f[15], f[16]
        )
        scores[i, 0] = score_of(technical_score(features))
        scores[i, 1] = score_of(momentum_score(features))
        scores[i, 2] = score_of(news_score(own[i], market[i]))


def _asked(model: Model, symbol: str, rows: Floats, own: Floats, market: Floats) -> list[float]:
    """The scores of a model that is no rule, row by row.

    Raises:
        ModelUnavailableError: it cannot predict; a backtest without it would be another one.
    """
    told = zip(rows.tolist(), own.tolist(), market.tolist(), strict=True)
    return [score_of(model.parts([Evidence(symbol, Features(*row), a, b)])[0]) for row, a, b in told]

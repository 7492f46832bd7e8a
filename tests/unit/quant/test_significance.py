"""What a Sharpe ratio proves is what the papers' own examples say, and what laws demand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.significance import (
    Evidence,
    deflated_sharpe,
    evidence,
    luckiest_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    unskilled_variance,
)

gains = st.lists(st.integers(-50_000, 50_000), min_size=3, max_size=80).map(lambda ppm: np.array(ppm) / 1e6)
found = st.builds(
    lambda n, sharpe, skewness, fat: Evidence(n, sharpe, skewness, skewness**2 + 1.0 + fat),
    st.integers(2, 5000), st.floats(-0.5, 0.5), st.floats(-3.0, 3.0), st.floats(0.1, 10.0),
)  # fmt: skip


def normal(annual: float, n: int, per_year: int) -> Evidence:
    """Returns of a normal distribution with an annual Sharpe ratio."""
    return Evidence(n, annual / math.sqrt(per_year), 0.0, 3.0)


@pytest.mark.parametrize(("per_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_track_records_that_bailey_and_lopez_de_prado_ask_of_a_sharpe_of_two(per_year: int, years: float) -> None:
    """The Sharpe Ratio Efficient Frontier (2012): 2 against 1, normal returns, 95 %; days, weeks, months."""
    length = minimum_track_record(normal(2.0, 100, per_year), 1.0 / math.sqrt(per_year))
    assert length / per_year == pytest.approx(years, abs=0.006)


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    """The Deflated Sharpe Ratio (2014): 2.5 in five years of days, skewness -3, kurtosis 10, variance 1/2 a year."""
    best = Evidence(1250, 2.5 / math.sqrt(250), -3.0, 10.0)
    assert luckiest_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(best, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(best, 46, 0.5 / 250) == pytest.approx(0.9505, abs=5e-5)


def test_the_luckiest_of_a_hundred_coin_tossers_is_about_as_lucky_as_expected() -> None:
    draws = np.random.default_rng(7).normal(0.0, 0.3, (20_000, 100)).max(axis=1)
    assert luckiest_sharpe(100, 0.3**2) == pytest.approx(draws.mean(), rel=0.02)


def test_the_luckiest_sixty_days_of_a_hundred_strategies_without_skill() -> None:
    returns = np.random.default_rng(7).normal(0.0, 0.02, (2000, 100, 60))
    best = (returns.mean(axis=2) / returns.std(axis=2, ddof=1)).max(axis=1)
    assert luckiest_sharpe(100, unskilled_variance(60)) == pytest.approx(best.mean(), rel=0.02)


@given(gains)
def test_skewness_and_kurtosis_are_those_of_scipy(some: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    assume(some.std() > 1e-6)
    shape = evidence(some)
    assert shape.n == some.size
    assert shape.sharpe == pytest.approx(some.mean() / some.std(ddof=1), abs=1e-12)
    assert shape.skewness == pytest.approx(stats.skew(some), abs=1e-6)
    assert shape.kurtosis == pytest.approx(stats.kurtosis(some, fisher=False), abs=1e-6)


@given(found)
def test_against_itself_a_sharpe_ratio_is_even_odds_and_a_longer_record_proves_more(some: Evidence) -> None:
    assert probabilistic_sharpe(some, some.sharpe) == pytest.approx(0.5)
    longer = probabilistic_sharpe(some._replace(n=4 * some.n))
    assert abs(longer - 0.5) >= abs(probabilistic_sharpe(some) - 0.5)


@given(found)
def test_a_record_of_the_minimum_length_proves_exactly_what_was_asked(some: Evidence) -> None:
    assume(some.sharpe > 1e-3)
    length = minimum_track_record(some)
    needed = (math.sqrt(length - 1.0)) * some.sharpe / some.error
    assert stats.norm.cdf(needed) == pytest.approx(0.95)
    assert probabilistic_sharpe(some._replace(n=math.ceil(length))) >= 0.95 - 1e-12


@given(found, st.integers(1, 1000), st.floats(1e-6, 0.1))
def test_more_trials_never_make_the_best_of_them_more_credible(some: Evidence, trials: int, variance: float) -> None:
    few, many = deflated_sharpe(some, trials, variance), deflated_sharpe(some, 2 * trials, variance)
    assert many <= few <= probabilistic_sharpe(some)


def test_a_single_trial_needs_no_deflation() -> None:
    record = normal(1.0, 365, 365)
    assert deflated_sharpe(record, 1, math.nan) == probabilistic_sharpe(record)


def test_what_is_not_known_is_not_made_up() -> None:
    record = normal(1.0, 365, 365)
    nothing = evidence([0.1] * 10)
    unknown = [
        *nothing[1:], *evidence([0.1])[1:], *evidence([])[1:],
        probabilistic_sharpe(nothing), minimum_track_record(nothing), deflated_sharpe(record, 2, math.nan),
        minimum_track_record(record, record.sharpe), minimum_track_record(normal(-1.0, 9, 9)), unskilled_variance(1),
        probabilistic_sharpe(Evidence(4, 1.0, 2.0, 5.0)),  # Moments that leave the ratio no error at all.
    ]  # fmt: skip
    assert all(math.isnan(x) for x in unknown)


def test_trials_that_all_came_to_the_same_leave_nothing_to_luck() -> None:
    assert luckiest_sharpe(100, 0.0) == 0.0
    assert unskilled_variance(2) == 1.0


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="trials is 0; allowed: at least 1"):
        luckiest_sharpe(0, 0.1)
    with pytest.raises(InvalidValueError, match="variance of the trials' Sharpe ratios is"):
        luckiest_sharpe(2, -0.1)

"""Growth and risk agree with empyrical, and obey their laws."""

import math

import empyrical
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.quant.drawdowns import drawdown
from cryptopilot.quant.metrics import Floats, deepest_drawdown, sharpe, sortino
from cryptopilot.quant.returns import cagr, calmar, compared, expected_shortfall, value_at_risk, volatility

YEAR = 365
gains = st.lists(st.integers(-50_000, 50_000), min_size=20, max_size=80).map(lambda ppm: np.array(ppm) / 1e6)
factors = st.floats(0.01, 10.0)


def curve_of(some: Floats) -> Floats:
    curve: Floats = np.r_[1.0, (1.0 + some).cumprod()]
    return curve


def varied(some: Floats) -> Floats:
    assume(some.std() > 1e-6)
    return some


@given(gains)
def test_growth_and_risk_are_those_of_empyrical(some: Floats) -> None:
    curve = curve_of(varied(some))
    growth = cagr(curve[-1], some.size / YEAR)
    deepest = deepest_drawdown(curve).depth
    assert growth == pytest.approx(empyrical.cagr(some, annualization=YEAR), abs=1e-9)
    assert volatility(some, YEAR) == pytest.approx(empyrical.annual_volatility(some, annualization=YEAR))
    assert sharpe(some, YEAR) == pytest.approx(empyrical.sharpe_ratio(some, annualization=YEAR), abs=1e-9)
    assert deepest == pytest.approx(-empyrical.max_drawdown(some), abs=1e-12)
    assert -drawdown(curve) == pytest.approx(empyrical.stats.drawdown_series(some), abs=1e-12)
    assume(deepest > 1e-9)
    assert calmar(growth, deepest) == pytest.approx(empyrical.calmar_ratio(some, annualization=YEAR), rel=1e-6)


@given(gains)
def test_the_worst_days_are_those_of_empyrical(some: Floats) -> None:
    assert value_at_risk(some) == pytest.approx(empyrical.value_at_risk(some), abs=1e-12)
    assert expected_shortfall(some) == pytest.approx(empyrical.conditional_value_at_risk(some), abs=1e-12)


def test_sortino_is_that_of_empyrical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "NINF", -math.inf, raising=False)  # The name that empyrical 0.5.9 knows infinity by.
    some = np.random.default_rng(7).normal(0.001, 0.02, 400)
    assert sortino(some, YEAR) == pytest.approx(empyrical.sortino_ratio(some, annualization=YEAR))


@given(gains, st.data())
def test_beta_and_alpha_are_those_of_empyrical(some: Floats, draw: st.DataObject) -> None:
    market = varied(np.array(draw.draw(st.permutations(some.tolist()))))
    found = compared(some, market, YEAR)
    assert found.beta == pytest.approx(empyrical.beta_aligned(some, market), abs=1e-9)
    assert found.alpha == pytest.approx(empyrical.alpha_aligned(some, market, annualization=YEAR), rel=1e-6, abs=1e-9)
    assert found.correlation == pytest.approx(np.corrcoef(some, market)[0, 1], abs=1e-9)


@given(gains, factors)
def test_the_market_levered_is_perfectly_correlated_and_has_its_leverage_as_beta(some: Floats, factor: float) -> None:
    found = compared(factor * varied(some), some, YEAR)
    assert found == pytest.approx((1.0, factor, 0.0), abs=1e-9)


@given(gains, factors)
def test_risk_grows_with_leverage_and_the_worst_days_lie_beyond_the_value_at_risk(some: Floats, factor: float) -> None:
    for risk in (value_at_risk, expected_shortfall):
        assert risk(factor * some) == pytest.approx(factor * risk(some), abs=1e-12)
    assert volatility(factor * some, YEAR) == pytest.approx(factor * volatility(some, YEAR))
    roundings = 1e-12
    assert min(some) - roundings <= expected_shortfall(some) <= value_at_risk(some) + roundings <= max(some) + roundings


@given(st.floats(0.5, 2.0), st.floats(0.1, 10.0))
def test_growing_at_the_rate_found_comes_to_the_same(growth: float, years: float) -> None:
    assert (1.0 + cagr(growth, years)) ** years == pytest.approx(growth)


def test_what_is_not_known_is_not_made_up() -> None:
    flat, once = [0.0] * 30, [0.01]
    unknown = [
        cagr(1.1, 0.0), cagr(2.0, 1e-4), cagr(math.nan, 1.0), calmar(0.1, 0.0), volatility(once, YEAR),
        value_at_risk([-0.01] * 19), expected_shortfall([-0.01] * 19),
        *compared(flat, flat, YEAR), *compared(once, once, YEAR), compared(flat, [0.01, -0.01] * 15, YEAR).correlation,
    ]  # fmt: skip
    assert all(math.isnan(x) for x in unknown)
    assert volatility(flat, YEAR) == 0.0
    assert volatility([0.0, 0.02], YEAR) == pytest.approx(0.02 / math.sqrt(2) * math.sqrt(YEAR))
    assert compared(flat, [0.01, -0.01] * 15, YEAR)[1:] == (0.0, 0.0)


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="share is 5"):
        value_at_risk([0.0] * 30, 5)
    with pytest.raises(InvalidValueError, match="market is '1 returns'; allowed: 2"):
        compared([0.1, 0.2], [0.1], YEAR)

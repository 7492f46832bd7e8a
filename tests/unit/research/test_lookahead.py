"""Strategies that know the future, each in its own way, and honest ones that must not be taken for such."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.agents.strategies.chosen import Chosen, choose
from cryptopilot.agents.strategies.reversion import Reversion
from cryptopilot.agents.strategies.trend import Trend
from cryptopilot.domain.errors import RejectedError
from cryptopilot.domain.timeframe import HOUR, MINUTE
from cryptopilot.ports.strategy import COLUMNS, Columns, Floats, Row, Wishes, wishes
from cryptopilot.quant.rolling import highest, mean
from cryptopilot.research.lookahead import PAST, STATE, LookaheadError, check, require_honest
from cryptopilot.research.noise import FUTURES
from tests.fakes.columns import some_columns

SERIES = some_columns(2500, step=5 * MINUTE)
MARKET = {"BTC/USDT": SERIES, "ETH/USDT": some_columns(1500, step=5 * MINUTE, seed=8, missing=range(500, 620))}


def a_strategy(decide: Callable[[Columns], Any], rows: int = 50) -> Chosen:
    """A strategy that decides like that and says that it looks back so far."""

    class Tried:
        name, version, parameters, lookback = "tried", "1", (), rows

        def signals(self, columns: Columns) -> Wishes:
            found = decide(columns)
            return found if isinstance(found, Wishes) else wishes(found)

    found = choose(Tried)
    assert isinstance(found, Chosen)
    return found


def shifted(x: Floats, by: int) -> Floats:
    """x[t - by] at t."""
    found = np.full(len(x), np.nan)
    if by >= 0:
        found[by:] = x[: len(x) - by]
    else:
        found[:by] = x[-by:]
    return found


def next_close(c: Columns) -> Any:
    return shifted(c.close, -1) > 1.01 * c.close


def above_the_mean_of_the_series(c: Columns) -> Any:
    return c.close > c.close.mean()


def normalised(c: Columns) -> Any:
    return (c.volume - c.volume.min()) / (np.ptp(c.volume) or 1.0) > 0.95


def centred(c: Columns) -> Any:
    return c.close < shifted(mean(c.close, 9), -4)


def best_row(c: Columns) -> Any:
    return np.arange(len(c)) == np.argmax(c.close)


def hourly_close(c: Columns, hours: Any) -> Floats:
    """Per row the last close among the rows whose bars opened in that hour."""
    opened = (c.closed_at - c.timeframe_ms) // HOUR
    last = np.searchsorted(opened, hours, side="right") - 1
    return np.where(last >= 0, c.close[last], np.nan)


def open_hour(c: Columns) -> Any:
    """Above the close of its own hour, which has not closed."""
    return c.close < 0.99 * hourly_close(c, (c.closed_at - c.timeframe_ms) // HOUR)


def closed_hour(c: Columns) -> Any:
    """The same, rightly: the hour that closed last."""
    return c.close < 0.99 * hourly_close(c, c.closed_at // HOUR - 1)


def growing_mean(c: Columns) -> Any:
    return c.close > np.cumsum(c.close) / np.arange(1, len(c) + 1)


def bfilled(c: Columns) -> Any:
    """Unknown values filled from those that come after."""
    known = c.probability.copy()
    for row in range(len(known) - 2, -1, -1):
        if np.isnan(known[row]) or row % 3:
            known[row] = known[row + 1]
    return known > 0.8


def sized_by_the_future(c: Columns) -> Any:
    return wishes(c.rsi < 40, size=np.where(shifted(c.close, -1) > c.close, 0.1, 0.01))


def stopped_by_the_future(c: Columns) -> Any:
    return wishes(c.rsi < 40, stop=np.clip(1 - shifted(c.low, -1) / c.close, 0.001, 0.5))


@pytest.mark.parametrize(
    "decide",
    [
        next_close, above_the_mean_of_the_series, normalised, centred, best_row, open_hour, bfilled,
        sized_by_the_future, stopped_by_the_future,
    ],
)  # fmt: skip
def test_who_knows_the_future_is_found_out(decide: Callable[[Columns], Any]) -> None:
    findings = check(a_strategy(decide), MARKET)
    assert {f.symbol for f in findings} == set(MARKET)
    assert any(f.kind not in {PAST, STATE} for f in findings)
    assert all(f.decided_at <= f.instant for f in findings)


@pytest.mark.parametrize("seed", range(5))
def test_who_looks_further_back_than_declared_is_found_out(seed: int) -> None:
    far = a_strategy(lambda c: c.close >= highest(c.close, 60), rows=59)
    assert {f.kind for f in check(far, MARKET, samples=60, seed=seed)} == {PAST}
    assert {f.kind for f in check(a_strategy(growing_mean), MARKET, seed=seed)} == {PAST}


def test_who_remembers_earlier_calls_is_found_out() -> None:
    seen: dict[int, float] = {}
    calls: list[Floats] = []

    def by_time(c: Columns) -> Any:
        ahead = np.array([seen.get(int(t) + c.timeframe_ms, np.nan) for t in c.closed_at])
        seen.update(zip(c.closed_at.tolist(), c.close.tolist(), strict=True))
        return ahead > c.close

    def by_call(c: Columns) -> Any:
        calls.append(c.close)
        return np.full(len(c), len(calls) % 2)

    for decide in (by_time, by_call):
        findings = check(a_strategy(decide), MARKET)
        assert findings
        with pytest.raises(LookaheadError):
            require_honest(a_strategy(decide), MARKET)


def test_who_answers_otherwise_when_asked_again_is_found_out() -> None:
    whole: list[int] = []

    def decide(c: Columns) -> Any:
        whole.extend([1] if len(c) == len(SERIES) else [])
        return np.full(len(c), len(whole) > 1)

    assert [f.kind for f in check(a_strategy(decide), {"BTC/USDT": SERIES}, samples=0)] == [STATE]


def holds_with_hindsight(c: Columns) -> Any:
    """Knows the future in rows that do not buy, where nobody looks at anything but the side."""
    return wishes(c.rsi < 40, size=np.where(c.rsi < 40, 0.1, shifted(c.close, -1)))


def honest(c: Columns) -> Any:
    return wishes(
        np.where(c.close > mean(c.close, 50), 1, np.where(c.rsi > 70, -1, 0)), size=0.01 / c.volatility,
        confidence=c.confidence,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "strategy",
    [
        choose(Trend), choose(Trend, {"entry_bars": 500}), choose(Reversion), a_strategy(honest),
        a_strategy(closed_hour), a_strategy(holds_with_hindsight), a_strategy(lambda c: np.zeros(len(c), int), rows=1),
        a_strategy(lambda c: c.close >= highest(c.close, 60), rows=60),
    ],
)  # fmt: skip
def test_an_honest_strategy_passes(strategy: Chosen, seed: int) -> None:
    assert check(strategy, MARKET, seed=seed) == ()


def test_a_strategy_by_candles_passes_and_one_that_shares_its_memory_does_not() -> None:
    class Average:
        def __init__(self) -> None:
            self._slow = 0.0

        def on_candle(self, row: Row) -> int:
            self._slow += 0.1 * (row[0] - self._slow)
            return int(row[0] > self._slow)

    class Fresh:
        name, version, parameters, lookback, reads = "fresh", "1", (), 60, ("close",)

        def start(self) -> Average:
            return Average()

    class Shared(Fresh):
        one = Average()

        def start(self) -> Average:
            return self.one

    assert check(_chosen(Fresh), MARKET) == ()
    assert check(_chosen(Shared), MARKET) != ()


def _chosen(kind: type) -> Chosen:
    found = choose(kind)
    assert isinstance(found, Chosen)
    return found


def test_a_refusal_names_strategy_symbol_instant_and_what_changed() -> None:
    with pytest.raises(LookaheadError) as refused:
        require_honest(a_strategy(next_close), {"BTC/USDT": SERIES})
    said = str(refused.value)
    assert isinstance(refused.value, RejectedError)
    assert said.startswith("strategy tried is biased: BTC/USDT: side at 2020-01-")
    assert "with another future after" in said
    assert refused.value.findings[0].before != refused.value.findings[0].after


def test_who_passes_gets_its_wishes() -> None:
    strategy = a_strategy(honest)
    answer = require_honest(strategy, MARKET)
    assert {s: w.side.tolist() for s, w in answer.items()} == {
        s: strategy.wishes(s, c).side.tolist() for s, c in MARKET.items()
    }


def test_the_same_seed_gives_the_same_findings() -> None:
    assert check(a_strategy(centred), MARKET, seed=3) == check(a_strategy(centred), MARKET, seed=3)


def test_a_market_without_rows_gives_nobody_away() -> None:
    assert check(a_strategy(honest), {"BTC/USDT": SERIES[:0]}) == ()
    assert check(a_strategy(honest), {"BTC/USDT": SERIES[:1]}) == ()


@given(st.integers(0, 299), st.sampled_from(FUTURES), st.integers(0, 2**32))
def test_another_future_leaves_the_past_alone_and_holds_candles_that_can_be(row: int, future: Any, seed: int) -> None:
    columns = SERIES[:300]
    other = future(columns, row, np.random.default_rng(seed))
    for name in COLUMNS:
        assert getattr(other, name)[: row + 1].tobytes() == getattr(columns, name)[: row + 1].tobytes()
    body = np.stack([other.open, other.close])
    assert (other.low > 0).all()
    assert (other.low <= body.min(axis=0)).all()
    assert (other.high >= body.max(axis=0)).all()
    assert (other.volume >= 0).all()
    assert np.isfinite(body).all()

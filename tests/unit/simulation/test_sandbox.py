"""The sandbox: made up, but made like a market, and the same whenever and wherever it is made again."""

import numpy as np
import pytest

from cryptopilot.domain.candle import Bar
from cryptopilot.domain.errors import UnknownSymbolError
from cryptopilot.domain.timeframe import HOUR, MINUTE
from cryptopilot.ports.candles import HISTORY
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import BLOCK, DEFAULT_SYMBOLS, SandboxMarket

FIRST = 1_763_856_000_000
STEP = 5 * MINUTE
BARS = 6000


def a_market(seed: int = 7, symbols: tuple[str, ...] = DEFAULT_SYMBOLS, step: int = STEP) -> SandboxMarket:
    return SandboxMarket(seed, symbols, step, FIRST)


@pytest.fixture(scope="module")
def closes() -> dict[str, np.ndarray]:
    market = a_market()
    bars = [market.closed(FIRST + i * STEP).bars for i in range(BARS)]
    return {s: np.array([b[s].close for b in bars], float) for s in DEFAULT_SYMBOLS}


def returns(closes: np.ndarray) -> np.ndarray:
    return np.diff(np.log(closes))


def test_it_has_at_least_twelve_coins() -> None:
    assert len(DEFAULT_SYMBOLS) >= 12


def test_any_stretch_is_the_same_whatever_was_asked_before() -> None:
    far = FIRST + 40 * BLOCK * STEP
    fresh = a_market().closed(far)
    used = a_market()
    for i in range(0, 40 * BLOCK, BLOCK // 2):
        used.closed(FIRST + i * STEP)
    assert used.closed(far) == fresh


def test_another_seed_is_another_market() -> None:
    assert a_market(7).closed(FIRST) != a_market(8).closed(FIRST)


def test_fewer_symbols_have_the_same_bars_as_among_all() -> None:
    few = a_market(symbols=("BTC/USDT", "SOL/USDT")).closed(FIRST).bars
    every = a_market().closed(FIRST).bars
    assert few["SOL/USDT"].open_time == every["SOL/USDT"].open_time
    assert few["SOL/USDT"] == every["SOL/USDT"]


def test_every_bar_is_possible_and_opens_where_the_last_one_closed() -> None:
    market = a_market()
    previous: dict[str, Bar] = {}
    for i in range(2 * BLOCK):
        for symbol, bar in market.closed(FIRST + i * STEP).bars.items():
            assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.volume > 0
            assert bar.open_time == FIRST + (i - 1) * STEP
            if symbol in previous:
                assert bar.open == previous[symbol].close
            previous[symbol] = bar


def test_an_opening_is_that_of_the_bar_that_begins_there() -> None:
    market = a_market()
    opened, closed = market.opened(FIRST), market.closed(FIRST + STEP).bars
    assert {s: (o.ticks, o.bar_lots) for s, o in opened.items()} == {s: (b.open, b.volume) for s, b in closed.items()}


def test_coins_move_together_but_not_as_one(closes: dict[str, np.ndarray]) -> None:
    moves = np.array([returns(c) for c in closes.values()])
    off = np.corrcoef(moves)[np.triu_indices(len(moves), 1)]
    assert 0.2 < np.median(off) < 0.9
    assert off.max() < 0.97


def test_volatility_clusters(closes: dict[str, np.ndarray]) -> None:
    size = np.abs(returns(closes["ETH/USDT"]))
    size = np.minimum(size, np.quantile(size, 0.99))
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1


def test_moves_have_fat_tails_and_jumps(closes: dict[str, np.ndarray]) -> None:
    for coin in ("BTC/USDT", "DOGE/USDT"):
        moves = returns(closes[coin])
        assert np.abs(moves).max() > 6 * moves.std()


def test_prices_stay_within_reason_over_years() -> None:
    market = a_market(step=HOUR, symbols=("DOGE/USDT",))
    usual = 13_000
    far = [market.closed(FIRST + i * 500 * HOUR).bars["DOGE/USDT"].close for i in range(100)]
    assert usual / 10 < min(far)
    assert max(far) < usual * 10


def test_an_unknown_symbol_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownSymbolError, match=r"'FOO/USDT' is not in this market; it has: ADA/USDT"):
        a_market(symbols=("FOO/USDT",))


def test_history_covers_forty_times_the_longest_period() -> None:
    market = a_market()
    assert HISTORY >= 1000
    assert market.first_decision - market.first_instant == HISTORY * STEP


def test_some_news_leads_its_move_some_follows_and_most_is_noise() -> None:
    market = a_market()
    news = SandboxNews(market, 7).seen(FIRST, FIRST + 20_000 * STEP)
    leads = follows = noise = 0
    for item in news:
        bar = item.first_seen_at // STEP
        coin = item.coins[0]
        if coin == "*":
            continue
        jumps = [market.jump(f"{coin}/USDT", bar + k) for k in range(4)]
        leads += any(jumps[1:])
        follows += bool(jumps[0])
        noise += not any(jumps)
    assert min(leads, follows) > 50
    assert noise > leads
    assert all(item.simulated for item in news)


def test_news_that_leads_points_the_way() -> None:
    market = a_market()
    agree = []
    for item in SandboxNews(market, 7).seen(FIRST, FIRST + 20_000 * STEP):
        bar, coin = item.first_seen_at // STEP, item.coins[0]
        ahead = 0.0 if coin == "*" else sum(market.jump(f"{coin}/USDT", bar + k) for k in (1, 2, 3))
        if abs(ahead) > 0.01:
            good = any(w in item.title for w in ("surges", "approval", "adds", "rallies", "boosts"))
            agree.append(good == (ahead > 0))
    assert np.mean(agree) > 0.8


def test_news_is_the_same_in_whatever_portions_it_is_asked_for() -> None:
    news = SandboxNews(a_market(), 7)
    whole = news.seen(FIRST, FIRST + 300 * STEP)
    parts = [i for k in range(300) for i in news.seen(FIRST + k * STEP, FIRST + (k + 1) * STEP)]
    assert parts == list(whole)
    assert all(i.published_at <= i.first_seen_at for i in whole)

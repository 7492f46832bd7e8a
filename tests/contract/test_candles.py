"""What every candle source promises: the sandbox, recorded files, and the one that tests write themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording
from cryptopilot.domain.candle import checked_bar
from cryptopilot.domain.timeframe import parse_time
from cryptopilot.ports.candles import CandleSource
from cryptopilot.simulation.sandbox import SandboxMarket
from tests.fakes.market import ScriptedMarket, wobbling

Make = Callable[[], CandleSource]


@pytest.fixture(params=["sandbox", "recorded", "scripted"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes the same source again."""
    if request.param == "sandbox":
        return lambda: SandboxMarket(3, ("BTC/USDT", "ETH/USDT"), 300_000, 1_763_856_000_000)
    if request.param == "scripted":
        return lambda: ScriptedMarket(wobbling(["BTC/USDT", "ETH/USDT"], 200))
    folder: Path = request.getfixturevalue("market_data")
    span = parse_time("from", "2023-03-20"), parse_time("to", "2023-04-10")  # Holds the outage of 2023-03-24.
    return lambda: RecordedMarket(Recording(folder, "BINANCE", "1h", ("BTC/USDT", "ETH/USDT"), *span))


def test_bars_closed_at_an_instant_lie_in_the_step_before_it(make: Make) -> None:
    source = make()
    for i in range(150):
        instant = source.first_decision + i * source.timeframe_ms
        for bar in source.closed(instant).bars.values():
            assert bar.open_time == instant - source.timeframe_ms


def test_every_bar_would_pass_the_check_at_the_door(make: Make) -> None:
    source = make()
    for i in range(150):
        for symbol, bar in source.closed(source.first_decision + i * source.timeframe_ms).bars.items():
            instrument = source.instruments[symbol]
            price, volume = instrument.price, instrument.volume
            raw = (price(bar.open), price(bar.high), price(bar.low), price(bar.close), volume(bar.volume))
            assert checked_bar(instrument, bar.open_time, raw) == bar


def test_an_opening_tells_nothing_but_the_next_bars_open_and_volume(make: Make) -> None:
    source = make()
    for i in range(150):
        instant = source.first_decision + i * source.timeframe_ms
        after = source.closed(instant + source.timeframe_ms).bars
        opened = source.opened(instant)
        assert {s: (o.ticks, o.bar_lots) for s, o in opened.items()} == {
            s: (b.open, b.volume) for s, b in after.items()
        }


def test_asking_again_and_out_of_order_gives_the_same(make: Make) -> None:
    source, again = make(), make()
    instants = [source.first_decision + i * source.timeframe_ms for i in range(50)]
    assert [source.closed(t) for t in instants] == [again.closed(t) for t in reversed(instants)][::-1]


def test_instants_and_instruments_are_named_and_on_the_grid(make: Make) -> None:
    source = make()
    assert source.name
    assert source.label
    assert list(source.instruments) == sorted(source.instruments)
    for instant in (source.first_instant, source.first_decision):
        assert instant % source.timeframe_ms == 0
    assert source.first_instant < source.first_decision


def test_a_bar_that_is_missing_is_absent(market_data: Path) -> None:
    span = parse_time("from", "2023-03-24"), parse_time("to", "2023-03-25")
    source = RecordedMarket(Recording(market_data, "BINANCE", "1h", ("BTC/USDT",), *span))
    outage = parse_time("at", "2023-03-24T14:00:00Z")
    missing = [t for t in range(span[0], span[1], 3_600_000) if not source.closed(t).bars]
    assert missing == [outage]
    assert source.opened(outage - 3_600_000) == {}

"""Recorded candles and headlines, replayed as they would have been seen."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, available, chosen, whole_stretch
from cryptopilot.adapters.news.recorded import RecordedNews, first_seen
from cryptopilot.domain.candle import Bar, Opening
from cryptopilot.domain.errors import DataFileError, InvalidValueError, UnknownSymbolError
from cryptopilot.domain.timeframe import DAY, HOUR, MINUTE
from cryptopilot.ports.candles import HISTORY
from cryptopilot.quant.quality import NAMES, Columns
from tests.unit.series import START, bars, changed, write_parquet
from tests.unit.series import chosen as rows_of

HOURS = bars(48)


def a_folder(folder: Path, **series: Columns) -> Path:
    """Keys are symbols, such as BTC_USDT, of KRAKEN at 1h."""
    for symbol, columns in series.items():
        write_parquet(folder / "candles" / f"KRAKEN-{symbol}-1h.parquet", columns)
    return folder


def a_market(folder: Path, *symbols: str, start: int = START, until: int = START + 2 * DAY) -> RecordedMarket:
    return RecordedMarket(Recording(folder, "KRAKEN", "1h", symbols or ("BTC/USDT",), start, until))


def test_a_bar_is_served_when_it_has_closed_in_ticks_and_lots(tmp_path: Path) -> None:
    market = a_market(a_folder(tmp_path, BTC_USDT=HOURS))
    o, h, low, c, v = HOURS.values[:, 3]
    bar = market.closed(START + 4 * HOUR).bars["BTC/USDT"]
    instrument = market.instruments["BTC/USDT"]
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.01"), Decimal("0.0001"))
    assert bar.open_time == START + 3 * HOUR
    prices = [instrument.price(ticks) for ticks in (bar.open, bar.high, bar.low, bar.close)]
    assert prices == pytest.approx([o, h, low, c])
    assert instrument.volume(bar.volume) == pytest.approx(v)
    assert market.closed(START + 4 * HOUR).late == {}


def test_gaps_stay_gaps(tmp_path: Path) -> None:
    a_folder(tmp_path, BTC_USDT=rows_of(HOURS, [*range(10), *range(13, 48)]), ETH_USDT=HOURS)
    market = a_market(tmp_path, "BTC/USDT", "ETH/USDT")
    served = [i for i in range(49) if "BTC/USDT" in market.closed(START + i * HOUR).bars]
    assert served == [*range(1, 11), *range(14, 49)]
    assert [i for i in range(49) if "ETH/USDT" in market.closed(START + i * HOUR).bars] == list(range(1, 49))
    assert [i for i in range(48) if "BTC/USDT" not in market.opened(START + i * HOUR)] == [10, 11, 12]


def test_openings_are_those_of_the_bars_that_begin_at_the_instant(tmp_path: Path) -> None:
    market = a_market(a_folder(tmp_path, BTC_USDT=HOURS))
    for i in range(47):
        instant = START + i * HOUR
        next_bar = market.closed(instant + HOUR).bars["BTC/USDT"]
        assert next_bar.open_time == instant
        assert market.opened(instant) == {"BTC/USDT": Opening(next_bar.open, next_bar.volume)}
    assert market.opened(START + 48 * HOUR) == {}


def test_history_begins_before_the_first_decision_and_instants_lie_on_the_grid(tmp_path: Path) -> None:
    market = a_market(a_folder(tmp_path, BTC_USDT=HOURS), start=START + 1, until=START + 5 * HOUR + 7)
    assert market.first_decision == START + HOUR
    assert market.first_instant == START + HOUR - HISTORY * HOUR
    assert market.last_instant == START + 5 * HOUR
    assert (market.name, market.label) == ("replay:KRAKEN", "REPLAY")


def test_declared_grids_win_over_the_finest_one_seen(tmp_path: Path) -> None:
    grid = {"BTC/USDT": {"tick_size": "0.1", "lot_size": "0.001", "max_price": "100000"}}
    (tmp_path / "instruments.json").write_text(json.dumps(grid))
    market = a_market(a_folder(tmp_path, BTC_USDT=HOURS))
    assert market.instruments["BTC/USDT"].tick_size == Decimal("0.1")
    assert market.closed(START + HOUR).bars["BTC/USDT"].open == 1000


@pytest.mark.parametrize("text", ["[]", "{", '{"BTC/USDT": 3}', '{"BTC/USDT": {"tick_size": "x"}}', "\udcff"])
def test_declared_grids_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    a_folder(tmp_path, BTC_USDT=HOURS)
    (tmp_path / "instruments.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataFileError, match=r"instruments.json: .*; allowed: \{"):
        a_market(tmp_path)


def test_an_exchange_or_a_timeframe_that_is_not_there_says_what_is(tmp_path: Path) -> None:
    a_folder(tmp_path, BTC_USDT=HOURS, ETH_USDT=HOURS)
    assert available(tmp_path, "KRAKEN", "1h") == available(tmp_path / "candles", "KRAKEN", "1h")
    assert available(tmp_path, "KRAKEN", "1h") == ("BTC/USDT", "ETH/USDT")
    with pytest.raises(DataFileError, match="no candles of MTGOX at 1h; it has: KRAKEN 1h"):
        available(tmp_path, "MTGOX", "1h")
    with pytest.raises(DataFileError, match="no candles of KRAKEN at 5m; it has: KRAKEN 1h"):
        available(tmp_path, "KRAKEN", "5m")
    with pytest.raises(DataFileError, match="no such folder; allowed: one with candles/"):
        available(tmp_path / "nowhere", "KRAKEN", "1h")
    with pytest.raises(InvalidValueError, match="timeframe is '7h'; allowed: 1m"):
        RecordedMarket(Recording(tmp_path, "KRAKEN", "7h", ("BTC/USDT",), START, START + DAY))


def test_a_symbol_that_is_not_there_says_what_is(tmp_path: Path) -> None:
    there = ("BTC/USDT", "ETH/USDT")
    assert chosen((), there) == there
    assert chosen(("ETH/USDT",), there) == ("ETH/USDT",)
    with pytest.raises(UnknownSymbolError, match="'XMR/USDT' is not in this market; it has: BTC/USDT, ETH/USDT"):
        chosen(("BTC/USDT", "XMR/USDT"), there)
    with pytest.raises(DataFileError, match=r"KRAKEN-XMR_USDT-1h\.parquet: no such file"):
        a_market(a_folder(tmp_path, BTC_USDT=HOURS), "XMR/USDT")


def test_a_time_with_no_candle_in_it_says_what_the_file_holds(tmp_path: Path) -> None:
    a_folder(tmp_path, BTC_USDT=HOURS)
    with pytest.raises(DataFileError, match=r"it holds 2020-01-01T00:00:00Z to 2020-01-02T23:00:00Z"):
        a_market(tmp_path, start=START + 100 * DAY * 365, until=START + 101 * DAY * 365)
    with pytest.raises(InvalidValueError, match="to is '2020-01-01T00:00:00Z'; allowed: after from"):
        a_market(tmp_path, until=START)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (rows_of(HOURS, [0, 2, 1]), "row 2 .* is before the row before it"),
        (rows_of(HOURS, [0, 1, 1]), "row 2 .* repeats the time of an earlier row"),
        (changed(HOURS, "close", 5, float("nan")), "row 5 .* has close nan"),
        (changed(HOURS, "volume", 5, -1.0), "row 5 .* has volume -1.0"),
        (changed(HOURS, "high", 5, 1.0), "row 5 .* breaks 0 < low <= open, close <= high"),
        (Columns(HOURS.times + MINUTE, HOURS.values), "row 0 .* is not on the grid of 1h"),
        (bars(24, step=4 * HOUR), "row 0 .* another timeframe"),
    ],
)
def test_a_file_with_a_wrong_row_is_refused_and_the_row_named(tmp_path: Path, columns: Columns, why: str) -> None:
    path = tmp_path / "candles" / "KRAKEN-BTC_USDT-1h.parquet"
    with pytest.raises(DataFileError, match=f"{why}.*; run: cryptopilot data check {path}$"):
        a_market(a_folder(tmp_path, BTC_USDT=columns))


def test_a_price_beyond_the_declared_bound_is_refused(tmp_path: Path) -> None:
    grid = {"BTC/USDT": {"tick_size": "0.01", "lot_size": "0.0001", "max_price": "50"}}
    (tmp_path / "instruments.json").write_text(json.dumps(grid))
    with pytest.raises(DataFileError, match="allowed: up to 50"):
        a_market(a_folder(tmp_path, BTC_USDT=HOURS))


def test_a_price_that_the_declared_grid_would_make_zero_is_refused(tmp_path: Path) -> None:
    grid = {"BTC/USDT": {"tick_size": "1000", "lot_size": "0.001", "max_price": "100000"}}
    (tmp_path / "instruments.json").write_text(json.dumps(grid))
    with pytest.raises(DataFileError, match=r"a price of \d+\.\d+, no tick of 1000; allowed: from 1000"):
        a_market(a_folder(tmp_path, BTC_USDT=HOURS))


def a_news_folder(folder: Path, *published: int) -> Path:
    (folder / "news").mkdir()
    titles = [f"Bitcoin item {number}" for number in range(len(published))]
    table = pa.table(
        {"published_at": pa.array(published, pa.int64()), "title": titles, "source": ["Wire"] * len(titles)}
    )
    parquet.write_table(table, folder / "news" / "wire.parquet")
    return folder


def test_recorded_headlines_are_seen_fifteen_minutes_after_their_publication(tmp_path: Path) -> None:
    published = START + 10 * HOUR
    news = RecordedNews(a_news_folder(tmp_path, published), START, START + 3 * DAY)
    seen = published + 15 * MINUTE
    assert news.seen(START, seen - 1) == []
    (headline,) = news.seen(seen - 1, seen)
    assert (headline.published_at, headline.first_seen_at, headline.source) == (published, seen, "Wire")
    assert news.seen(seen, START + 3 * DAY) == []


def test_headlines_of_midnight_have_a_date_only_and_count_from_the_next_midnight(tmp_path: Path) -> None:
    assert first_seen(START) == START + DAY
    assert first_seen(START + MINUTE) == START + 16 * MINUTE
    news = RecordedNews(a_news_folder(tmp_path, START), START, START + 3 * DAY)
    assert news.seen(0, START + DAY - 1) == []
    assert len(news.seen(START + DAY - 1, START + DAY)) == 1


def test_headlines_come_in_the_order_in_which_they_were_seen(tmp_path: Path) -> None:
    times = (START + 2 * HOUR, START, START + HOUR)
    news = RecordedNews(a_news_folder(tmp_path, *times), START, START + 3 * DAY)
    assert [h.published_at for h in news.seen(0, START + 3 * DAY)] == [START + HOUR, START + 2 * HOUR, START]
    assert len(RecordedNews(tmp_path, START, START + 90 * MINUTE)) == 1


def test_a_news_file_without_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    parquet.write_table(pa.table({"title": ["x"]}), tmp_path / "news" / "a.parquet")
    with pytest.raises(DataFileError, match="allowed: published_at with title or summary"):
        RecordedNews(tmp_path, START, START + DAY)
    (tmp_path / "news" / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataFileError, match="not a news file"):
        RecordedNews(tmp_path, START, START + DAY)


@pytest.mark.parametrize("times", [pa.array([START, None]), pa.array([1, START]).cast(pa.timestamp("ms"))])
def test_a_headline_whose_time_is_no_number_is_refused(tmp_path: Path, times: pa.Array) -> None:
    (tmp_path / "news").mkdir()
    parquet.write_table(pa.table({"published_at": times, "title": ["x", "y"]}), tmp_path / "news" / "a.parquet")
    with pytest.raises(DataFileError, match=r"row \d: published_at is .*; allowed: whole ms UTC"):
        RecordedNews(tmp_path, START, START + DAY)


@pytest.mark.data
def test_a_recorded_month_is_replayed_as_its_file_has_it_with_the_outages_of_its_exchange(
    market_data: Path,
) -> None:
    start, until = 1_675_209_600_000, 1_680_307_200_000  # 2023-02-01 to 2023-04-01; an outage on 03-24.
    market = RecordedMarket(Recording(market_data, "BINANCE", "1h", ("BTC/USDT", "ETH/USDT"), start, until))
    table = parquet.read_table(market_data / "candles" / "BINANCE-BTC_USDT-1h.parquet")
    rows = {row["timestamp"]: [row[name] for name in NAMES] for row in table.slice(40_000).to_pylist()}
    instrument = market.instruments["BTC/USDT"]
    missing = []
    for instant in range(start + HOUR, until, HOUR):
        bar = market.closed(instant).bars.get("BTC/USDT")
        if bar is None:
            missing.append(instant - HOUR)
            continue
        assert isinstance(bar, Bar)
        prices = [instrument.price(ticks) for ticks in bar[1:5]]
        assert [*prices, instrument.volume(bar.volume)] == rows[bar.open_time]
    assert missing == [t for t in range(start, until - HOUR, HOUR) if t not in rows]
    assert len(missing) == 1


@pytest.mark.data
def test_recorded_news_is_never_seen_before_it_could_have_been(market_data: Path) -> None:
    news = RecordedNews(market_data, 0, 2**53)
    seen = news.seen(0, 2**53)
    lags = np.array([h.first_seen_at - h.published_at for h in seen if h.source != "fear-greed"])
    dated = np.array([h.published_at % DAY == 0 for h in seen if h.source != "fear-greed"])
    assert len(seen) == len(news) > 17_000
    assert set(lags[dated]) == {DAY}
    assert set(lags[~dated]) == {15 * MINUTE}
    assert {h.first_seen_at - h.published_at for h in seen if h.source == "fear-greed"} == {15 * MINUTE}


def test_a_replay_without_limits_begins_where_every_symbol_has_its_history_and_ends_at_the_last_candle(
    tmp_path: Path,
) -> None:
    long = bars(HISTORY + 100)
    late = Columns(long.times + 50 * HOUR, long.values)
    a_folder(tmp_path, BTC_USDT=long, ETH_USDT=late)
    found = whole_stretch(tmp_path, "KRAKEN", "1h", ("BTC/USDT", "ETH/USDT"))
    assert found == (START + (HISTORY + 50) * HOUR, START + (HISTORY + 150) * HOUR)
    market = a_market(tmp_path, "BTC/USDT", "ETH/USDT", start=found.first_decision, until=found.last_instant)
    for symbol in ("BTC/USDT", "ETH/USDT"):
        before = range(found.first_decision, found.first_decision - HISTORY * HOUR, -HOUR)
        assert all(symbol in market.closed(instant).bars for instant in before)
    assert market.joining == {}
    assert market.closed(found.last_instant).bars.keys() == {"ETH/USDT"}


def test_a_symbol_that_never_has_a_whole_history_keeps_nobody_waiting_and_is_named(tmp_path: Path) -> None:
    long = bars(HISTORY + 100)
    young = Columns(HOURS.times + (HISTORY + 20) * HOUR, HOURS.values)
    a_folder(tmp_path, BTC_USDT=long, ETH_USDT=young)
    found = whole_stretch(tmp_path, "KRAKEN", "1h", ("BTC/USDT", "ETH/USDT"))
    assert found == (START + HISTORY * HOUR, START + (HISTORY + 100) * HOUR)
    market = a_market(tmp_path, "BTC/USDT", "ETH/USDT", start=found.first_decision, until=found.last_instant)
    assert market.joining == {"ETH/USDT": START + (HISTORY + 20) * HOUR}


def test_where_nothing_is_long_enough_for_a_history_decisions_begin_when_all_have_begun(tmp_path: Path) -> None:
    a_folder(tmp_path, BTC_USDT=HOURS, ETH_USDT=Columns(HOURS.times + 5 * HOUR, HOURS.values))
    assert whole_stretch(tmp_path, "KRAKEN", "1h", ("BTC/USDT", "ETH/USDT")) == (START + 6 * HOUR, START + 53 * HOUR)

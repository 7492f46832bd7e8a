"""Running statistics say what the books say, at any moment, however often the process is begun again."""

import json
import threading
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from itertools import pairwise

import pytest
from pydantic import TypeAdapter

from cryptopilot.domain.events import BookEvent, Deposited, Marked, OrderFilled
from cryptopilot.domain.position import Position
from cryptopilot.domain.tally import Tally
from cryptopilot.domain.timeframe import HOUR, iso
from cryptopilot.ports.journal import Batch
from cryptopilot.quant.metrics import deepest_drawdown, expectancy, profit_factor, returns, sharpe, sortino
from cryptopilot.runtime.performance import Performance, buy_and_hold, statistics_of
from cryptopilot.runtime.report import session_report
from cryptopilot.runtime.shapes.statistics import Statistics
from tests.fakes.house import House, a_house
from tests.fakes.market import a_bar, at
from tests.unit.runtime.conftest import Traded

PUBLISHED = {
    "total_signals", "total_trades", "successful_trades", "success_rate", "total_pnl", "realised_pnl",
    "unrealised_pnl", "fees", "max_drawdown", "max_drawdown_at", "sharpe", "sortino", "profit_factor", "expectancy",
    "stage_latency_ms", "equity_curve", "by_symbol", "versus_buy_and_hold", "last_update", "capital", "quote",
}  # fmt: skip


def told(traded: Traded) -> Statistics:
    return statistics_of(traded.service.assembly, traded.service.recent, traded.performance)


def watched(house: House) -> Performance:
    performance = Performance(house.assembly, (), {}, {})
    house.pipeline.observers.append(performance.observe)
    return performance


def a_rise(instants: int, percent: int) -> House:
    """A coin that gains so many hundredths of its first price an hour, and a pipeline that only looks."""
    bars = {at(i): a_bar(at(i), 10_000 + 100 * percent * max(i, 0)) for i in range(-230, instants + 1)}
    return a_house({"BTC/USDT": bars}, started=False)


def a_fill(trade_id: str, side: int, *, realised: int = 0, left: int = 0, fee: int = 10) -> OrderFilled:
    position = Position(trade_id, "default", "BTC/USDT", left, 0, 1, 1, 1, 0, 0) if left else None
    return OrderFilled(0, trade_id, "BTC/USDT", trade_id, side, 1, 1, fee, 1000, 0, True, 0, position, realised)


def booked(*events: BookEvent, wallet: str = "default") -> Batch:
    batch = Batch(at(0))
    for event in events:
        batch.book(wallet, event)
    return batch


# -- They are what the books say -----------------------------------------------------------------------------------


def test_ratios_and_drawdown_are_those_of_the_stored_curve(traded: Traded) -> None:
    statistics, curve = told(traded), list(traded.service.reader().equity())
    equity = [atoms for _, atoms in curve]
    year = 365 * 24 * 12  # Instants, five minutes each.
    assert statistics["sharpe"] == pytest.approx(sharpe(returns(equity), year), rel=1e-9)
    assert statistics["sortino"] == pytest.approx(sortino(returns(equity), year), rel=1e-9)
    fall = deepest_drawdown(equity)
    assert (statistics["max_drawdown"], statistics["max_drawdown_at"]) == (fall.depth, iso(curve[fall.trough][0]))
    assert [(p["at"], p["equity"]) for p in statistics["equity_curve"]] == [
        (iso(moment), f"{Decimal(atoms) / 10**8:f}") for moment, atoms in curve
    ]


def test_trades_are_counted_as_the_stored_ones_are(traded: Traded) -> None:
    statistics, reader = told(traded), traded.service.reader()
    closed = [t for t in reader.trades() if t.closed_at is not None]
    profits = [t.realised for t in closed]
    assert statistics["total_trades"] == len(closed)
    assert statistics["successful_trades"] == sum(p > 0 for p in profits)
    assert statistics["success_rate"] == pytest.approx(sum(p > 0 for p in profits) / len(closed))
    assert statistics["profit_factor"] == pytest.approx(profit_factor(profits))
    assert Decimal(str(statistics["expectancy"])) * 10**8 == pytest.approx(Decimal(expectancy(profits)), abs=1)
    assert Decimal(statistics["fees"]) * 10**8 == sum(f.fee for f in reader.fills())


def test_symbols_add_up_to_the_whole(traded: Traded) -> None:
    statistics = told(traded)
    by_symbol = statistics["by_symbol"]
    assert set(by_symbol) == {t.symbol for t in traded.service.reader().trades()}
    assert sum(s["closed"] for s in by_symbol.values()) == statistics["total_trades"]
    assert sum(s["won"] for s in by_symbol.values()) == statistics["successful_trades"]
    assert sum(Decimal(s["realised_pnl"]) for s in by_symbol.values()) == Decimal(statistics["realised_pnl"])
    assert sum(Decimal(s["fees"]) for s in by_symbol.values()) == Decimal(statistics["fees"])
    profits = {t.realised for t in traded.service.reader().trades() if t.closed_at is not None}
    best = [Decimal(s["best_trade"]) for s in by_symbol.values() if s["best_trade"] is not None]
    worst = [Decimal(s["worst_trade"]) for s in by_symbol.values() if s["worst_trade"] is not None]
    assert (max(best) * 10**8, min(worst) * 10**8) == (max(profits), min(profits))


def test_status_statistics_and_report_name_the_same_profit(traded: Traded) -> None:
    statistics, status = told(traded), traded.service.status()
    report = session_report(traded.service)
    for name in ("total_pnl", "realised_pnl", "unrealised_pnl", "total_trades", "successful_trades", "total_signals"):
        assert statistics[name] == status["stats"][name]
    assert statistics["last_update"] == status["stats"]["last_update"]
    profit = Decimal(statistics["total_pnl"])
    assert profit == Decimal(statistics["realised_pnl"]) + Decimal(statistics["unrealised_pnl"])
    assert profit == Decimal(status["account"]["equity"]) - Decimal(statistics["capital"])
    assert report["money"]["realised_pnl"] == statistics["realised_pnl"]
    assert report["money"]["unrealised_pnl"] == statistics["unrealised_pnl"]
    ahead = float(profit / Decimal(statistics["capital"])) - report["buy_and_hold"]
    assert statistics["versus_buy_and_hold"] == pytest.approx(ahead)


def test_they_have_their_published_shape_and_nothing_that_json_does_not_know(traded: Traded) -> None:
    statistics = told(traded)
    assert set(statistics) == PUBLISHED
    assert TypeAdapter(Statistics).validate_python(statistics, strict=True) == statistics
    json.dumps(statistics, allow_nan=False)
    stages = {"collector", "predictor", "strategy", "trader", "instant", "commit"}
    assert set(statistics["stage_latency_ms"]) == stages
    for took in statistics["stage_latency_ms"].values():
        assert took["p50"] is not None
        assert took["p95"] is not None
        assert took["p99"] is not None
        assert 0.0 <= took["p50"] <= took["p95"] <= took["p99"]


# -- They can be begun at any moment -------------------------------------------------------------------------------


def test_what_the_database_holds_leads_to_the_same_as_what_was_watched(traded: Traded) -> None:
    again = Performance.resumed(traded.service.assembly, traded.service.reader())
    assert again.now == traded.performance.now


def test_a_session_that_was_stopped_goes_on_as_if_it_had_never_been(begin: Callable[[str], Traded]) -> None:
    with closing((whole := begin("whole")).service):
        whole.advance(150)
    for instants in (40, 70, 40):
        with closing((part := begin("parts")).service):
            part.advance(instants)
    assert part.performance.now == whole.performance.now
    assert whole.performance.now.total.closed > 0


def test_a_session_without_an_instant_knows_its_capital_and_makes_nothing_up(begin: Callable[[str], Traded]) -> None:
    with closing((fresh := begin("fresh")).service):
        statistics = told(fresh)
    assert (statistics["capital"], statistics["total_pnl"], statistics["equity_curve"]) == ("10000", "0", [])
    unknown = {name for name, value in statistics.items() if value is None}
    assert unknown == {
        "success_rate", "max_drawdown", "max_drawdown_at", "sharpe", "sortino", "profit_factor", "expectancy",
        "versus_buy_and_hold",
    }  # fmt: skip
    assert statistics["stage_latency_ms"]["trader"] == {"p50": None, "p95": None, "p99": None}
    json.dumps(statistics, allow_nan=False)


def test_a_stored_curve_longer_than_a_page_is_read_whole(traded: Traded, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(traded.service.reader().equity())
    for page in (1, 7, len(whole), len(whole) + 1):
        monkeypatch.setattr("cryptopilot.adapters.storage.reader._PAGE", page)
        assert list(traded.service.reader().equity()) == whole
    assert all(a < b for (a, _), (b, _) in pairwise(whole))


# -- They can be read at any moment --------------------------------------------------------------------------------


def test_what_was_read_stays_one_moment_while_the_pipeline_goes_on(begin: Callable[[str], Traded]) -> None:
    with closing((going := begin("going")).service):
        writer = threading.Thread(target=going.advance, args=(150,))
        writer.start()
        read = []
        while writer.is_alive():
            now = going.performance.now
            read.append((now, now.curve.points(), now.total))
            told(going)
            writer.join(0.002)
        whole = going.performance.now.curve.points()
    assert len(whole) == 150
    assert len({now.at for now, _, _ in read}) > 1
    for now, points, total in read:
        assert now.curve.points() == points == whole[: now.curve.n]
        assert now.total == total


# -- Trade by trade ------------------------------------------------------------------------------------------------


def test_a_trade_that_is_sold_in_parts_is_one_trade_with_all_its_parts() -> None:
    performance = watched(a_rise(2, 0))
    performance.observe(booked(a_fill("t", 1, left=9), a_fill("t", -1, realised=500, left=4)))
    assert performance.now.total == Tally(realised=500, fees=20)
    performance.observe(booked(a_fill("t", -1, realised=-800)))
    assert performance.now.total == Tally(closed=1, lost=300, realised=-300, fees=30, best=-300, worst=-300)


def test_what_an_open_trade_had_realised_before_a_restart_counts_when_it_closes() -> None:
    house = a_rise(2, 0)
    performance = Performance(house.assembly, (), {"BTC/USDT": Tally(realised=500, fees=20)}, {"t": 500})
    performance.observe(booked(a_fill("t", -1, realised=-400)))
    assert performance.now.total == Tally(closed=1, won=1, gained=100, realised=100, fees=30, best=100, worst=100)


def test_another_wallets_books_are_none_of_ours() -> None:
    performance = watched(a_rise(2, 0))
    before = performance.now
    performance.observe(booked(a_fill("t", 1, left=9), Marked(at(1), 5, 5, 5, 5), wallet="another"))
    assert performance.now._replace(at=before.at) == before


def test_capital_that_is_paid_in_is_no_profit() -> None:
    house = a_rise(2, 0)
    performance = watched(house)
    account = house.assembly.trader.account
    deposit = Deposited(house.pipeline.handled, 10**8, account.cash + 10**8)
    account.apply(deposit)
    performance.observe(booked(deposit))
    assert performance.now.equity == performance.now.capital == 10_001 * 10**8


# -- Against the market --------------------------------------------------------------------------------------------


def test_who_does_nothing_while_the_market_rises_falls_behind_by_what_it_rose() -> None:
    house = a_rise(6, 10)
    performance = watched(house)
    house.run(1)
    assert performance.now.versus_buy_and_hold is None  # A return takes two marks.
    house.run(5)
    first, last = 10_000, 10_000 + 1000 * 5
    assert performance.now.at == at(5)
    assert performance.now.buy_and_hold == last / first - 1.0
    assert performance.now.versus_buy_and_hold == pytest.approx(-0.5)


def test_equal_parts_are_bought_of_what_had_a_price_at_the_start() -> None:
    marks = {"A": 300, "B": 50, "C": 1000}
    assert buy_and_hold({"A": 100, "B": 100}, lambda s: marks[s]) == pytest.approx((2.0 - 0.5) / 2)
    assert buy_and_hold({}, lambda s: marks[s]) is None


def test_the_market_is_measured_from_the_first_mark_after_a_restart_too() -> None:
    house = a_rise(6, 10)
    watching = watched(house)
    house.run(6)
    marks = [(p.at, p.equity) for p in watching.now.curve.points()]
    assert marks[1][0] - marks[0][0] == HOUR
    assert Performance(house.assembly, marks, {}, {}).now == watching.now

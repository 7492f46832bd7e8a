"""Every documented answer has every documented field, and says what the books say."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from cryptopilot.adapters.storage.pages import Wanted
from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.shapes import backtests, books, decisions, people, pipeline, statistics
from tests.api.rest.office import Office, exactly

PIPELINE = "/api/trading-pipeline"
ANSWERS: dict[str, Any] = {
    f"{PIPELINE}/status": pipeline.StatusAnswer,
    f"{PIPELINE}/market-data": pipeline.MarketAnswer,
    f"{PIPELINE}/predictions": pipeline.PredictionsAnswer,
    f"{PIPELINE}/signals": pipeline.SignalsAnswer,
    f"{PIPELINE}/trades": pipeline.TradesAnswer,
    f"{PIPELINE}/trades?limit=2": pipeline.TradesAnswer,
    f"{PIPELINE}/config": pipeline.ConfigAnswer,
    f"{PIPELINE}/statistics": statistics.StatisticsAnswer,
    "/api/decisions": decisions.DecisionsAnswer,
    "/api/decisions/funnel": decisions.FunnelAnswer,
    "/api/decisions/funnel?since=2020-01-01": decisions.FunnelAnswer,
    "/api/positions": books.PositionsAnswer,
    "/api/orders": books.OrdersAnswer,
    "/api/fills": books.FillsAnswer,
    "/api/account": books.AccountAnswer,
    "/api/news": decisions.NewsAnswer,
    "/api/audit": decisions.AuditAnswer,
    "/api/auth/me": people.MeAnswer,
    "/api/strategies": backtests.StrategiesAnswer,
    "/api/candles/series": backtests.SeriesAnswer,
    "/api/backtests": backtests.BacktestsAnswer,
}
_MONEY = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_MONEY_FIELDS = {
    "price", "exit_price", "entry_price", "mark_price", "limit_price", "stop_loss", "take_profit", "quantity", "filled",
    "fees", "fee", "pnl", "total_pnl", "realised_pnl", "unrealised_pnl", "cash", "reserved", "free_cash", "equity",
    "capital", "cost", "volume", "min_order", "max_order", "positions_value", "expectancy", "peak_equity",
}  # fmt: skip
_TIME_FIELDS = {
    "timestamp", "at", "opened_at", "closed_at", "created_at", "expires_at", "last_update", "market_time", "as_of",
    "closes_at", "last_execution", "next_execution", "halted_at", "published_at", "first_seen_at", "since", "until",
}  # fmt: skip
_RATIO_FIELDS = {
    "confidence", "direction_prob", "position_size", "pnl_pct", "daily_loss", "drawdown", "success_rate", "volatility",
    "max_daily_loss", "max_position_size", "max_drawdown", "max_correlation", "unrealised_pnl_pct", "change_24h",
}  # fmt: skip


@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_has_exactly_its_documented_fields(office: Office, path: str) -> None:
    exactly(ANSWERS[path], office.get(path))


@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_of_a_session_that_has_not_begun_has_them_too(quiet_office: Office, path: str) -> None:
    exactly(ANSWERS[path], quiet_office.get(path))


GRANTED: dict[str, Any] = {
    "access_token": "x", "token_type": "bearer", "expires_in": 900,
    "user": {"id": "1", "username": "ada", "role": "admin"},
}  # fmt: skip


def test_a_field_that_is_not_documented_is_noticed() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        exactly(people.GrantedAnswer, {**GRANTED, "refresh_token": "x"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        exactly(people.GrantedAnswer, {**GRANTED, "user": {**GRANTED["user"], "password_hash": "x"}})


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of a document with the name of the field that carries it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("path", [p for p in ANSWERS if not p.endswith("/config")])
def test_money_is_text_ratios_are_numbers_times_end_with_z(office: Office, path: str) -> None:
    seen = 0
    for name, value in leaves(office.get(path)):
        if value is None:
            continue
        seen += 1
        if name in _MONEY_FIELDS:
            assert isinstance(value, str)
            assert _MONEY.fullmatch(value), (name, value)
        elif name in _TIME_FIELDS:
            assert isinstance(value, str)
            assert _TIME.fullmatch(value), (name, value)
        elif name in _RATIO_FIELDS:
            assert type(value) in (int, float), (name, value)
    assert seen


def test_the_account_says_what_the_books_say(office: Office) -> None:
    shown, account = office.get("/api/account")["account"], office.service.assembly.trader.account
    quote = office.service.assembly.quote
    assert Decimal(shown["cash"]) == money(account.cash, quote)
    assert Decimal(shown["capital"]) == money(office.service.assembly.capital, quote)
    assert Decimal(shown["equity"]) == Decimal(shown["cash"]) + Decimal(shown["positions_value"])
    assert Decimal(shown["free_cash"]) == Decimal(shown["cash"]) - Decimal(shown["reserved"])
    assert Decimal(shown["total_pnl"]) == Decimal(shown["equity"]) - Decimal(shown["capital"])
    assert Decimal(shown["realised_pnl"]) == money(office.service.reader().totals().realised, quote)
    assert Decimal(shown["fees"]) == money(office.service.reader().totals().fees, quote)
    assert shown["as_of"] == iso(office.service.assembly.pipeline.handled)


def test_positions_are_those_of_the_account_with_their_protection(office: Office) -> None:
    held, answer = office.service.assembly.trader.account.positions, office.get("/api/positions")
    assert [p["symbol"] for p in answer["positions"]] == sorted(held)
    assert answer["count"] == len(held) > 0
    for shown in answer["positions"]:
        instrument, position = office.service.assembly.instruments[shown["symbol"]], held[shown["symbol"]]
        assert shown["id"] == position.trade_id
        assert Decimal(shown["quantity"]) == position.lots * instrument.lot_size
        assert Decimal(shown["stop_loss"]) < Decimal(shown["entry_price"]) < Decimal(shown["take_profit"])


def test_orders_and_fills_are_those_of_the_books(office: Office) -> None:
    reader = office.service.reader()
    booked = {(f.order_id, f.at) for f in reader.fills()}
    shown = office.get("/api/fills?limit=500")["fills"]
    assert {f["order_id"] for f in shown} == {order_id for order_id, _ in booked}
    assert len(shown) == len(booked) > 0
    orders = {o["id"]: o for o in office.get("/api/orders?limit=500")["orders"]}
    for fill in shown:
        assert orders[fill["order_id"]]["status"] in ("filled", "partly_filled")
        assert orders[fill["order_id"]]["side"] == fill["side"]
    assert sum(Decimal(f["fee"]) for f in shown) == Decimal(office.get("/api/account")["account"]["fees"])


def test_closed_trades_add_up_to_the_statistics(office: Office) -> None:
    trades = office.get("/api/trading-pipeline/trades?limit=500")["trades"]
    closed = [t for t in trades if t["status"] == "closed"]
    told = office.get("/api/trading-pipeline/statistics")["statistics"]
    assert told["total_trades"] == len(closed) > 0
    assert told["successful_trades"] == sum(Decimal(t["pnl"]) > 0 for t in closed)
    assert all(t["pnl"] is None or t["closed_at"] for t in closed)
    stats = office.get("/api/trading-pipeline/status")["status"]["stats"]
    for name in ("total_signals", "total_trades", "successful_trades", "total_pnl", "realised_pnl"):
        assert told[name] == stats[name], name


def test_the_first_page_of_trades_is_the_same_from_the_board_and_from_the_database(office: Office) -> None:
    ready = office.get("/api/trading-pipeline/trades")
    read = office.get("/api/trading-pipeline/trades?limit=100")
    asked = office.get("/api/trading-pipeline/trades?limit=100&since=1970-01-01")
    assert ready == read == asked


def test_status_counts_what_the_other_answers_list(office: Office) -> None:
    status = office.get("/api/trading-pipeline/status")["status"]
    for field, path in {
        "market_data_count": "market-data", "predictions_count": "predictions", "signals_count": "signals",
    }.items():  # fmt: skip
        assert status[field] == office.get(f"/api/trading-pipeline/{path}")["count"] > 0
    assert status["is_running"] is True
    assert status["mode"] == "paper"
    assert status["simulated"] is True
    assert status["config"] == office.get("/api/trading-pipeline/config")["config"]
    assert list(status["agents"]) == ["collector", "predictor", "strategy", "trader"]
    assert all(a["execution_count"] > 0 and a["error_count"] == 0 for a in status["agents"].values())


def test_market_data_is_the_newest_closed_bar_and_its_age(office: Office) -> None:
    assembly = office.service.assembly
    for symbol, shown in office.get("/api/trading-pipeline/market-data")["market_data"].items():
        bar, instrument = assembly.collector.bars[symbol], assembly.instruments[symbol]
        assert shown["symbol"] == symbol
        assert Decimal(shown["price"]) == bar.close * instrument.tick_size
        assert shown["simulated"] is True
        assert (shown["age_ms"], shown["stale"]) == (0, False)


def test_every_decision_of_a_page_can_be_asked_for_and_explained(office: Office) -> None:
    for listed in office.get("/api/decisions?limit=25")["decisions"]:
        name = f"{listed['symbol']}@{listed['timestamp']}"
        for identifier in (listed["id"], name):
            exactly(decisions.LineageAnswer, office.get(f"/api/decisions/{identifier}/lineage"))
            one = office.get(f"/api/decisions/{identifier}")
            exactly(decisions.DecisionAnswer, one)
            assert one["decision"]["id"] == listed["id"]
            assert one["decision"]["verdict"] == listed["verdict"]
            assert one["decision"]["confidence"] == listed["confidence"]


def test_a_trade_is_explained_down_to_its_candle(office: Office) -> None:
    trade = next(t for t in office.get("/api/trading-pipeline/trades")["trades"] if t["status"] == "closed")
    told = office.get(f"/api/decisions/{trade['trade_id']}/lineage")["lineage"]
    assert told["symbol"] == trade["symbol"]
    assert told["trade"]["pnl"] == trade["pnl"]
    assert [f["side"] for f in told["trade"]["fills"]] == ["buy", "sell"]
    assert told["signal"]["verdict"]["approved"] is True
    assert told["prediction"]["features"]
    assert told["candle"]["close"]


def test_the_funnel_leaves_nobody_out(office: Office) -> None:
    funnel = office.get("/api/decisions/funnel")["funnel"]
    assert funnel["candles"] == funnel["instants"] * len(office.service.assembly.instruments)
    assert sum(funnel["signals"].values()) == funnel["predictions"]
    entries = funnel["signals"]["BUY"]
    exits = funnel["signals"].get("SELL", 0)
    assert entries + exits == funnel["approved"] + sum(funnel["refusals"].values())
    assert funnel["entries_filled"] == sum(
        1 for f in office.service.pages().fills(Wanted(limit=500)).rows if f.side > 0
    )


def test_a_part_of_the_funnel_is_as_much_as_its_stretch(office: Office) -> None:
    middle = iso(office.service.assembly.pipeline.handled - 24 * 3_600_000)
    whole = office.get("/api/decisions/funnel")["funnel"]
    early = office.get(f"/api/decisions/funnel?until={middle}")["funnel"]
    late = office.get(f"/api/decisions/funnel?since={middle}")["funnel"]
    for field in ("instants", "candles", "predictions", "approved", "entries_filled"):
        assert early[field] + late[field] == whole[field], field
        assert early[field] > 0


def test_risk_shows_the_limits_in_force(office: Office) -> None:
    risk, limits = office.get("/api/risk")["risk"], office.service.assembly.mandate.limits
    exactly(pipeline.Risk, risk)
    assert risk["limits"]["max_position_size"] == limits.max_position
    assert Decimal(risk["limits"]["max_order"]) == limits.max_order
    assert risk["open_positions"] == office.get("/api/positions")["count"]


def test_health_says_that_it_lives_and_is_ready(office: Office) -> None:
    for path, field in (("/health/live", "status"), ("/health/ready", "ready")):
        answer = office.client.get(path)
        assert (answer.status_code, field in answer.json()) == (200, True)
        assert office.client.head(path).status_code == 200


def test_metrics_are_for_prometheus(office: Office) -> None:
    answer = office.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r"^# TYPE ", answer.text, re.MULTILINE)


def test_me_is_who_signed_in(office: Office) -> None:
    assert office.get("/api/auth/me")["user"]["username"] == "ada"
    assert office.client.get("/api/auth/setup").json() == {"setup_needed": False, "may_refresh": True}
    stranger = TestClient(office.app, base_url="http://127.0.0.1")
    assert stranger.get("/api/auth/setup").json() == {"setup_needed": False, "may_refresh": False}


def test_the_config_tells_every_setting_with_its_range_and_where_it_comes_from(office: Office) -> None:
    settings = {s["name"]: s for s in office.get("/api/trading-pipeline/config")["settings"]}
    assert (settings["seed"]["source"], settings["seed"]["changeable"]) == ("environment", False)
    assert settings["max_drawdown"]["source"] == "default"
    assert (settings["max_drawdown"]["minimum"], settings["max_drawdown"]["maximum"]) == (0.01, 0.9)

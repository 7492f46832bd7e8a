"""Nine recorded coins and the news of their time through the whole pipeline, onto a real database."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptopilot.domain.events import BookEvent, InstantDecided, OrderFilled
from cryptopilot.domain.timeframe import parse_time
from cryptopilot.rules import protection
from cryptopilot.runtime import explain, report
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from tests.fakes.oracle import assert_books_hold

pytestmark = pytest.mark.data
FIRST, LAST = "2022-01-01", "2022-02-28"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def service(
    request: pytest.FixtureRequest, market_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PipelineService]:
    """Two months of hours at full speed."""
    url = None
    if request.param == "postgres":
        from sqlalchemy import text

        from cryptopilot.adapters.storage.database import connect

        url = request.getfixturevalue("postgres_url")
        engine = connect(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    settings = load_settings(
        CRYPTOPILOT_HOME=tmp_path_factory.mktemp("recorded"), PIPELINE_MARKET=f"replay:{market_data}",
        PIPELINE_SPEED="max", DATABASE_URL=url,
    )  # fmt: skip
    service = PipelineService(settings, Choice("BINANCE", FIRST, LAST))
    service.open()
    service.start_pipeline()
    service.run()
    assert service.wait(120)
    assert service.error is None
    yield service
    service.close()


def events(service: PipelineService) -> list[BookEvent]:
    return list(service.assembly.journal.events("default"))


def test_the_books_add_up_to_the_last_unit_and_no_limit_was_ever_exceeded(service: PipelineService) -> None:
    account = service.assembly.journal.account("default")
    assert account is not None
    assert_books_hold(events(service), account, service.settings.mandate().limits, dict(service.assembly.instruments))
    assert account == service.assembly.trader.account


def test_every_instant_of_the_span_is_decided_once(service: PipelineService) -> None:
    decided = [e.at for e in events(service) if isinstance(e, InstantDecided)]
    first, last = parse_time("from", FIRST), parse_time("to", "2022-03-01")
    assert decided == list(range(first, last + 1, 3_600_000))


def test_stops_targets_and_signals_close_positions(service: PipelineService) -> None:
    reasons = {e.reason for e in events(service) if isinstance(e, OrderFilled) and e.side < 0}
    assert {protection.STOP, protection.TARGET, protection.SIGNAL_EXIT} <= reasons


def test_the_report_agrees_with_the_books(service: PipelineService) -> None:
    told = report.session_report(service)
    fills = [e for e in events(service) if isinstance(e, OrderFilled)]
    sold = [e for e in fills if e.side < 0]
    assert told["funnel"]["entries_filled"] == len(fills) - len(sold)
    assert float(told["money"]["realised_pnl"]) == pytest.approx(sum(e.realised for e in sold) / 1e8)
    assert float(told["money"]["fees"]) == pytest.approx(sum(e.fee for e in fills) / 1e8)
    assert told["funnel"]["predictions"] == told["instants"] * 9
    signals, holds = told["funnel"]["signals"], told["funnel"]["holds"]
    assert signals["HOLD"] == sum(holds.values())
    acted = sum(signals.values()) - signals["HOLD"]
    assert acted == told["funnel"]["approved"] + sum(told["funnel"]["refusals"].values())
    assert told["label"] == "REPLAY"
    json.dumps(told)
    assert "REPLAY" in report.in_words(told)[0]


def test_every_trade_is_explained_down_to_its_candle_and_contributions_add_up(service: PipelineService) -> None:
    explainer = explain.Explainer(service.reader(), service.assembly.market.candles, service.assembly.predictor.card)
    headlines = 0
    for trade in service.reader().trades():
        told = explainer.lineage(trade.id)
        assert told["trade"] is not None
        assert told["prediction"] is not None
        assert told["candle"] is not None
        assert told["trade"]["trade_id"] == trade.id
        assert told["signal"]["verdict"] == {
            "approved": True, "rule": None, "limit": None, "found": None, "in_words": "approved",
            "order_id": trade.id,
        }  # fmt: skip
        assert told["signal"]["side"] == "BUY"
        total = sum(c["value"] for c in told["prediction"]["contributions"])
        assert 0.5 + total / 2 == pytest.approx(told["prediction"]["direction_prob"])
        assert told["candle"]["close"] == told["signal"]["price"]
        assert all(h["first_seen_at"] <= told["instant"] for h in told["prediction"]["headlines"])
        headlines += len(told["prediction"]["headlines"])
        assert explain.in_words(told)
    assert headlines > 50


def test_a_protective_exit_leads_back_to_its_entry(service: PipelineService) -> None:
    fill = next(e for e in events(service) if isinstance(e, OrderFilled) and e.reason == protection.STOP)
    explainer = explain.Explainer(service.reader(), service.assembly.market.candles, service.assembly.predictor.card)
    told = explainer.lineage(fill.order_id)
    assert told["trade"] is not None
    assert told["trade"]["trade_id"] == fill.trade_id


def test_what_was_not_traded_says_which_rule_said_no_and_by_how_much(service: PipelineService) -> None:
    explainer = explain.Explainer(service.reader(), service.assembly.market.candles, service.assembly.predictor.card)
    seen: set[str] = set()
    for instant in range(parse_time("from", "2022-01-03"), parse_time("from", "2022-01-20"), 3_600_000):
        for judged in service.reader().judged(instant):
            told = explainer.at(judged.signal.symbol, instant)
            verdict = told["signal"]["verdict"]
            if not verdict["approved"]:
                assert verdict["rule"] is not None
                seen.add(verdict["rule"])
                assert told["signal"]["signal_type"] == "HOLD" or verdict["limit"] is not None
    assert {"min_confidence", "max_correlation", "no_position", "no_edge", "position_open"} <= seen


def test_predictions_look_at_nothing_that_was_not_known(service: PipelineService) -> None:
    reader = service.reader()
    for instant in range(parse_time("from", "2022-01-10"), parse_time("from", "2022-01-12"), 3_600_000):
        for prediction in reader.predictions(instant):
            assert prediction.instant == instant
            for item in reader.news(prediction.news_ids):
                assert item.first_seen_at <= instant
                assert item.first_seen_at - item.published_at >= 0

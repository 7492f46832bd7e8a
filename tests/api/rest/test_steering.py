"""What people do to the pipeline: forced stages, start and stop, closing by hand, halt and resume, settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.domain.events import OrderFilled
from cryptopilot.domain.stage import ALREADY_HANDLED
from cryptopilot.runtime.shapes import books, pipeline
from tests.api.rest.office import Office, exactly, opened, problem_of

PIPELINE = "/api/trading-pipeline"
STAGES = ("collect", "predict", "signals", "execute")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Office]:
    """An office of a test's own, with nothing decided yet."""
    with opened(tmp_path / "own") as found:
        yield found


def forced(office: Office, stage: str) -> Any:
    """What a forced stage says it did; its answer has its shape."""
    answer = office.post(f"{PIPELINE}/force-{stage}")
    exactly(pipeline.StageAnswer, answer)
    return answer


def last(office: Office) -> Any:
    """The newest audit entry."""
    return office.get("/api/audit?limit=1")["entries"][0]


def test_each_forced_stage_produces_once_and_then_says_why_not(fresh: Office) -> None:
    fresh.close_instants()
    symbols = len(fresh.service.assembly.instruments)
    produced = {stage: forced(fresh, stage)["produced"] for stage in STAGES}
    assert produced["collect"] >= symbols
    assert produced["predict"] == produced["signals"] == symbols
    for stage in STAGES:
        again = forced(fresh, stage)
        assert again["produced"] == 0
        assert again["skipped"] == [{"symbol": "*", "why": ALREADY_HANDLED}]


def executed(office: Office, *, late: bool = False) -> Any:
    """What a forced execution did at the first instant at which there was something to buy, or minutes after it."""
    for _ in range(30):
        if late:
            office.pass_time(0.25)
        else:
            office.close_instants()
        for stage in STAGES[:3]:
            forced(office, stage)
        done = forced(office, "execute")
        if done["produced"] or done["refused"]:
            break
    return done


def test_a_forced_execution_opens_what_the_review_approves(fresh: Office) -> None:
    change(fresh, f"{PIPELINE}/config", {"min_confidence_threshold": 0})
    done = executed(fresh)
    orders = fresh.get("/api/orders")["orders"]
    assert len(orders) == done["produced"] > 0
    assert {o["created_at"] for o in orders} == {done["instant"]}
    assert any(isinstance(e, OrderFilled) for e in fresh.service.assembly.journal.events("default"))


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"min_confidence_threshold": 1}, "min_confidence"),
        ({"whitelist": []}, "whitelist"),
        ({"min_order": "999", "max_order": "999"}, "min_order"),
    ],
)
def test_r27_a_force_beyond_a_limit_is_refused_with_its_rule(fresh: Office, limits: Any, rule: str) -> None:
    sized = {"min_order": 0.001}.get(rule, 0.1)
    change(
        fresh,
        f"{PIPELINE}/config",
        {"min_confidence_threshold": 0, **limits, "risk_management": {"max_position_size": sized}},
    )
    done = executed(fresh)
    assert done["produced"] == 0
    assert {words.partition(" ")[2] for words in done["refused"]} == {rule}
    assert fresh.get("/api/orders")["count"] == 0
    verdicts = {s["verdict"]["rule"] for s in fresh.get(f"{PIPELINE}/signals")["signals"] if s["signal_type"] == "BUY"}
    assert verdicts == {rule}


def test_r27_a_force_that_comes_too_late_is_refused_as_stale(fresh: Office) -> None:
    change(fresh, f"{PIPELINE}/config", {"min_confidence_threshold": 0})
    done = executed(fresh, late=True)
    assert done["produced"] == 0
    assert {words.partition(" ")[2] for words in done["refused"]} == {"stale_signal"}


def test_starting_twice_and_stopping_twice_is_a_conflict(fresh: Office) -> None:
    assert fresh.get(f"{PIPELINE}/status")["status"]["is_running"] is False
    problem_of(fresh.ask("POST", f"{PIPELINE}/stop"), 409, "conflict")
    exactly(pipeline.Done, fresh.post(f"{PIPELINE}/start"))
    assert fresh.get(f"{PIPELINE}/status")["status"]["is_running"] is True
    problem_of(fresh.ask("POST", f"{PIPELINE}/start"), 409, "conflict")
    exactly(pipeline.Done, fresh.post(f"{PIPELINE}/stop"))
    assert fresh.get(f"{PIPELINE}/status")["status"]["is_running"] is False
    problem_of(fresh.ask("POST", f"{PIPELINE}/stop"), 409, "conflict")


def test_a_stopped_pipeline_decides_nothing_and_goes_on_protecting(fresh: Office) -> None:
    fresh.post(f"{PIPELINE}/start")
    fresh.pass_time(12)
    fresh.post(f"{PIPELINE}/stop")
    decided, held = fresh.get("/api/decisions?limit=1")["decisions"], fresh.get("/api/positions")["count"]
    assert held > 0
    fresh.pass_time(24 * 10)
    assert fresh.get("/api/decisions?limit=1")["decisions"] == decided
    assert fresh.get("/api/positions")["count"] < held
    assert {t["exit_reason"] for t in fresh.get(f"{PIPELINE}/trades")["trades"]} & {"stop", "target", "time limit"}


@pytest.fixture
def invested(fresh: Office) -> Office:
    """Positions are open."""
    fresh.post(f"{PIPELINE}/start")
    fresh.pass_time(12)
    assert fresh.get("/api/positions")["count"] >= 2
    return fresh


def test_a_position_is_closed_by_hand_at_its_next_price(invested: Office) -> None:
    position = invested.get("/api/positions")["positions"][0]
    answer = invested.post(f"/api/positions/{position['id']}/close")
    exactly(books.CloseAnswer, answer)
    orders = {o["id"]: o for o in invested.get("/api/orders?limit=500")["orders"]}
    assert [orders[i]["symbol"] for i in answer["orders"]] == [position["symbol"]]
    assert [orders[i]["kind"] for i in answer["orders"]] == ["exit"]
    entry = last(invested)
    assert (entry["who"], entry["action"], entry["subject"]) == ("ada", "position.close", position["id"])
    invested.close_instants()
    assert position["id"] not in [p["id"] for p in invested.get("/api/positions")["positions"]]
    trades = {t["trade_id"]: t for t in invested.get(f"{PIPELINE}/trades?limit=500")["trades"]}
    assert trades[position["id"]]["exit_reason"] == "by hand"


def test_closing_what_is_being_left_is_a_conflict_and_what_is_not_there_is_not_found(invested: Office) -> None:
    """The exit meets no opening while the market is silent, so that it waits."""
    candles = invested.service.assembly.market.candles
    position = invested.get("/api/positions")["positions"][0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(candles), "opened", lambda *_: {})
        invested.post(f"/api/positions/{position['id']}/close")
        shown = {p["id"]: p for p in invested.get("/api/positions")["positions"]}
        assert shown[position["id"]]["leaving"] is True
        problem_of(invested.ask("POST", f"/api/positions/{position['id']}/close"), 409, "conflict")
        rest = invested.post("/api/positions/close-all")
        assert rest["skipped"] == [position["symbol"]]
        assert len(rest["orders"]) == len(shown) - 1
    unknown = problem_of(invested.ask("POST", "/api/positions/0123456789abcdef01234567/close"), 404, "not_found")
    assert (unknown["field"], unknown["value"]) == ("position", "0123456789abcdef01234567")


def test_close_all_leaves_every_position(invested: Office) -> None:
    held = invested.get("/api/positions")["count"]
    invested.post(f"{PIPELINE}/stop")
    answer = invested.post("/api/positions/close-all")
    exactly(books.CloseAnswer, answer)
    assert len(answer["orders"]) == held
    invested.close_instants()
    assert invested.get("/api/positions")["count"] == 0
    assert invested.post("/api/positions/close-all")["orders"] == []
    account = invested.get("/api/account")["account"]
    assert account["cash"] == account["equity"]


def test_a_halt_stops_entries_until_somebody_resumes_and_says_who_and_why(invested: Office) -> None:
    invested.post("/api/risk/halt", {"why": "the exchange is strange"})
    risk = invested.get("/api/risk")["risk"]
    assert (risk["state"], risk["halted_by"], risk["halted_why"]) == ("halted", "ada", "the exchange is strange")
    assert invested.get(f"{PIPELINE}/status")["status"]["risk"] == risk
    problem_of(invested.ask("POST", "/api/risk/halt", json={"why": "again"}), 409, "conflict")
    orders = invested.get("/api/orders?limit=500")["orders"]
    invested.pass_time(24)
    after = [o for o in invested.get("/api/orders?limit=500")["orders"] if o["kind"] == "entry"]
    assert after == [o for o in orders if o["kind"] == "entry"]
    invested.post("/api/risk/resume", {"why": "it was the clock"})
    risk = invested.get("/api/risk")["risk"]
    assert (risk["state"], risk["halted_by"], risk["halted_why"]) == ("active", None, None)
    problem_of(invested.ask("POST", "/api/risk/resume", json={"why": "again"}), 409, "conflict")
    actions = [(e["action"], e["detail"].get("why")) for e in invested.get("/api/audit?limit=2")["entries"]]
    assert actions == [("risk.resume", "it was the clock"), ("risk.halt", "the exchange is strange")]


def change(office: Office, path: str, asked: object, status: int = 200) -> Any:
    """What a change of settings is answered with."""
    answer = office.ask("PUT", path, json=asked)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else problem_of(answer, status)


def test_changed_limits_are_in_force_at_the_next_review(fresh: Office) -> None:
    answer = change(fresh, "/api/risk/limits", {"whitelist": ["BTC/USDT"], "min_confidence_threshold": 0})
    exactly(pipeline.ChangedAnswer, answer)
    assert {c["name"] for c in answer["changed"]} == {"whitelist", "min_confidence_threshold"}
    assert fresh.get("/api/risk")["risk"]["limits"]["whitelist"] == ["BTC/USDT"]
    fresh.post(f"{PIPELINE}/start")
    fresh.pass_time(24)
    assert {o["symbol"] for o in fresh.get("/api/orders")["orders"]} <= {"BTC/USDT"}
    assert fresh.get("/api/decisions/funnel")["funnel"]["refusals"]["whitelist"] > 0
    change(fresh, "/api/risk/limits", {"whitelist": None})
    fresh.pass_time(12)
    assert {o["symbol"] for o in fresh.get("/api/orders")["orders"]} > {"BTC/USDT"}


def test_changed_limits_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as office:
        change(office, "/api/risk/limits", {"max_drawdown": 0.3, "max_order": "500.5"})
    with opened(tmp_path / "home") as office:
        limits = office.get("/api/risk")["risk"]["limits"]
        assert (limits["max_drawdown"], limits["max_order"]) == (0.3, "500.5")
        settings = {s["name"]: s for s in office.get(f"{PIPELINE}/config")["settings"]}
        assert (settings["max_drawdown"]["source"], settings["max_daily_loss"]["source"]) == ("stored", "default")


def test_what_the_environment_sets_cannot_be_changed(tmp_path: Path) -> None:
    with opened(tmp_path / "home", PIPELINE_MAX_DRAWDOWN="0.2") as office:
        before = office.books()
        for path in ("/api/risk/limits", f"{PIPELINE}/config"):
            nested = path.endswith("/config")
            asked = {"risk_management": {"max_drawdown": 0.3}} if nested else {"max_drawdown": 0.3}
            assert "PIPELINE_MAX_DRAWDOWN" in change(office, path, asked, 409)["detail"]
        assert office.books() == before


def test_a_change_of_settings_is_all_or_nothing(fresh: Office) -> None:
    before = fresh.books()
    for asked in (
        {"max_drawdown": 0.3, "max_daily_loss": 0.9},
        {"max_drawdown": 0.3, "min_order": "900", "max_order": "800"},
        {"max_drawdown": 0.3, "whitelist": ["btc-usdt"]},
        {"max_drawdown": 0.3, "nonsense": 1},
    ):
        told = change(fresh, "/api/risk/limits", asked, 422)
        assert told["field"].partition(".")[0] in asked
        assert told["allowed"]
    assert fresh.books() == before


def test_the_config_is_changed_in_its_published_shape_and_takes_effect_without_a_restart(fresh: Office) -> None:
    asked = {"prediction_interval": 600, "max_concurrent_trades": 2, "risk_management": {"stop_loss_percentage": 0.03}}
    answer = change(fresh, f"{PIPELINE}/config", asked)
    exactly(pipeline.ChangedAnswer, answer)
    shown = fresh.get(f"{PIPELINE}/config")["config"]
    assert answer["config"] == shown
    assert (shown["prediction_interval"], shown["max_concurrent_trades"]) == (600, 2)
    assert shown["risk_management"]["stop_loss_percentage"] == 0.03
    entry = last(fresh)
    assert (entry["action"], entry["detail"]["prediction_interval"]) == ("config.change", {"before": 300, "after": 600})
    fresh.post(f"{PIPELINE}/start")
    fresh.pass_time(24)
    assert 0 < fresh.get("/api/positions")["count"] <= 2
    told = change(fresh, f"{PIPELINE}/config", asked)
    assert (told["changed"], told["message"]) == ([], "nothing differs from what is in force")


def test_clearing_the_caches_never_touches_the_books(invested: Office) -> None:
    before = invested.books()
    exactly(pipeline.ClearedAnswer, invested.post(f"{PIPELINE}/clear-cache"))
    assert invested.books() == before
    assert invested.get(f"{PIPELINE}/predictions")["count"] == 0
    invested.close_instants()
    assert invested.get(f"{PIPELINE}/predictions")["count"] == len(invested.service.assembly.instruments)

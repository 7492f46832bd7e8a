"""Every error of every route is a problem document that says what is wrong, and nothing about our inside."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from cryptopilot.api.app import bare_app
from cryptopilot.api.problems import Problem
from cryptopilot.domain import errors
from tests.api.rest.office import Office, exactly, opened, problem_of

DOCUMENT: dict[str, Any] = bare_app(None).openapi()  # type: ignore[arg-type]
METHODS = {"get", "post", "put", "delete", "patch"}
PATHS = {path: METHODS & set(operations) for path, operations in DOCUMENT["paths"].items()}


def address(path: str) -> str:
    return path.replace("{decision_id}", "x").replace("{position_id}", "x")


NOWHERE = [
    "/api", "/api/", "/api/nothing", "/nothing", "/api/risk/", "/api/trading-pipeline/status/", "//api/risk",
    "/api//risk", "/API/risk", "/api/risk%2flimits/x",
]  # fmt: skip


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_nowhere_is_not_found(office: Office, path: str, method: str) -> None:
    answer = office.ask(method, f"http://127.0.0.1{path}")
    exactly(Problem, problem_of(answer, 404, "not_found"))


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_refused_with_those_that_are_allowed(office: Office, path: str) -> None:
    known = {m.upper() for m in PATHS[path]} | ({"HEAD"} if path.startswith("/health/") else set())
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        if method in known:
            continue
        answer = office.ask(method, address(path))
        exactly(Problem, problem_of(answer, 405, "method_not_allowed"))
        assert set(answer.headers["allow"].split(", ")) == known, method


@pytest.mark.parametrize(("path", "method"), [(p, m) for p, methods in PATHS.items() for m in sorted(methods)])
def test_a_route_either_takes_a_token_and_says_so_or_takes_none(office: Office, path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    open_to_all = path.startswith("/health/") or path in (
        "/metrics", "/api/auth/setup", "/api/auth/login", "/api/auth/refresh",
    )  # fmt: skip
    assert bool(operation.get("security")) is not open_to_all
    if open_to_all:
        return
    answer = office.client.request(method, address(path), headers={"Authorization": "Bearer x"})
    exactly(Problem, problem_of(answer, 401, "unauthorised"))
    assert "401" in operation["responses"]


def test_metrics_and_docs_are_for_this_machine_or_a_token(office: Office) -> None:
    for path in ("/metrics", "/api/openapi.json"):
        for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "8.8.8.8"}):
            problem_of(office.client.get(path, headers=headers), 401)
            assert office.ask("GET", path, headers=headers).status_code == 200


FOREIGN = OperationalError("SELECT secret FROM users WHERE name = 'ada'", {}, Exception("disk I/O error"))


@pytest.mark.parametrize(
    "error", [FOREIGN, ZeroDivisionError("division by zero"), RecursionError(), KeyError("secret")]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_our_own_fault_is_told_in_the_log_and_its_place_to_who_asked(
    office: Office, error: Exception, method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(office.service), "statistics", failing)
    monkeypatch.setattr(type(office.service), "clear_cache", failing)
    path = {"GET": "/api/trading-pipeline/statistics", "POST": "/api/trading-pipeline/clear-cache"}[method]
    with caplog.at_level(logging.ERROR, "trading_pipeline"):
        told = problem_of(office.ask(method, path), 500, "internal")
    exactly(Problem, told)
    assert not re.search(r"Traceback|SELECT|secret|File|division|Error", told["detail"])
    incident = re.search(r"incident ([0-9a-f]{8})", told["detail"])
    assert incident is not None
    record = next(r for r in caplog.records if getattr(r, "incident", "") == incident[1])
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_fault_before_any_route_is_told_the_same_way(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise FOREIGN

    monkeypatch.setattr(type(office.desk.access.answers), "find", failing)
    answer = office.ask("POST", "/api/trading-pipeline/clear-cache")
    assert "SELECT" not in problem_of(answer, 500, "internal")["detail"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert "disk I/O error" in caplog.text


OURS = [
    (errors.JournalUnavailableError("the database is away"), 503, "unavailable"),
    (errors.ServiceClosedError("closing"), 503, "unavailable"),
    (errors.JournalRefusedError("ours and theirs differ"), 503, "stopped"),
    (errors.PipelineStoppedError("it has stopped"), 503, "stopped"),
    (errors.ConflictError("not now"), 409, "conflict"),
    (errors.OutOfOrderError(1, 2), 409, "refused"),
    (errors.NotFoundError("thing", "x", "look elsewhere"), 404, "not_found"),
    (errors.InvalidValueError("thing", float("nan"), "a number"), 422, "invalid_value"),
    (errors.UnknownSymbolError("X/Y", ("A/B",)), 422, "invalid_value"),
]


@pytest.mark.parametrize(("error", "status", "code"), OURS, ids=lambda v: type(v).__name__)
def test_an_error_of_ours_has_its_status(
    office: Office, error: Exception, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(office.service), "clear_cache", failing)
    answer = office.ask("POST", "/api/trading-pipeline/clear-cache")
    exactly(Problem, problem_of(answer, status, code))
    operation = DOCUMENT["paths"]["/api/trading-pipeline/clear-cache"]["post"]
    assert str(status) in operation["responses"]


def test_a_service_that_is_not_ready_says_why(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(office.service), "ready", lambda _: ["the journal is away"])
    answer = office.client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "problems": ["the journal is away"]})
    assert office.client.get("/health/live").status_code == 200


def test_a_service_that_is_closed_answers_that_it_is(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as closing:
        closing.service.close()
        for path in (
            "/api/trading-pipeline/status",
            "/api/orders",
            "/api/decisions",
            "/api/trading-pipeline/statistics",
        ):
            problem_of(closing.ask("GET", path), 503, "unavailable")
        for path in ("start", "force-collect", "clear-cache"):
            problem_of(closing.ask("POST", f"/api/trading-pipeline/{path}"), 503, "unavailable")
        assert closing.client.get("/health/live").status_code == 200
        assert closing.client.get("/health/ready").status_code == 503

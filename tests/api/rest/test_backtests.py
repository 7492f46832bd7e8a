"""Backtests as jobs: asked for, queued, worked on in a process of their own, told of, kept, cancelled, removed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cryptopilot.adapters.storage.jobs import StoredJobs
from cryptopilot.domain.job import Job, JobState
from cryptopilot.domain.people import Role
from cryptopilot.domain.timeframe import MINUTE, iso
from cryptopilot.runtime.backtesting import Question, answer
from cryptopilot.runtime.jobs import queue
from cryptopilot.runtime.jobs.asking import MOST_BARS
from cryptopilot.runtime.jobs.backtest import MOST_POINTS
from cryptopilot.runtime.jobs.errand import Limits
from cryptopilot.runtime.jobs.worker import NICENESS
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.shapes import backtests as shapes
from cryptopilot.runtime.strategies import names
from tests.api.rest.office import Office, exactly, opened, problem_of
from tests.conftest import ROOT
from tests.fakes import workers
from tests.fakes.served import database_away, until
from tests.fakes.workers import a_question

JOBS = "/api/backtests"
ENDED = ("done", "failed", "cancelled", "interrupted")


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Real processes that work on nothing."""
    workers.install(monkeypatch, tmp_path)


@pytest.fixture
def desk(idle: None, tmp_path: Path) -> Iterator[Office]:
    """An office with candles in its store, one backtest at a time, and workers that work on nothing."""
    with opened(tmp_path / "own") as office:
        workers.stock(office.service.home.path)
        office.desk.jobs._most = 1  # Whatever machine this is.
        yield office


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The same for many tests, whose questions are refused, or wait behind one that takes all day."""
    with opened(tmp_path_factory.mktemp("home")) as office:
        workers.stock(office.service.home.path)
        office.desk.jobs._most = 1
        with pytest.MonkeyPatch.context() as patch:  # Not for other tests' workers.
            workers.install(patch, tmp_path_factory.mktemp("worker"))
            half_through(office, ask(office, workers.WAITS))
        yield office


def ask(office: Office, trials: int = workers.FINISHES, *, token: str | None = None, **changed: Any) -> str:
    """The id of a backtest that was taken."""
    taken = office.ask("POST", JOBS, token=token, json=a_question(trials=trials, **changed))
    assert taken.status_code == 202, taken.text
    exactly(shapes.BacktestAnswer, taken.json())
    return str(taken.json()["backtest"]["id"])


def stands(office: Office, job_id: str, **more: Any) -> Any:
    return office.get(f"{JOBS}/{job_id}", **more)["backtest"]


def ended(office: Office, job_id: str) -> Any:
    """How a backtest stands once it has ended."""
    until(lambda: stands(office, job_id)["state"] in ENDED, 60.0)
    return stands(office, job_id)


def half_through(office: Office, job_id: str) -> psutil.Process:
    """The process of a backtest that has come half the way."""
    until(lambda: stands(office, job_id)["progress"] == 0.5)
    pid, _ = (office.service.home.path / "backtests" / job_id / "me").read_text().split()
    return psutil.Process(int(pid))


def test_a_backtest_is_taken_worked_on_and_reported(desk: Office) -> None:
    done = ended(desk, ask(desk, fee="0.002", mandate={"max_drawdown": 0.3}, strategy="trend"))
    assert (done["state"], done["progress"], done["problem"]) == ("done", 1.0, None)
    assert done["figures"] == workers.FIGURES
    assert done["asked_at"] <= done["begun_at"] <= done["ended_at"]
    question = done["question"]
    assert (question["to"], question["fee"], question["capital"]) == ("2022-04-01T00:00:00Z", "0.002", "10000")
    assert question["mandate"] == {"max_drawdown": 0.3}
    assert question["parameters"]["entry_bars"] == 55  # The default, so that the question stands for itself.
    report = desk.get(f"{JOBS}/{done['id']}/report")
    assert report == json.loads(workers.DOCUMENT)
    exactly(shapes.ReportShape, report)
    exactly(shapes.BacktestsAnswer, desk.get(JOBS))


def test_r28_a_report_is_saved_and_nothing_in_it_runs(desk: Office) -> None:
    job_id = ended(desk, ask(desk))["id"]
    page = desk.ask("GET", f"{JOBS}/{job_id}/report.html")
    assert (page.status_code, page.content) == (200, workers.PAGE)
    assert page.headers["content-disposition"] == f'attachment; filename="backtest-{job_id}.html"'
    policy = [part.strip() for part in page.headers["content-security-policy"].split(";")]
    assert {"default-src 'none'", "sandbox", "frame-ancestors 'none'", "form-action 'none'"} <= set(policy)
    assert not any(part.startswith("script-src") for part in policy)
    assert page.headers["x-content-type-options"] == "nosniff"


def test_the_worker_steps_back_and_its_own_words_are_no_result(desk: Office) -> None:
    job_id = ask(desk, workers.WAITS)
    process = half_through(desk, job_id)
    assert process.nice() >= min(19, os.nice(0) + NICENESS)
    assert process.pid != os.getpid()
    folder = desk.service.home.path / "backtests" / job_id
    assert "a strategy's own words" in (folder / "log").read_text()
    assert {p.stat().st_mode & 0o077 for p in (folder.parent, folder, *folder.iterdir())} == {0}


def test_r14_no_secret_reaches_the_worker(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "canary-0123456789-0123456789-abcdef")
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary@nowhere/books")
    process = half_through(desk, ask(desk, workers.WAITS))
    assert "canary" not in str(process.environ())
    stored = StoredJobs(desk.service.engine).all()[0].errand
    assert "canary" not in stored
    assert desk.service.home.signing_keys(None)[-1].key not in (None, *stored.split('"'))


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        (workers.IS_KILLED, "ended by signal 9 (SIGKILL)"),
        (workers.GIVES_UP, "ended with code 7 and no result"),
        (workers.BABBLES, "no progress and no result"),
        (workers.WANTS_MEMORY, "memory"),
        (workers.LEAVES_NOTHING, "without its reports"),
    ],
)
def test_a_backtest_whose_worker_fails_says_so_and_the_next_one_runs(desk: Office, trials: int, words: str) -> None:
    failing, after = ask(desk, trials), ask(desk)
    failed = ended(desk, failing)
    assert failed["state"] == "failed"
    assert words in failed["problem"]
    assert (failed["figures"], failed["progress"]) == (None, 0.5)
    problem_of(desk.ask("GET", f"{JOBS}/{failing}/report"), 409, "conflict")
    assert ended(desk, after)["state"] == "done"


def test_a_worker_that_takes_too_long_is_ended(desk: Office) -> None:
    desk.desk.jobs._limits = Limits(seconds=1.0)
    failed = ended(desk, ask(desk, workers.WAITS))
    assert (failed["state"], failed["problem"]) == ("failed", "it took longer than a backtest may: 1 s")


def test_a_worker_that_has_said_its_result_and_goes_on_is_ended(desk: Office) -> None:
    job_id = ask(desk, workers.GOES_ON)
    assert ended(desk, job_id)["state"] == "done"
    pid, _ = (desk.service.home.path / "backtests" / job_id / "me").read_text().split()
    assert not psutil.pid_exists(int(pid))


def test_cancelling_kills_the_process_and_the_next_one_begins(desk: Office) -> None:
    running, waiting = ask(desk, workers.WAITS), ask(desk)
    process = half_through(desk, running)
    assert stands(desk, waiting)["state"] == "queued"
    dropped = desk.ask("DELETE", f"{JOBS}/{running}")
    assert (dropped.status_code, dropped.json()["backtest"]["state"]) == (200, "cancelled")
    until(lambda: not process.is_running())
    assert ended(desk, waiting)["state"] == "done"
    assert stands(desk, running)["state"] == "cancelled"


def test_one_that_waits_is_cancelled_before_it_begins(desk: Office) -> None:
    ask(desk, workers.WAITS)
    waiting = ask(desk)
    desk.ask("DELETE", f"{JOBS}/{waiting}")
    assert (stands(desk, waiting)["state"], stands(desk, waiting)["begun_at"]) == ("cancelled", None)


def test_one_that_has_ended_is_removed_with_its_report(desk: Office) -> None:
    job_id = ended(desk, ask(desk))["id"]
    removed = desk.ask("DELETE", f"{JOBS}/{job_id}").json()["backtest"]
    assert removed["state"] == "removed"
    for path in (f"{JOBS}/{job_id}", f"{JOBS}/{job_id}/report", f"{JOBS}/{job_id}/report.html"):
        problem_of(desk.ask("GET", path), 404, "not_found")
    problem_of(desk.ask("DELETE", f"{JOBS}/{job_id}"), 404, "not_found")
    assert not (desk.service.home.path / "backtests" / job_id).exists()
    assert desk.get(JOBS)["count"] == 0


def test_r26_each_act_leaves_its_line(desk: Office) -> None:
    first, second = ask(desk, workers.WAITS), ask(desk)
    desk.ask("DELETE", f"{JOBS}/{first}")
    ended(desk, second)
    desk.ask("DELETE", f"{JOBS}/{second}")
    assert desk.actions()[-4:] == ["backtest.run", "backtest.run", "backtest.cancel", "backtest.remove"]
    entry = desk.desk.access.audit.entries(1)[0]
    assert (entry.who, entry.subject, entry.address) == ("ada", second, "127.0.0.1")
    desk.desk.access.audit.verify()


def test_r34_five_wait_and_the_sixth_is_told_when_to_come_again(desk: Office) -> None:
    taken = [ask(desk, workers.WAITS) for _ in range(1 + queue.QUEUED_EACH)]
    refused = desk.ask("POST", JOBS, json=a_question())
    told = problem_of(refused, 429, "too_many")
    assert (told["field"], told["value"], told["allowed"]) == ("queued backtests", 6, "up to 5")
    assert int(refused.headers["retry-after"]) > 0
    assert desk.get(JOBS)["count"] == len(taken)
    desk.ask("DELETE", f"{JOBS}/{taken[3]}")
    ask(desk, workers.WAITS)


def test_r34_one_of_each_user_runs_and_nobody_waits_behind_anothers_queue(desk: Office) -> None:
    desk.desk.jobs._most = 2
    grace = desk.token_of("grace", Role.OPERATOR)
    first, second = ask(desk, workers.WAITS), ask(desk, workers.WAITS)
    hers = ask(desk, workers.WAITS, token=grace)
    until(lambda: stands(desk, hers, token=grace)["state"] == "running")
    assert (stands(desk, first)["state"], stands(desk, second)["state"]) == ("running", "queued")


def test_r34_no_more_run_at_once_than_the_machine_has_room_for(desk: Office) -> None:
    grace = desk.token_of("grace", Role.OPERATOR)
    first, hers = ask(desk, workers.WAITS), ask(desk, token=grace)
    half_through(desk, first)
    assert stands(desk, hers, token=grace)["state"] == "queued"
    desk.ask("DELETE", f"{JOBS}/{first}")
    until(lambda: stands(desk, hers, token=grace)["state"] == "done")


def test_the_newest_that_have_ended_are_kept(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "KEPT_EACH", 2)
    run = [ended(desk, ask(desk))["id"] for _ in range(3)]
    until(lambda: [job["id"] for job in desk.get(JOBS)["backtests"]] == run[:0:-1])
    assert {p.name for p in (desk.service.home.path / "backtests").iterdir()} == set(run[1:])
    assert {job.id for job in StoredJobs(desk.service.engine).all()} == set(run[1:])


def test_pages_hold_every_backtest_once_newest_first(desk: Office) -> None:
    asked = [ask(desk, workers.WAITS) for _ in range(5)]
    found, cursor = [], ""
    while True:
        page = desk.get(f"{JOBS}?limit=2{cursor}")
        found += [job["id"] for job in page["backtests"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    whole = [(job["asked_at"], job["id"]) for job in desk.get(JOBS)["backtests"]]
    assert found == [job_id for _, job_id in sorted(whole, reverse=True)]
    assert set(found) == set(asked)


def test_r24_nobody_sees_or_touches_what_is_anothers(desk: Office) -> None:
    job_id = ended(desk, ask(desk))["id"]
    for name, role in (("grace", Role.OPERATOR), ("edsger", Role.ADMIN)):
        token = desk.token_of(name, role)
        assert desk.get(JOBS, token=token)["backtests"] == []
        for method, path in (
            ("GET", f"{JOBS}/{job_id}"), ("GET", f"{JOBS}/{job_id}/report"), ("GET", f"{JOBS}/{job_id}/report.html"),
            ("DELETE", f"{JOBS}/{job_id}"),
        ):  # fmt: skip
            theirs, nowhere = (
                desk.ask(method, path, token=token),
                desk.ask(method, path.replace(job_id, "x"), token=token),
            )
            assert theirs.status_code == nowhere.status_code == 404
            assert theirs.text.replace(job_id, "x") == nowhere.text
    assert stands(desk, job_id)["state"] == "done"


def test_r23_a_viewer_reads_what_is_there_and_runs_nothing(counter: Office) -> None:
    viewer = counter.token_of("grace", Role.VIEWER)
    for path in (JOBS, "/api/strategies", "/api/candles/series"):
        assert counter.ask("GET", path, token=viewer).status_code == 200
    problem_of(counter.ask("POST", JOBS, token=viewer, json=a_question()), 403, "role_refused")
    problem_of(counter.ask("DELETE", f"{JOBS}/x", token=viewer), 403, "role_refused")


def test_r27_the_same_key_asks_for_one_backtest(desk: Office) -> None:
    headers = {"Idempotency-Key": "one-backtest"}
    first, again = (desk.ask("POST", JOBS, json=a_question(trials=workers.FINISHES), headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (202, 202, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert desk.get(JOBS)["count"] == 1


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("symbols", ["BTC/USDT", "DOGE/USDT"], "BTC/USDT, ETH/BTC, ETH/USDT"),
        ("symbols", ["BTC/USDT", "ETH/BTC"], "one and the same quote asset"),
        ("symbols", [], "at least 1"),
        ("symbols", ["BTC/USDT"] * 51, "at most 50"),
        ("symbols.0", ["../BTC"], "match pattern"),
        ("exchange", "KRAKEN", "BINANCE"),
        ("exchange", "../..", "match pattern"),
        ("timeframe", "5m", "1h"),
        ("from", "2022-02-30", "a date such as"),
        ("from", "1969-12-31", "1970 to 2100"),
        ("to", "2022-02-01", "a time after from"),
        ("to", "2101-01-01", "1970 to 2100"),
        ("strategy", "momentum", ", ".join(names())),
        ("strategy", "my_strategy.py", "match pattern"),
        ("strategy", "/etc/passwd", "match pattern"),
        ("capital", "0", "above 0"),
        ("capital", "10000000.1", "10000000"),
        ("capital", "1e9", "match pattern"),
        ("fee", "0.11", "a fraction from 0 to 0.1"),
        ("fee", "mtgox", "binance"),
        ("fee tier", "binance:99", "0 to 9"),
        ("latency_ms", -1, "greater than or equal to 0"),
        ("latency_ms", 600_001, "less than or equal to 600000"),
        ("trials", 0, "greater than or equal to 1"),
        ("data", "/srv/candles", "'store' or 'session'"),
        ("data", "session", "store; session only where"),
        ("mandate.max_drawdown", {"max_drawdown": 0.91}, "less than or equal to 0.9"),
        ("mandate.max_drawdown", {"max_drawdown": 0.009}, "greater than or equal to 0.01"),
        ("mandate.strategy", {"strategy": "x.py"}, "no such field"),
        ("min_order", {"min_order": "1000001"}, "1000000"),
    ],
)
def test_r33_a_field_beyond_its_bounds_is_named_with_what_is_allowed(
    counter: Office, field: str, value: Any, allowed: str
) -> None:
    before = counter.get(JOBS)
    asked = {"fee tier": "fee", "min_order": "mandate"}.get(field, field.partition(".")[0])
    told = problem_of(counter.ask("POST", JOBS, json=a_question(**{asked: value})), 422, "invalid_value")
    assert told["field"] == field
    assert allowed in told["allowed"]
    assert [job["id"] for job in counter.get(JOBS)["backtests"]] == [job["id"] for job in before["backtests"]]


@pytest.mark.parametrize(
    ("strategy", "parameters", "field"),
    [
        ("trend", {"entry_bars": 4}, "entry_bars"),
        ("trend", {"entry_bars": 501}, "entry_bars"),
        ("trend", {"entry_bars": 5.5}, "entry_bars"),
        ("trend", {"volume": 1}, "parameter volume"),
        ("ensemble", {"entry_bars": 55}, "parameter entry_bars"),
    ],
)
def test_r33_a_parameter_that_its_strategy_does_not_take_is_named(
    counter: Office, strategy: str, parameters: Any, field: str
) -> None:
    asked = a_question(strategy=strategy, parameters=parameters)
    assert problem_of(counter.ask("POST", JOBS, json=asked), 422)["field"] == field


@pytest.mark.parametrize(
    "changed",
    [
        {"latency_ms": 600_000, "trials": 1_000_000, "capital": "10000000", "fee": "0.1"},
        {"mandate": {"max_drawdown": 0.9, "min_order": "0", "whitelist": ["BTC/USDT"], "max_concurrent_trades": 1}},
        {"strategy": "trend", "parameters": {"entry_bars": 500, "exit_bars": 2}},
        {"symbols": ["ETH/BTC"], "fee": "kraken:2"},
    ],
)
def test_what_is_at_its_bounds_is_taken(counter: Office, changed: Any) -> None:
    taken = counter.ask("POST", JOBS, json=a_question(**changed))
    assert taken.status_code == 202, taken.text
    counter.ask("DELETE", f"{JOBS}/{taken.json()['backtest']['id']}")


def test_r34_as_many_candles_as_one_backtest_may_read_are_taken_and_no_more(counter: Office) -> None:
    begins = 1_262_304_000_000  # 2010-01-01T00:00:00Z
    asked = a_question(symbols=["BTC/USDT"], timeframe="1m", **{"from": iso(begins)})
    last = iso(begins + MOST_BARS * MINUTE)
    told = problem_of(counter.ask("POST", JOBS, json=asked | {"to": iso(begins + (MOST_BARS + 1) * MINUTE)}), 422)
    assert told["field"] == "to"
    assert told["allowed"].startswith(f"up to {last}: 5,000,000 candles")
    taken = counter.ask("POST", JOBS, json=asked | {"to": last})
    assert taken.status_code == 202
    counter.ask("DELETE", f"{JOBS}/{taken.json()['backtest']['id']}")


def test_a_store_without_candles_is_told_so(idle: None, tmp_path: Path) -> None:
    with opened(tmp_path / "own") as office:
        told = problem_of(office.ask("POST", JOBS, json=a_question()), 422)
        assert (told["field"], told["value"]) == ("data", "store")
        assert "cryptopilot data import" in told["allowed"]
        assert office.get("/api/candles/series")["series"] == []


def test_what_can_be_asked_with_is_listed(counter: Office) -> None:
    offered = counter.get("/api/strategies")
    exactly(shapes.StrategiesAnswer, offered)
    assert [one["name"] for one in offered["strategies"]] == names()
    trend = next(one for one in offered["strategies"] if one["name"] == "trend")
    bars = trend["parameters"][0]
    assert (bars["name"], bars["default"], bars["minimum"], bars["maximum"]) == ("entry_bars", 55, 5.0, 500.0)
    there = counter.get("/api/candles/series")
    exactly(shapes.SeriesAnswer, there)
    assert there["series"][0] == {
        "data": "store", "exchange": "BINANCE", "symbol": "BTC/USDT", "timeframe": "1h",
        "first": "2022-01-01T00:00:00Z", "last": "2022-04-10T23:00:00Z", "candles": 2400, "missing": 0,
    }  # fmt: skip


def test_a_restart_interrupts_what_ran_and_goes_on_with_what_waited(idle: None, tmp_path: Path) -> None:
    with opened(tmp_path / "own") as office:
        office.desk.jobs._most = 1
        workers.stock(office.service.home.path)
        running, waiting = ask(office, workers.WAITS), ask(office)
        process = half_through(office, running)
    assert not process.is_running()
    with opened(tmp_path / "own") as office:
        assert stands(office, running)["state"] == "interrupted"
        assert ended(office, waiting)["state"] == "done"


def test_a_server_that_died_leaves_what_ran_as_interrupted_and_ends_no_process(idle: None, tmp_path: Path) -> None:
    with opened(tmp_path / "own") as office:
        user = office.desk.access.sign_in.users()[0].id
        died = Job("0" * 16, user, 1, a_question(strategy="trend"), "{}", JobState.RUNNING, 1)
        StoredJobs(office.service.engine).keep(died)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        folder = tmp_path / "own" / "backtests" / died.id
        folder.mkdir(parents=True)
        (folder / "me").write_text(f"{bystander.pid} 15")
        with opened(tmp_path / "own") as office:
            assert office.desk.jobs.get(user, died.id).state is JobState.INTERRUPTED
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_worker_ends_with_a_server_that_is_killed(idle: None, tmp_path: Path) -> None:
    parent = f"""
import time
from pathlib import Path
from cryptopilot.runtime.jobs.errand import Errand
from cryptopilot.runtime.jobs.process import Process
import msgspec
errand = msgspec.json.encode(Errand({{}}, "", "", "", "", 0, {workers.WAITS}))
Process("idle_worker", errand, Path({str(tmp_path)!r}) / "job")
time.sleep(600)
"""
    server = subprocess.Popen([sys.executable, "-c", parent])
    try:
        me = tmp_path / "job" / "me"
        until(lambda: me.exists() and me.read_text() != "")
        worker = psutil.Process(int(me.read_text().split()[0]))
        server.send_signal(signal.SIGKILL)
        server.wait()
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    finally:
        server.kill()
        server.wait()


def test_a_database_that_is_away_takes_no_backtest_and_loses_no_result(desk: Office) -> None:
    running = ask(desk, workers.WAITS)
    process = half_through(desk, running)
    user = desk.desk.access.sign_in.users()[0].id
    with database_away(desk.service):
        problem_of(desk.ask("POST", JOBS, json=a_question()), 503, "unavailable")
        problem_of(desk.ask("DELETE", f"{JOBS}/{running}"), 503, "unavailable")
        assert desk.desk.jobs.get(user, running).state is JobState.RUNNING
        process.kill()
        until(lambda: desk.desk.jobs.get(user, running).state is JobState.FAILED)
    assert StoredJobs(desk.service.engine).all()[0].state is JobState.RUNNING  # Not told to it yet.
    ended(desk, ask(desk))
    assert StoredJobs(desk.service.engine).all()[0].state is JobState.FAILED


def kernel_names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.nb[ci]")}


@pytest.mark.data
def test_two_coins_over_three_recorded_months_come_to_what_the_command_line_says(
    market_data: Path, kernels: Path, tmp_path: Path
) -> None:
    home = tmp_path / "own"
    home.mkdir(mode=0o700)
    (home / "kernels").symlink_to(kernels)
    replay = {
        "PIPELINE_MARKET": f"replay:{market_data}", "PIPELINE_TIMEFRAME": "1h", "PIPELINE_SYMBOLS": "BTC/USDT,ETH/USDT",
        "PIPELINE_MIN_CONFIDENCE": 0.6,
    }  # fmt: skip
    compiled = kernel_names(kernels)
    with opened(home, **replay) as office:
        there = office.get("/api/candles/series")["series"]
        assert {"BTC/USDT", "ETH/USDT"} <= {
            s["symbol"] for s in there if (s["data"], s["timeframe"]) == ("session", "1h")
        }
        office.post("/api/trading-pipeline/start")
        stretch = {"from": "2022-03-01", "to": "2022-05-31"}
        job_id = ask(office, 3, data="session", fee="0.002", mandate={"take_profit_percentage": 0.06}, **stretch)
        handled, seen = office.service.assembly.pipeline.handled, [stands(office, job_id)]
        while seen[-1]["state"] not in ENDED:
            office.close_instants()
            seen.append(stands(office, job_id))
        assert seen[-1]["state"] == "done", seen[-1]["problem"]
        shares = [one["progress"] for one in seen]
        assert shares == sorted(shares)
        assert {"reading", "predicting"} <= {one["doing"] for one in seen}
        decided = (office.service.assembly.pipeline.handled - handled) // 3_600_000
        assert decided == len(seen) - 1 > 0  # Every instant that came meanwhile was decided.
        report = office.get(f"{JOBS}/{job_id}/report")
        exactly(shapes.ReportShape, report)
        assert office.ask("GET", f"{JOBS}/{job_id}/report.html").text.startswith("<!DOCTYPE html>")
    assert kernel_names(kernels) == compiled  # Warming had left nothing to compile.
    settings = load_settings(CRYPTOPILOT_HOME=home, PIPELINE_TAKE_PROFIT=0.06, **replay)
    question = Question(settings, Choice("BINANCE", "2022-03-01", "2022-05-31"), "0.002", trials=3)
    told = answer(question).document(MOST_POINTS)
    assert report == {**told, "seconds": report["seconds"]}
    assert seen[-1]["figures"]["final_equity"] == told["statistics"]["expected"]["account"]["final"]


def test_the_server_itself_never_loads_the_compiler() -> None:
    look = "import sys, cryptopilot.cli.serve, cryptopilot.runtime.jobs.asking; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], cwd=ROOT, timeout=60, check=False).returncode == 0

"""The doctor: every reason for which nothing starts is brought about for real, and named with what to do."""

import json
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryptopilot.adapters.storage.owed import FILE, Line, OwedLines
from cryptopilot.api import page
from cryptopilot.cli import surroundings
from cryptopilot.cli.listening import listener_on
from cryptopilot.cli.main import app
from cryptopilot.runtime.home import Home
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server of this machine shall be found, but where a test looks for one."""
    monkeypatch.setenv("PORT", "0")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which three instants were decided."""
    with_books(tmp_path / "home").close()
    return tmp_path / "home"


def with_books(home: Path) -> PipelineService:
    service = PipelineService(load_settings(PIPELINE_SPEED="max", CRYPTOPILOT_HOME=home))
    service.open()
    service.start_pipeline()
    for _ in range(3):
        service.assembly.pipeline.decide(service.assembly.pipeline.handled + 300_000)
    return service


def doctor() -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the findings by what they are about."""
    answer = RUNNER.invoke(app, ["doctor", "--json"])
    return answer.exit_code, {f["what"]: f for f in json.loads(answer.stdout)}


def named(what: str, *parts: str, state: str = "wrong") -> dict[str, Any]:
    """The finding about *what*, which says every one of *parts* and what to do."""
    code, findings = doctor()
    finding = findings[what]
    assert finding["state"] == state, finding
    assert code == (1 if "wrong" in {f["state"] for f in findings.values()} else 0)
    for part in parts:
        assert part in f"{finding['seen']} -> {finding['remedy']}"
    assert finding["remedy"]
    return finding


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(tmp_path: Path) -> None:
    code, findings = doctor()
    assert code == 0
    assert "the first start makes it" in findings["home"]["seen"]
    assert "the first start makes it" in findings["database"]["seen"]
    assert list(tmp_path.iterdir()) == []


def test_words_for_people_name_the_state_and_the_remedy(home: Path) -> None:
    (home / "secrets.json").chmod(0o644)
    answer = RUNNER.invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert f"WRONG home: {home / 'secrets.json'} is readable by others (644)\n      -> chmod 600" in answer.stdout


def test_secrets_that_others_can_read_are_named(home: Path) -> None:
    (home / "setup-code").chmod(0o640)
    named("home", "setup-code", "640", "chmod 600")


def test_a_home_that_is_open_to_others_is_named_and_left_as_it_is(home: Path) -> None:
    home.chmod(0o755)
    named("home", "755", "chmod 700")
    assert home.stat().st_mode & 0o777 == 0o755


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    named("home", "is no folder", "CRYPTOPILOT_HOME")


def test_a_full_disk_is_named_before_the_books_stop(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LEAST_FREE", 2**60)
    named("home", "the disk is nearly full", "make room")


def test_who_holds_the_home_is_told_and_is_nothing_wrong(home: Path) -> None:
    holder = Home(home)
    holder.take("serve --market sandbox")
    code, findings = doctor()
    holder.leave()
    assert code == 0
    assert f"in use by serve --market sandbox (process {os.getpid()}" in findings["home"]["seen"]


def test_facts_that_wait_for_the_database_are_named(home: Path) -> None:
    (home / "spill-sandbox-1.jsonl").write_text("{}\n")
    named("home", "spill-sandbox-1.jsonl", "bring the database back")


def test_a_guessable_secret_is_named_but_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "changeme" * 5)
    assert "changeme" not in json.dumps(named("home", "JWT_SECRET_KEY", "secrets.token_urlsafe"))


def test_a_port_that_another_process_has_is_named_with_that_process(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        finding = named("port", f"127.0.0.1:{port}", "PORT")
        if sys.platform == "linux":
            assert f"taken by process {os.getpid()}: " in finding["seen"]
            listener = listener_on(port)
            assert listener is not None
            assert "python" in listener.command
    assert listener_on(port) is None


def test_a_port_is_well_when_the_homes_own_server_has_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Home(home)
    holder.take("serve")
    with socket.create_server(("127.0.0.1", 0)) as own:
        monkeypatch.setenv("PORT", str(own.getsockname()[1]))
        assert "this home's running server" in doctor()[1]["port"]["seen"]
    holder.leave()


def test_an_address_that_others_can_reach_is_named_with_what_it_takes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104  # What is refused.
    named("port", "CRYPTOPILOT_ALLOW_REMOTE=true", "a first user", "CRYPTOPILOT_TLS_CERTIFICATE", "CRYPTOPILOT_HOSTS")


def test_a_database_that_does_not_answer_is_named_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:1/books")
    assert "hunter2" not in json.dumps(named("database", "does not answer", "start the server"))


def test_a_database_in_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/books.db")
    named("database", "nowhere is no folder", "DATABASE_URL")
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_a_newer_program_and_one_of_an_older_are_told_apart(home: Path) -> None:
    with sqlite3.connect(home / "cryptopilot.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    named("database", "9999", "a newer program wrote it", "run that newer program")
    with sqlite3.connect(home / "cryptopilot.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    database.close()
    named("database", "0001", "the next start brings it", state="note")


def test_a_file_that_is_no_database_and_one_with_a_torn_page_are_named(home: Path) -> None:
    path = home / "cryptopilot.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * 40_960 + whole[49_152:])
    named("database", "corrupt", "restore a backup")
    path.write_bytes(b"not a database at all" * 500)
    named("database", "is corrupt: file is not a database", "restore a backup")


def test_a_stored_setting_that_is_out_of_its_range_is_named(home: Path) -> None:
    with sqlite3.connect(home / "cryptopilot.db") as database:
        database.execute("INSERT INTO stored_settings VALUES ('max_drawdown', '7', 'ada', 0)")
    database.close()
    named("stored settings", "max_drawdown")


def test_a_clock_that_was_set_back_is_named(home: Path) -> None:
    with sqlite3.connect(home / "cryptopilot.db") as database:
        database.execute("UPDATE market_sessions SET created_at = created_at + 86400000")
    database.close()
    named("clock", "yet something was written down at", "set this machine's clock")


def test_a_page_that_is_not_built_is_told_and_stops_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "BUILT", tmp_path / "unbuilt")
    named("page", "not built", "make setup", state="note")
    (tmp_path / "unbuilt").mkdir()
    (tmp_path / "unbuilt" / "index.html").write_text("")
    assert doctor()[1]["page"]["state"] == "ok"
    assert page.BUILT.name == "page"


def test_a_python_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "LEAST_PYTHON", (9, 0))
    named("python", sys.version.split()[0], "make setup PYTHON=")


def test_live_trading_is_named_as_what_stops_the_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_PAPER_TRADING", "false")
    named("settings", "live trading is not in this version")


def test_the_doctor_looks_while_a_pipeline_runs_and_changes_nothing(tmp_path: Path) -> None:
    service = with_books(tmp_path / "home")
    try:
        code, findings = doctor()
        assert code == 0
        assert "chain whole, tables agree" in findings["books of sandbox-1"]["seen"]
        assert findings["signals"]["state"] == "ok"
        before = service.status()["market_time"]
    finally:
        service.close()
    assert doctor()[1]["signals"]["seen"] == f"nothing runs; the newest instant is {before}"


def test_books_that_move_while_they_are_looked_at_are_not_called_broken(tmp_path: Path) -> None:
    service = with_books(tmp_path / "home")
    service.run()  # At full speed: hundreds of instants while the doctor looks.
    try:
        code, findings = doctor()
    finally:
        service.close()
    assert code == 0, findings
    assert doctor()[0] == 0


def test_lines_that_the_audit_trail_is_owed_are_counted(home: Path) -> None:
    OwedLines(home / FILE).append(Line(1, "ada", "risk.halt", "entries", {}, "127.0.0.1"))
    named("audit", "chain whole", f"1 more wait in {home / FILE}", "the next start", state="note")

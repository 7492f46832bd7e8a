"""What people do is in the audit trail, also where the database goes away between the act and the line that says so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.adapters.storage import audit, owed
from cryptopilot.domain.errors import JournalUnavailableError
from tests.api.rest.office import Office, opened, problem_of

HALT = {"why": "a closer look"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    with opened(home) as found:
        yield found


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Until it is undone, the database takes what people do, and no line of the audit trail."""

    def refuse(*_: Any) -> None:
        raise JournalUnavailableError("it does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "append", refuse)
        yield patch


def halts(office: Office) -> list[tuple[str, str]]:
    """Who halted entries and why, as the trail says, newest first."""
    entries = office.get("/api/audit?action=risk.halt")["entries"]
    office.desk.access.audit.verify()
    return [(entry["who"], entry["detail"]["why"]) for entry in entries]


def test_r26_what_was_done_is_told_as_done_and_its_line_follows_once_the_database_answers(
    office: Office, home: Path, away: pytest.MonkeyPatch
) -> None:
    assert office.post("/api/risk/halt", HALT)["success"] is True
    assert office.get("/api/risk")["risk"]["halted_by"] == "ada"
    assert (home / owed.FILE).stat().st_mode & 0o077 == 0
    problem_of(office.ask("GET", "/api/audit"), 503, "unavailable")  # It would not be the whole trail.
    away.undo()
    assert halts(office) == [("ada", HALT["why"])]
    assert not (home / owed.FILE).exists()


def test_r26_an_owed_line_stands_before_those_of_later_acts(office: Office, away: pytest.MonkeyPatch) -> None:
    office.post("/api/risk/halt", HALT)
    away.undo()
    office.post("/api/risk/resume", {"why": "looked"})
    assert office.actions()[-2:] == ["risk.halt", "risk.resume"]


def test_r26_an_owed_line_survives_the_process_and_is_written_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise JournalUnavailableError("it does not answer")

    with opened(home) as first, monkeypatch.context() as patch:
        patch.setattr(audit, "append", refuse)
        first.post("/api/risk/halt", HALT)
        kept = (home / owed.FILE).read_bytes()
    with opened(home) as second:
        assert halts(second) == [("ada", HALT["why"])]
        (home / owed.FILE).write_bytes(kept + b'{"at":17')  # As if it had ended before it was cleared, and torn.
        assert halts(second) == [("ada", HALT["why"])]
        assert not (home / owed.FILE).exists()


def test_r26_where_the_disk_refuses_too_the_answer_says_that_it_is_done_and_not_written_down(
    office: Office, away: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    away.setattr(owed, "append_line", full)
    told = problem_of(office.ask("POST", "/api/risk/halt", json=HALT), 503, "unavailable")
    assert "risk.halt was done" in told["detail"]
    assert office.get("/api/risk")["risk"]["state"] == "halted"


def test_r26_settings_and_the_line_that_names_who_changed_them_are_stored_together_or_not_at_all(
    office: Office, away: pytest.MonkeyPatch
) -> None:
    before = office.get("/api/risk")["risk"]["limits"]
    problem_of(office.ask("PUT", "/api/risk/limits", json={"max_concurrent_trades": 3}), 503, "unavailable")
    assert office.get("/api/risk")["risk"]["limits"] == before
    assert office.desk.access.settings.all() == {}
    away.undo()
    assert office.ask("PUT", "/api/risk/limits", json={"max_concurrent_trades": 3}).status_code == 200
    entry = office.get("/api/audit?limit=1")["entries"][0]
    assert (entry["action"], entry["detail"]) == ("limits.change", {"max_concurrent_trades": {"before": 5, "after": 3}})

"""What the owner of a home does about people from the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cryptopilot.cli.main import app
from cryptopilot.domain.people import CredentialsRefusedError
from cryptopilot.runtime.home import Home
from tests.fakes.access import HERE, PASSWORD, THERE, Lodge

ANOTHER = "copper lantern glacier"


@pytest.fixture
def lodge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lodge]:
    monkeypatch.setenv("CRYPTOPILOT_HOME", str(tmp_path / "home"))
    made = Lodge(tmp_path / "home")
    yield made
    made.engine.dispose()


def run(*arguments: str, given: str | None = None) -> Any:
    return CliRunner().invoke(app, ["users", *arguments], input=given)


def test_everybody_is_listed_with_what_they_have_open(lodge: Lodge) -> None:
    assert "nobody yet" in run("list").stdout
    lodge.set_up()
    listed = json.loads(run("list", "--json").stdout)
    assert [(u["username"], u["role"], u["disabled"]) for u in listed] == [("Ada", "admin", False)]
    assert "Ada  admin  since 2027-01-15T08:00:00Z" in run("list").stdout
    assert lodge.actions().count("users_listed") == 3


def test_a_new_password_from_the_terminal_lets_its_owner_in_and_everybody_else_out(lodge: Lodge) -> None:
    granted = lodge.set_up()
    for _ in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in("Ada", ANOTHER, THERE)
    assert run("password", "ada", "--stdin", given=f"{ANOTHER}\n").exit_code == 0
    lodge.restart()
    assert lodge.door.sessions(granted.identity.user_id) == []
    assert lodge.door.sign_in("Ada", ANOTHER, HERE)
    entry = next(e for e in lodge.access.audit.entries(9) if e.action == "password_reset")
    assert (entry.who, entry.subject) == ("terminal", "Ada")


def test_a_password_that_is_typed_is_asked_for_twice(lodge: Lodge) -> None:
    lodge.set_up()
    answer = run("password", "Ada", "--json", given=f"{ANOTHER}\n{ANOTHER}\n")
    assert json.loads(answer.stdout) == {"username": "Ada", "password": "changed"}
    assert ANOTHER not in answer.output


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("Ada", "password1234\n", "password is '***'; allowed: "),
        ("Ada", "", "password is '***'; allowed: 12 to 128 characters"),
        ("Eve", f"{ANOTHER}\n", "username is 'Eve'; allowed: Ada"),
    ],
)
def test_a_wrong_name_or_a_poor_password_is_wrong_use(lodge: Lodge, name: str, given: str, message: str) -> None:
    lodge.set_up()
    answer = run("password", name, "--stdin", given=given)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert lodge.door.sign_in("Ada", PASSWORD, HERE)


def test_everybody_can_be_signed_out(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    lodge.set_up()
    monkeypatch.setattr("cryptopilot.cli.people.open_access", lambda *_: lodge.access)
    assert json.loads(run("sign-out", "Ada", "--json").stdout) == {"username": "Ada", "sessions_ended": 1}
    assert "0" in run("sign-out", "Ada").stdout
    assert lodge.actions() == ["set_up", "signed_out_everywhere", "session_revoked", "signed_out_everywhere"]


def test_the_signing_key_is_rotated_unless_the_environment_has_it(
    lodge: Lodge, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lodge.home.jwt_secret(None)
    kid = json.loads(run("rotate-key", "--json").stdout)["kid"]
    assert lodge.home.signing_keys(None)[-1].kid == kid
    assert lodge.home.jwt_secret(None) != before
    assert lodge.access.audit.entries(1)[0][2:5] == ("terminal", "signing_key_rotated", kid)
    monkeypatch.setenv("JWT_SECRET_KEY", "kX9vQ2mZ7tR4wB8nL3pJ6sD1fG5hC0yA_uE-iOqWxT")
    answer = run("rotate-key")
    assert (answer.exit_code, "JWT_SECRET_KEY is '***'; allowed: unset here" in answer.stderr) == (2, True)


@pytest.mark.parametrize("command", [("list",), ("password", "Ada", "--stdin"), ("sign-out", "Ada"), ("rotate-key",)])
def test_a_home_in_use_is_left_alone_and_its_holder_named(lodge: Lodge, command: tuple[str, ...]) -> None:
    lodge.set_up()
    holder = Home(lodge.path)
    holder.take("serve --market sandbox")
    answer = run(*command, given=f"{ANOTHER}\n")
    holder.leave()
    assert answer.exit_code == 2
    assert "in use by serve --market sandbox" in answer.stderr
    assert lodge.actions() == ["set_up"]


def test_a_home_without_a_database_says_what_to_do() -> None:
    answer = run("list")
    assert (answer.exit_code, "has no database yet" in answer.stderr) == (2, True)


def test_doctor_counts_people_and_names_the_first_changed_line_of_the_audit(lodge: Lodge) -> None:
    lodge.set_up()
    sound = {f["what"]: f for f in json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)}
    assert (sound["people"]["seen"], sound["audit"]["seen"]) == ("1 users", "1 entries, chain whole")
    with lodge.engine.begin() as connection:
        connection.execute(text("UPDATE audit SET who = 'nobody'"))
    answer = CliRunner().invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert "audit trail is broken at sequence 1" in answer.stdout

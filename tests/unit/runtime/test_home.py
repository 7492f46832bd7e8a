"""The home: for its owner alone, one writer at a time, secrets that nobody could guess."""

from pathlib import Path

import pytest

from cryptopilot.domain.errors import HomeTakenError, InvalidValueError
from cryptopilot.runtime.home import Home, check_secret


def test_a_second_writer_is_refused_with_the_first_ones_name_and_may_come_after_it(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "home"), Home(tmp_path / "home")
    first.take("serve --market sandbox")
    with pytest.raises(HomeTakenError, match="in use by serve --market sandbox"):
        second.take("python")
    assert "serve --market sandbox" in str(second.holder())
    first.leave()
    assert second.holder() is None
    second.take("python")
    second.leave()


def test_a_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    assert Home(tmp_path / "home").path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_use_for_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    (folder / "somebody-elses").write_text("")
    with pytest.raises(InvalidValueError, match="a folder of its own"):
        Home(folder)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_home_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidValueError, match="CRYPTOPILOT_HOME"):
        Home(tmp_path / "file" / "home")


def test_generated_secrets_stay_and_are_refused_once_others_could_read_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare_secrets()
    secret = home.jwt_secret(None)
    assert home.jwt_secret(None) == secret
    assert len(secret) >= 48
    check_secret("JWT_SECRET_KEY", secret)
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(InvalidValueError, match="mode 0600"):
        home.jwt_secret(None)


@pytest.mark.parametrize(
    "bad", ["", "short", "a" * 64, "changeme" * 8, "your-secret-key-0123456789abcdefghijkl", "ab" * 40]
)
def test_a_short_sample_or_dull_secret_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(InvalidValueError, match=r"JWT_SECRET_KEY is '\*\*\*'"):
        check_secret("JWT_SECRET_KEY", bad)

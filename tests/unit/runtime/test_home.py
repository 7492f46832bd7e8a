"""The home: for its owner alone, one writer at a time, secrets that nobody could guess."""

import base64
import json
import random
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SAMPLES = [
    "", "short", "a" * 64, "changeme" * 8, "your-secret-key-0123456789abcdefghijkl", "ab" * 40,
    "a-string-secret-at-least-256-bits-long", "your-256-bit-secret-your-256-bit-secret",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "django-insecure-x8#kq2!v9z@p4m7w$r1t6y^u3i5o0", "super-secret-jwt-key-change-in-production-42",
    "CHANGE_ME_CHANGE_ME_please_9x7q2w4z8k", "JWT_SECRET_KEY_for_my_server_2024_xyz!",
    "somethingrandom8f7a6b5c4d3e2f1a0b9c8", "my-jwt-key-that-nobody-knows-12345678",
    "keyboard cat keyboard dog keyboard cow", "ThisIsThePasswordForTheServer12345678",
    "replace-this-with-32-random-characters!", "placeholder-8f7a6b5c4d3e2f1a0b9c8d7e6",
    "deadbeefcafebabe0123456789abcdef00", "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz0123456789",
    "12345678901234567890123456789012", "qwertyuiopasdfghjklzxcvbnm1234567890", "elephant1elephant2elephant3elephant4",
    "correct-correct-correct-correct-correct", "xK9#mQ2$xK9#mQ2$xK9#mQ2$xK9#mQ2$",
    "development-key-8f7a6b5c4d3e2f1a0b9c8", "test-key-8f7a6b5c4d3e2f1a0b9c8d7e6f5a4",
]  # fmt: skip


@pytest.mark.parametrize("bad", SAMPLES)
def test_a_short_sample_or_dull_secret_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(InvalidValueError, match=r"JWT_SECRET_KEY is '\*\*\*'"):
        check_secret("JWT_SECRET_KEY", bad)


@given(st.integers(0, 2**32))
def test_a_random_secret_is_taken_however_it_is_written(seed: int) -> None:
    dice = random.Random(seed)
    check_secret("JWT_SECRET_KEY", base64.urlsafe_b64encode(dice.randbytes(48)).decode())
    check_secret("JWT_SECRET_KEY", dice.randbytes(32).hex())
    check_secret("JWT_SECRET_KEY", str(uuid.UUID(bytes=dice.randbytes(16), version=4)))


def test_an_old_homes_key_becomes_the_first_of_its_signing_keys(tmp_path: Path) -> None:
    old = "kX9vQ2mZ7tR4wB8nL3pJ6sD1fG5hC0yA_uE-iOqWxT"
    (tmp_path / "secrets.json").write_text(json.dumps({"jwt_secret_key": old, "other": 7}))
    (tmp_path / "secrets.json").chmod(0o600)
    home = Home(tmp_path)
    home.prepare_secrets()
    home.prepare_secrets()
    assert [k.key for k in home.signing_keys(None)] == [old]
    assert home.jwt_secret(None) == old
    assert json.loads((tmp_path / "secrets.json").read_text())["other"] == 7
    assert home.setup_code() is None


def test_a_rotation_puts_a_new_key_in_front_and_keeps_few(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare_secrets()
    first = home.jwt_secret(None)
    kid = home.rotate_signing_key()
    keys = home.signing_keys(None)
    assert [k.key for k in keys][:-1] == [first]
    assert (keys[-1].kid, keys[-1].key) == (kid, home.jwt_secret(None))
    assert keys[0].since <= keys[1].since
    for _ in range(5):
        home.rotate_signing_key()
    assert len(home.signing_keys(None)) == 3
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_given_key_is_the_newest_is_never_written_down_and_keeps_its_time_over_restarts(tmp_path: Path) -> None:
    given_key = "kX9vQ2mZ7tR4wB8nL3pJ6sD1fG5hC0yA_uE-iOqWxT"
    home = Home(tmp_path)
    home.prepare_secrets()
    own = home.jwt_secret(None)
    keys = home.signing_keys(given_key)
    assert [k.key for k in keys] == [own, given_key]
    assert Home(tmp_path).signing_keys(given_key) == keys
    assert given_key not in (tmp_path / "secrets.json").read_text()
    assert given_key not in repr(keys)
    without = home.signing_keys(None)
    assert [k.key for k in without][:2] == [own, None]
    assert without[-1].key not in (own, given_key, None)


def test_the_set_up_code_serves_until_it_is_spent(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare_secrets()
    first = home.setup_code()
    home.renew_setup_code()
    assert home.setup_code() not in (None, first)
    assert (tmp_path / "setup-code").stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        home.spend_setup_code()
        assert home.setup_code() is None

"""Signing in: set-up once, one answer to every wrong credential, refresh tokens that serve once, sessions that end."""

import itertools
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import text

from cryptopilot.adapters.storage.schema import metadata
from cryptopilot.domain.errors import CryptoPilotError, InvalidValueError
from cryptopilot.domain.people import (
    CredentialsRefusedError,
    Granted,
    Role,
    SetupClosedError,
    ThrottledError,
    TokenRefusedError,
    WrongCodeError,
)
from cryptopilot.runtime.access import sign_in
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.access.throttle import LONGEST_MS, account_key, network, wait_ms
from tests.fakes.access import HERE, NOW, PASSWORD, THERE, Lodge

T = TypeVar("T")
ANOTHER = "copper lantern glacier"
DAY_S = 86_400


def both_at_once(*works: Callable[[], T]) -> list[T | CryptoPilotError]:
    """What several threads that start together come to: answers, or our errors."""
    gate, answers = threading.Barrier(len(works)), list[T | CryptoPilotError]()

    def run(work: Callable[[], T]) -> None:
        gate.wait(10)
        try:
            answers.append(work())
        except CryptoPilotError as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# Set-up


def test_the_first_user_comes_in_by_the_code_and_is_an_admin(lodge: Lodge) -> None:
    assert lodge.door.needs_setup
    granted = lodge.set_up()
    assert lodge.door.authenticate(granted.access_token) == granted.identity
    assert (granted.identity.username, granted.identity.role) == ("Ada", Role.ADMIN)
    assert granted.expires_in == 900
    assert lodge.home.setup_code() is None
    assert not lodge.door.needs_setup
    assert lodge.actions() == ["set_up"]


def test_the_set_up_closes_for_ever_also_over_a_restart_and_with_a_code_put_there_by_hand(lodge: Lodge) -> None:
    code = str(lodge.home.setup_code())
    lodge.set_up()
    for _ in range(2):
        with pytest.raises(SetupClosedError):
            lodge.door.set_up(code, "Eve", ANOTHER, THERE)
        (lodge.path / "setup-code").write_text(code)
        with pytest.raises(SetupClosedError):
            lodge.door.set_up(code, "Eve", ANOTHER, THERE)
        lodge.restart()
        assert lodge.home.setup_code() is None
    assert [u.username for u in lodge.door.users()] == ["Ada"]


def test_of_two_set_ups_at_once_one_is_the_first(lodge: Lodge) -> None:
    code = str(lodge.home.setup_code())
    answers = both_at_once(*(partial(lodge.door.set_up, code, n, PASSWORD, HERE) for n in ("Ada", "Eve", "Kim")))
    assert sorted(type(a).__name__ for a in answers) == ["Granted", "SetupClosedError", "SetupClosedError"]
    assert len(lodge.door.users()) == 1


def test_a_wrong_code_is_refused_and_guessing_is_throttled_by_address(lodge: Lodge) -> None:
    for code in ("", "0" * 16, "\ud800", str(lodge.home.setup_code()).upper() + "x", "é" * 16, "x" * 10_000):
        with pytest.raises(WrongCodeError):
            lodge.door.set_up(code, "Eve", PASSWORD, THERE)
    with pytest.raises(ThrottledError):
        lodge.door.set_up(str(lodge.home.setup_code()), "Eve", PASSWORD, THERE)
    assert lodge.set_up().identity.username == "Ada"
    assert lodge.actions() == ["set_up_refused"] * 6 + ["set_up"]


@pytest.mark.parametrize(
    ("name", "password"), [("Ada", "password1234"), ("", PASSWORD), ("A\0da", PASSWORD), ("Ada", "short")]
)
def test_a_set_up_with_a_bad_name_or_password_can_be_tried_again(lodge: Lodge, name: str, password: str) -> None:
    for _ in range(8):  # The code was right: nothing here is a guess.
        with pytest.raises(InvalidValueError):
            lodge.set_up(name, password)
    assert lodge.set_up().identity.username == "Ada"


def test_a_new_database_under_an_old_home_has_a_way_in(lodge: Lodge) -> None:
    lodge.set_up()
    with lodge.engine.begin() as connection:
        connection.execute(text("DELETE FROM users"))
    lodge.restart()
    assert lodge.door.needs_setup
    assert lodge.set_up("Grace").identity.username == "Grace"


# Signing in


def test_a_user_signs_in_by_name_in_any_case(lodge: Lodge) -> None:
    first = lodge.set_up()
    granted = lodge.door.sign_in("aDA", PASSWORD, THERE)
    assert granted.identity._replace(session_id="") == first.identity._replace(session_id="")
    assert granted.identity.session_id != first.identity.session_id
    assert {s.address for s in lodge.door.sessions(granted.identity.user_id)} == {HERE, THERE}


def test_unknown_wrong_and_disabled_are_refused_in_the_same_words_and_all_are_recorded(lodge: Lodge) -> None:
    lodge.set_up()
    attempts = [("Eve", PASSWORD), ("Ada", ANOTHER), ("Ada", ""), ("correct horse battery", "x"), ("A\0", "\ud800")]
    words = {str(refused(lodge, name, password)) for name, password in attempts}
    with lodge.engine.begin() as connection:
        connection.execute(text("UPDATE users SET disabled = true"))
    words.add(str(refused(lodge, "Ada", PASSWORD)))
    assert words == {"these credentials are not accepted"}
    entries = lodge.access.audit.entries(6)
    assert {e.action for e in entries} == {"sign_in_refused"}
    assert [e.subject for e in reversed(entries)] == ["Eve", "Ada", "Ada", *["(not a username)"] * 2, "Ada"]
    assert all(e.address.startswith("203.0.113.") for e in entries)


STRANGERS = (f"203.0.113.{n}" for n in itertools.count(1))
"""Addresses that have not failed before."""


def refused(lodge: Lodge, username: str, password: str) -> CredentialsRefusedError:
    with pytest.raises(CredentialsRefusedError) as caught:
        lodge.door.sign_in(username, password, next(STRANGERS))
    return caught.value


def test_neither_the_database_nor_any_representation_holds_a_password_or_a_token(lodge: Lodge) -> None:
    granted = lodge.set_up()
    with pytest.raises(CredentialsRefusedError):
        lodge.door.sign_in("Ada", ANOTHER, HERE)
    lodge.door.refresh(granted.refresh_token, HERE)
    with lodge.engine.connect() as connection:
        kept = repr([connection.execute(table.select()).all() for table in metadata.sorted_tables])
    said = repr(
        (granted, lodge.door.users(), lodge.door.sessions(granted.identity.user_id), lodge.home.signing_keys(None))
    )
    key = str(lodge.home.signing_keys(None)[0].key)
    for secret in (PASSWORD, ANOTHER, granted.access_token, granted.refresh_token, key):
        assert secret not in kept
        assert secret not in said
    assert "$argon2" in kept
    assert "$argon2" not in said


def test_a_hash_with_old_parameters_is_made_anew_at_the_next_sign_in(lodge: Lodge) -> None:
    granted = lodge.set_up()
    before = lodge.door.users()[0].password_hash
    passwords = Passwords()
    lodge.door._passwords = passwords
    lodge.door.sign_in("Ada", PASSWORD, HERE)
    after = lodge.door.users()[0].password_hash
    assert passwords.outdated(before)
    assert not passwords.outdated(after)
    assert lodge.door.sign_in("Ada", PASSWORD, HERE).identity.user_id == granted.identity.user_id


# Refreshing


def test_a_refresh_gives_new_tokens_for_the_same_session(lodge: Lodge) -> None:
    first = lodge.set_up()
    lodge.clock.pass_s(600)
    second = lodge.door.refresh(first.refresh_token, HERE)
    assert second.identity == first.identity._replace(expires_at=NOW + 1_500_000)
    assert second.refresh_token != first.refresh_token
    assert lodge.door.authenticate(second.access_token) == second.identity


def test_a_spent_refresh_token_ends_the_session_and_says_so(lodge: Lodge) -> None:
    first = lodge.set_up()
    told: list[str] = []
    lodge.door.on_revoked.append(told.append)
    second = lodge.door.refresh(first.refresh_token, HERE)
    third = lodge.door.refresh(second.refresh_token, HERE)
    lodge.clock.pass_s(10.001)
    for token in (first.refresh_token, second.refresh_token, third.refresh_token):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.refresh(token, THERE)
    with pytest.raises(TokenRefusedError, match="revoked"):
        lodge.door.authenticate(third.access_token)
    assert told == [first.identity.session_id]
    assert lodge.actions() == ["set_up", "refresh_reused", "session_revoked"]
    lodge.restart()
    with pytest.raises(TokenRefusedError, match="revoked"):
        lodge.door.authenticate(third.access_token)


def test_of_two_tabs_that_refresh_at_once_one_wins_and_nobody_is_thrown_out(lodge: Lodge) -> None:
    first = lodge.set_up()
    answers = both_at_once(*[lambda: lodge.door.refresh(first.refresh_token, HERE)] * 4)
    won = [a for a in answers if isinstance(a, Granted)]
    assert len(won) == 1
    assert all(isinstance(a, CredentialsRefusedError) for a in answers if a not in won)
    assert lodge.door.authenticate(won[0].access_token)
    lodge.clock.pass_s(10)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(first.refresh_token, HERE)
    assert lodge.door.refresh(won[0].refresh_token, HERE)


@pytest.mark.parametrize("bad", ["", "x", "A" * 43, "é" * 43, "\0" * 43, "A" * 10_240])
def test_what_is_no_refresh_token_is_refused(lodge: Lodge, bad: str) -> None:
    lodge.set_up()
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(bad, HERE)
    assert lodge.actions() == ["set_up"]


def test_a_session_ends_when_it_is_idle_for_a_week_or_a_month_old(lodge: Lodge) -> None:
    idle = lodge.set_up()
    lodge.clock.pass_s(7 * DAY_S)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(idle.refresh_token, HERE)
    used = lodge.door.sign_in("Ada", PASSWORD, HERE)
    began = lodge.clock.now
    for _ in range(5):
        lodge.clock.pass_s(6 * DAY_S - 60)
        assert lodge.door.sessions(used.identity.user_id)
        used = lodge.door.refresh(used.refresh_token, HERE)
    assert used.identity.expires_at == began + sign_in.LONGEST_MS
    assert used.expires_in == 300
    lodge.clock.pass_s(300)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(used.refresh_token, HERE)
    assert lodge.door.sessions(used.identity.user_id) == []


def test_a_disabled_user_refreshes_no_more(lodge: Lodge) -> None:
    granted = lodge.set_up()
    with lodge.engine.begin() as connection:
        connection.execute(text("UPDATE users SET disabled = true"))
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(granted.refresh_token, HERE)


# Ending


def test_signing_out_ends_the_session_at_once_and_only_it(lodge: Lodge) -> None:
    first, second = lodge.set_up(), lodge.door.sign_in("Ada", PASSWORD, HERE)
    lodge.door.authenticate(first.access_token)
    for _ in range(2):
        lodge.door.sign_out(first.identity.session_id, "Ada")
    with pytest.raises(TokenRefusedError, match="revoked"):
        lodge.door.authenticate(first.access_token)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.refresh(first.refresh_token, HERE)
    assert lodge.door.authenticate(second.access_token) == second.identity
    assert lodge.actions() == ["set_up", "sign_in", "sign_out"]


def test_a_revocation_is_told_once_with_its_reason_and_whoever_did_it(lodge: Lodge) -> None:
    granted, told = lodge.set_up(), list[str]()
    lodge.door.on_revoked.append(told.append)
    for _ in range(2):
        lodge.door.revoke(granted.identity.session_id, "Grace", "left the company")
    entry = lodge.access.audit.entries(1)[0]
    assert told == [granted.identity.session_id]
    assert (entry.who, entry.action, entry.detail) == ("Grace", "session_revoked", {"why": "left the company"})
    with pytest.raises(InvalidValueError, match="session is 'nonsense'"):
        lodge.door.revoke("nonsense", "Ada", "")
    with pytest.raises(InvalidValueError, match="session is 'nonsense'"):
        lodge.door.sign_out("nonsense", "Ada")


def test_a_new_password_ends_all_other_sessions(lodge: Lodge) -> None:
    here, there = lodge.set_up(), lodge.door.sign_in("Ada", PASSWORD, THERE)
    user = here.identity.user_id
    lodge.door.change_password(user, PASSWORD, ANOTHER, HERE, session_id=here.identity.session_id)
    assert lodge.door.authenticate(here.access_token)
    with pytest.raises(TokenRefusedError, match="revoked"):
        lodge.door.authenticate(there.access_token)
    refused(lodge, "Ada", PASSWORD)
    assert lodge.door.sign_in("Ada", ANOTHER, HERE)
    assert lodge.actions()[2:4] == ["password_changed", "session_revoked"]


def test_a_password_changes_only_for_who_knows_the_old_one_and_to_a_good_one(lodge: Lodge) -> None:
    user = lodge.set_up().identity.user_id
    for _ in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.change_password(user, ANOTHER, ANOTHER, HERE)
    with pytest.raises(ThrottledError):
        lodge.door.change_password(user, PASSWORD, ANOTHER, HERE)
    lodge.clock.pass_s(2)
    with pytest.raises(InvalidValueError, match="password is"):
        lodge.door.change_password(user, PASSWORD, "password1234", HERE)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.change_password("nobody", PASSWORD, ANOTHER, HERE)
    assert lodge.door.sign_in("Ada", PASSWORD, HERE)
    assert lodge.actions().count("password_change_refused") == 6


# Throttling


def test_the_wait_is_nothing_at_first_then_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [wait_ms(n) // 1000 for n in range(5, 17)] == [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert wait_ms(10**9) == LONGEST_MS


def test_a_thousand_guesses_in_a_day_get_a_hundred_tries_and_the_owner_still_comes_in(lodge: Lodge) -> None:
    lodge.set_up()
    tried, waits = 0, list[int]()
    for number in range(1000):
        lodge.clock.pass_s(86)
        if number == 500:
            lodge.restart()
        try:
            lodge.door.sign_in("Ada", f"guess number {number}", f"198.51.100.{number % 200}")
        except CredentialsRefusedError:
            tried += 1
        except ThrottledError as throttled:
            waits.append(throttled.retry_after_s)
        if number % 250 == 249:
            assert lodge.door.sign_in("Ada", PASSWORD, HERE)  # An address that Ada was signed in from before.
    assert tried < 105
    assert (min(waits) >= 1, max(waits)) == (True, 900 - 86)
    assert lodge.actions().count("sign_in_refused") == tried
    lodge.clock.pass_s(900)
    assert lodge.door.sign_in("Ada", PASSWORD, "192.0.2.200")  # And from anywhere after the longest wait.


def test_one_address_is_slowed_down_whomever_it_guesses_at(lodge: Lodge) -> None:
    lodge.set_up()
    for number in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in(f"user{number}", PASSWORD, "2001:db8::1")
    with pytest.raises(ThrottledError) as throttled:
        lodge.door.sign_in("Ada", PASSWORD, "2001:db8::dead:beef")  # The same household's network.
    assert throttled.value.retry_after_s == 2
    assert lodge.door.sign_in("Ada", PASSWORD, "2001:db8:0:1::1")


def test_a_success_clears_the_account_and_leaves_the_address_as_it_was(lodge: Lodge) -> None:
    lodge.set_up()
    for number in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in(f"user{number}", ANOTHER, HERE)
    lodge.clock.pass_s(2)
    for _ in range(3):  # Whoever is right waits no second time.
        lodge.door.sign_in("Ada", PASSWORD, HERE)
    with pytest.raises(CredentialsRefusedError):
        lodge.door.sign_in("user7", ANOTHER, HERE)
    with pytest.raises(ThrottledError) as throttled:
        lodge.door.sign_in("Ada", PASSWORD, HERE)
    assert throttled.value.retry_after_s == 4


def test_attempts_at_once_are_all_counted(lodge: Lodge) -> None:
    lodge.set_up()

    def guess() -> Granted:
        return lodge.door.sign_in("Ada", ANOTHER, THERE)

    answers = both_at_once(*[guess] * 12)
    assert sum(isinstance(a, CredentialsRefusedError) for a in answers) == 6
    assert sum(isinstance(a, ThrottledError) for a in answers) == 6


def test_a_clock_that_is_set_back_locks_nobody_out(lodge: Lodge) -> None:
    lodge.set_up()
    for _ in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in("Ada", ANOTHER, THERE)
    lodge.clock.pass_s(-DAY_S)
    assert lodge.door.sign_in("Ada", PASSWORD, THERE)


def test_failures_are_forgotten_after_a_day(lodge: Lodge) -> None:
    lodge.set_up()
    for _ in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in("Ada", ANOTHER, THERE)
    lodge.clock.pass_s(DAY_S + 1)
    for _ in range(6):
        with pytest.raises(CredentialsRefusedError):
            lodge.door.sign_in("Ada", ANOTHER, THERE)


def test_an_account_counts_apart_where_it_was_signed_in_from_before() -> None:
    known = frozenset({network(HERE)})
    assert account_key("Ada", HERE, known) == "ada at 192.0.2.1"
    assert account_key("ADA", THERE, known) == "ada"
    assert account_key("not a name", THERE, known) is None
    assert network("::ffff:192.0.2.1") == network(HERE)
    assert network("fe80::1%eth0") == "fe80::/64"
    assert network("testclient") == "testclient"

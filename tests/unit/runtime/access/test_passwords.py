"""Passwords: what is good enough, what a hash promises, and that nobody learns by the clock who exists."""

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.runtime.access.passwords import AT_ONCE, Passwords
from tests.fakes.access import PASSWORD, cheap_passwords


@pytest.mark.parametrize(
    "bad",
    [
        "", "short", "elevenchars", "x" * 129, "password1234", "qwertyuiop12", "aaaaaaaaaaaaaaaa", "abcdefghijklmnop",
        "cryptopilot1", "cryptopilotcryptopilot", "ada.lovelace", "ADA.Lovelace", "ada.lovelace1", "letmein123456",
        "marigold kettle\0thunder", "marigold\nkettle thunder", "marigold kettle \ud800 thunder",
        "a" * 100 + "8xQ!vm2#",
    ],
)  # fmt: skip
def test_a_password_that_could_be_guessed_or_not_typed_again_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(InvalidValueError, match=r"password is '\*\*\*'; allowed: ") as refused:
        cheap_passwords().check(bad, "ada.lovelace")
    assert not bad or bad not in str(refused.value)


@pytest.mark.parametrize(
    "good", [PASSWORD, "Überquert-9-Brücken", "正しい馬バッテリーホッチキス留め", "qX7" * 4 + "!m2#vT9"]
)
def test_what_nobody_guesses_is_taken_in_any_script(good: str) -> None:
    passwords = cheap_passwords()
    passwords.check(good, "ada")
    assert passwords.verify(passwords.hash(good), good)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=130), st.text(max_size=130))
def test_a_hash_is_of_its_password_alone(password: str, other: str) -> None:
    passwords = cheap_passwords()
    kept = passwords.hash(password)
    assert passwords.verify(kept, password)
    assert not passwords.verify(None, password)
    assert passwords.verify(kept, other + "!" + password) is False


def test_one_password_typed_on_two_keyboards_is_one_password() -> None:
    passwords = cheap_passwords()
    assert passwords.verify(passwords.hash("Br\u00fccken \ufb01nden sich"), "Bru\u0308cken finden sich")


def test_what_is_no_password_at_all_is_wrong_like_any_other() -> None:
    passwords = cheap_passwords()
    assert not passwords.verify(passwords.hash(PASSWORD), "\ud800\0" * 4000)
    assert not passwords.verify("not a hash", PASSWORD)


def test_hashes_are_argon2id_by_the_librarys_parameters_and_outdated_once_those_change() -> None:
    kept = Passwords().hash(PASSWORD)
    used, library = extract_parameters(kept), PasswordHasher()
    assert kept.startswith("$argon2id$")
    assert (used.memory_cost, used.time_cost, used.parallelism) == (
        library.memory_cost,
        library.time_cost,
        library.parallelism,
    )
    assert not Passwords().outdated(kept)
    assert cheap_passwords().outdated(kept)


def test_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=4096, parallelism=1))
    kept = passwords.hash(PASSWORD)
    wrong, unknown = [], []
    for _ in range(60):  # In turns, so that whatever else the machine does weighs on both.
        wrong.append(_took(lambda: passwords.verify(kept, "not the password")))
        unknown.append(_took(lambda: passwords.verify(None, "not the password")))
    # An answer without a hash would take a thousandth; a band of two is beyond what load does to medians in turns.
    assert 0.5 < statistics.median(unknown) / statistics.median(wrong) < 2
    # Mann and Whitney's rank test: how often an unknown user took longer. Half of the time, if nothing differs.
    longer = sum(u > w for u in unknown for w in wrong) / len(unknown) / len(wrong)
    assert 0.1 < longer < 0.9


def _took(work: Callable[[], Any]) -> int:
    began = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - began


def test_no_more_hashes_are_made_at_once_than_memory_is_meant_for() -> None:
    class Counting(PasswordHasher):
        now = most = 0
        full, lock = threading.Event(), threading.Lock()

        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            if self.now >= AT_ONCE:
                self.full.set()
            self.full.wait(10)
            with self.lock:
                self.now -= 1
            return ""

    hasher = Counting()
    passwords = Passwords(hasher)
    threads = [threading.Thread(target=passwords.hash, args=(PASSWORD,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hasher.most == AT_ONCE

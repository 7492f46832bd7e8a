"""What the stores of people, audit, answers and settings promise: SQLite and PostgreSQL alike."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from cryptopilot.adapters.storage.audit import GENESIS, LONGEST, AuditTrail
from cryptopilot.adapters.storage.database import alone, reading, transaction, writing
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.kept_answers import KEPT_MS, KeptAnswers
from cryptopilot.adapters.storage.people import KEPT_MS as KEPT_SESSIONS_MS
from cryptopilot.adapters.storage.people import People
from cryptopilot.adapters.storage.preferences import StoredSettings
from cryptopilot.adapters.storage.schema import spent_refreshes
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.adapters.storage.throttles import Throttles
from cryptopilot.domain.errors import InvalidValueError, JournalRefusedError, JournalUnavailableError
from cryptopilot.domain.people import AuditCorruptError, Role, User, UserSession
from tests.contract.test_journal import INSTRUMENTS, SCALES, Bookkeeper, fresh
from tests.fakes.access import NOW, HandClock
from tests.fakes.market import at

ADA = User("u1", "Ada", Role.ADMIN, "hash", NOW)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = fresh(url)
    yield made
    made.dispose()


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run them in threads that start together; what they raised."""
    gate, raised = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        gate.wait(10)
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


# Writers at the same time


def test_the_journal_and_people_write_at_the_same_time_and_nothing_fails(engine: Engine) -> None:
    session = Sessions(engine).open("sandbox", "SIMULATED", {"market": "sandbox"}, "USDT", 3_600_000, 1)
    Sessions(engine).describe(session.id, INSTRUMENTS)
    trail, people = AuditTrail(engine), People(engine)
    keeper = Bookkeeper(SqlJournal(engine, session.id, "USDT", SCALES))
    keeper.open_books()
    instants, entries = 60, 60

    def trade() -> None:
        for number in range(instants):
            keeper.journal = SqlJournal(engine, session.id, "USDT", SCALES)  # It reads its head first, every time.
            keeper.commit(at(number), keeper.account.marked(at(number), lambda _: 1))

    def sign() -> None:
        for number in range(entries):
            trail.append(NOW, "Ada", "sign_in", str(number), {})
            people.users()

    assert at_once(trade, sign, sign) == []
    assert trail.verify() == 2 * entries
    assert len(list(SqlJournal(engine, session.id, "USDT", SCALES).events("default"))) == instants + 1


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(engine: Engine) -> None:
    trail = AuditTrail(engine)
    trail.append(NOW, "Ada", "sign_in", "", {})
    with reading(engine) as connection:
        before = connection.execute(text("SELECT count(*) FROM audit")).scalar()
        trail.append(NOW, "Ada", "sign_out", "", {})
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == before


def test_readers_of_the_journal_wait_for_no_writer(engine: Engine) -> None:
    with alone(engine) as connection:
        connection.execute(text("INSERT INTO stored_settings VALUES ('a', '1', 'Ada', 1)"))
        with transaction(engine, None, None, writes=False) as reader:
            assert reader.execute(text("SELECT count(*) FROM stored_settings")).scalar() == 0


@pytest.mark.parametrize("opened", [writing, alone, reading])
def test_a_database_that_fails_is_named_as_such(engine: Engine, opened: Callable[[Engine], object]) -> None:
    with pytest.raises(JournalUnavailableError), opened(engine) as connection:  # type: ignore[attr-defined]
        connection.execute(text("SELECT * FROM nowhere"))


# People


def test_a_name_is_taken_in_every_case_and_found_in_any(engine: Engine) -> None:
    people = People(engine)
    with people.change() as change:
        change.add_user(ADA)
    with pytest.raises(JournalRefusedError), people.change() as change:
        change.add_user(User("u2", "aDA", Role.VIEWER, "hash", NOW))
    assert people.named("ADA") == people.user("u1") == ADA
    assert (people.named("Eve"), people.user("u2"), people.count()) == (None, None, 1)


def test_what_fails_half_way_is_not_done_and_not_in_the_audit(engine: Engine) -> None:
    people = People(engine)

    def begun() -> None:
        with people.change() as change:
            change.add_user(ADA)
            change.record(NOW, "Ada", "set_up", "Ada", {}, "")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begun()
    assert people.users() == []
    assert AuditTrail(engine).head() == (0, GENESIS)


def test_a_refresh_token_is_current_then_spent_and_leads_to_its_session(engine: Engine) -> None:
    people = People(engine)
    session = UserSession("s1", "u1", NOW, NOW, NOW + 1000, "192.0.2.1")
    with people.change() as change:
        change.open_session(session, "first")
        assert change.session_of("first") == (session, None)
        change.rotate("s1", "first", "second", NOW + 5)
    with people.change() as change:
        later = UserSession("s1", "u1", NOW, NOW + 5, NOW + 1000, "192.0.2.1")
        assert change.session_of("first") == (later, NOW + 5)
        assert change.session_of("second") == (later, None)
        assert change.session_of("third") is None
    assert [people.knows_refresh(h) for h in ("first", "second", "third")] == [True, True, False]


def test_a_session_is_revoked_once_and_remembered_with_its_reason(engine: Engine) -> None:
    people = People(engine)
    with people.change() as change:
        change.open_session(UserSession("s1", "u1", NOW, NOW, NOW + 1000, ""), "first")
        assert [change.revoke("s1", NOW + 7, "why"), change.revoke("s1", NOW + 8, "again")] == [True, False]
    assert [(s.revoked_at, s.revoked_why) for s in people.sessions("u1")] == [(NOW + 7, "why")]
    assert [len(people.revoked_since(NOW + n)) for n in (7, 8)] == [1, 0]


def test_sessions_that_expired_long_ago_are_let_go_of(engine: Engine) -> None:
    people = People(engine)
    with people.change() as change:
        change.open_session(UserSession("old", "u1", NOW, NOW, NOW + 1000, ""), "first")
        change.rotate("old", "first", "second", NOW)
        late = NOW + 1001 + KEPT_SESSIONS_MS
        change.open_session(UserSession("new", "u1", late, late, late + 1000, ""), "third")
    assert [s.id for s in people.sessions("u1")] == ["new"]
    with reading(engine) as connection:
        assert connection.execute(select(spent_refreshes)).all() == []


# Audit


def a_trail(engine: Engine, entries: int = 6) -> AuditTrail:
    trail = AuditTrail(engine)
    for number in range(1, entries + 1):
        trail.append(NOW + number, f"user{number % 2}", f"action{number % 3}", "subject", {"number": number}, "::1")
    return trail


def test_the_trail_is_read_newest_first_by_page_action_and_person(engine: Engine) -> None:
    trail = a_trail(engine)
    assert [e.seq for e in trail.entries(4)] == [6, 5, 4, 3]
    assert [e.seq for e in trail.entries(4, before_seq=3)] == [2, 1]
    assert [e.seq for e in trail.entries(9, action="action0")] == [6, 3]
    assert [e.seq for e in trail.entries(9, who="user1", before_seq=5)] == [3, 1]
    assert trail.entries(1)[0].detail == {"number": 6}
    assert trail.head() == (6, trail.entries(1)[0].hash)
    assert trail.verify() == 6
    for limit in (0, -1, LONGEST + 1):
        with pytest.raises(InvalidValueError, match="limit is"):
            trail.entries(limit)


@pytest.mark.parametrize(
    ("damage", "seq"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE seq = 3", 3),
        ("UPDATE audit SET action = 'nothing' WHERE seq = 1", 1),
        ("UPDATE audit SET subject = '' WHERE seq = 2", 2),
        ("UPDATE audit SET detail = '{}' WHERE seq = 6", 6),
        ("UPDATE audit SET address = '' WHERE seq = 4", 4),
        ("UPDATE audit SET at = at + 1 WHERE seq = 5", 5),
        ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 2) WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 6", 6),
        ("DELETE FROM audit WHERE seq > 2", 3),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit_head", 1),
        ("UPDATE audit_head SET seq = 5", 6),
        ("UPDATE audit SET seq = CASE seq WHEN 3 THEN -4 ELSE -3 END WHERE seq IN (3, 4)", 1),
    ],
)
def test_whatever_is_changed_in_the_trail_is_found_with_its_number(engine: Engine, damage: str, seq: int) -> None:
    trail = a_trail(engine)
    with engine.begin() as connection:
        connection.execute(text(damage))
    with pytest.raises(AuditCorruptError, match=f"broken at sequence {seq}") as found:
        trail.verify()
    assert found.value.seq == seq


def test_two_entries_that_change_places_are_found(engine: Engine) -> None:
    trail = a_trail(engine)
    with engine.begin() as connection:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            connection.execute(text("UPDATE audit SET seq = :new WHERE seq = :old"), {"old": old, "new": new})
    with pytest.raises(AuditCorruptError, match="broken at sequence 3"):
        trail.verify()


def test_a_last_entry_that_was_written_anew_with_its_own_hash_is_found_by_the_head(engine: Engine) -> None:
    trail = a_trail(engine)
    last, before = trail.entries(2)
    fields = [
        before.hash,
        last.seq,
        last.at,
        "nobody",
        last.action,
        last.subject,
        json.dumps(last.detail),
        last.address,
    ]
    forged = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit SET who = 'nobody', hash = :hash WHERE seq = 6"), {"hash": forged})
    with pytest.raises(AuditCorruptError, match="broken at sequence 6: its hash is not that of the trail's head"):
        trail.verify()


def test_a_trail_that_was_cut_short_stays_broken_however_much_is_added(engine: Engine) -> None:
    trail = a_trail(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE seq > 4"))
    trail.append(NOW, "Ada", "sign_in", "", {})
    with pytest.raises(AuditCorruptError, match="broken at sequence 5: missing; the next one is 7"):
        trail.verify()


def test_entries_written_at_once_make_one_chain(engine: Engine) -> None:
    trail = AuditTrail(engine)

    def write() -> None:
        for number in range(15):
            trail.append(NOW, "Ada", "sign_in", str(number), {})

    assert at_once(*[write] * 4) == []
    assert trail.verify() == 60


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300), st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers() | st.booleans()))
def test_whatever_text_arrives_is_kept_and_verifies(engine: Engine, words: str, detail: dict[str, object]) -> None:
    trail = AuditTrail(engine)
    for odd in (words, words + "\0", "\ud800" + words):
        entry = trail.append(NOW, odd, odd, odd, detail, odd)
        assert trail.entries(1) == [entry]
    assert trail.verify() == trail.head()[0]


# Kept answers, stored settings, throttles


def test_the_first_answer_under_a_key_is_the_one_that_counts(engine: Engine) -> None:
    answers = KeptAnswers(engine, HandClock())
    assert answers.find("u1", "k") is None
    first = answers.keep("u1", "k", "POST /api/x", "h1", 200, b"\x00first")
    assert answers.keep("u1", "k", "POST /api/x", "h2", 500, b"second") == first == answers.find("u1", "k")
    assert answers.keep("u2", "k", "POST /api/x", "h2", 201, b"other").status == 201


def test_of_answers_kept_at_once_all_are_told_the_same_one(engine: Engine) -> None:
    answers, told = KeptAnswers(engine, HandClock()), set[bytes]()

    def keep(body: bytes) -> None:
        told.add(answers.keep("u1", "k", "POST /x", "h", 200, body).body)

    assert at_once(*(partial(keep, bytes([n])) for n in range(6))) == []
    assert len(told) == 1


def test_answers_are_kept_for_a_day(engine: Engine) -> None:
    clock = HandClock()
    answers = KeptAnswers(engine, clock)
    answers.keep("u1", "k", "POST /x", "h", 200, b"first")
    clock.now += KEPT_MS - 1
    assert answers.find("u1", "k") is not None
    clock.now += 1
    assert answers.find("u1", "k") is None
    assert answers.keep("u1", "k", "POST /x", "h", 200, b"second").body == b"second"
    answers.keep("u1", "another", "POST /x", "h", 200, b"third")
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM kept_answers")).scalar() == 2


def test_settings_are_stored_whole_or_not_at_all(engine: Engine) -> None:
    stored = StoredSettings(engine)
    stored.keep({}, "Ada", NOW)
    assert stored.all() == {}
    stored.keep({"speed": '"60"', "limits": '{"a": 0.1}'}, "Ada", NOW)
    stored.keep({"speed": "60"}, "Eve", NOW + 1)
    with pytest.raises(InvalidValueError, match="limits is 'nonsense'; allowed: a JSON text"):
        stored.keep({"speed": "1", "limits": "nonsense"}, "Ada", NOW)
    assert stored.all() == {"limits": '{"a": 0.1}', "speed": "60"}
    with reading(engine) as connection:
        assert connection.execute(text("SELECT set_by, set_at FROM stored_settings WHERE name = 'speed'")).one() == (
            "Eve",
            NOW + 1,
        )


def test_counts_of_failures_grow_by_key_and_are_forgotten(engine: Engine) -> None:
    throttles = Throttles(engine, lambda failures: 1000 * failures)
    assert throttles.admit(["a", "b"], NOW) == 0
    assert throttles.admit(["a", "c"], NOW + 1) == 999
    assert throttles.admit(["c"], NOW + 1) == 0
    assert throttles.admit(["b", "a"], NOW + 1000) == 0
    assert throttles.admit(["a"], NOW + 1000) == 2000
    throttles.forget(["a"])
    assert throttles.admit(["a"], NOW + 1000) == 0
    assert throttles.admit(["b"], NOW + 1000) == 2000


def test_an_attempt_that_is_taken_back_leaves_what_was_before_and_what_came_after(engine: Engine) -> None:
    throttles = Throttles(engine, lambda failures: 1000 * failures)
    throttles.admit(["a"], NOW)
    throttles.admit(["a"], NOW + 1000)
    throttles.settle([], "a", NOW + 1000)
    assert throttles.admit(["a"], NOW + 1000) == 0  # Two failures now, the second just so.
    throttles.settle([], "a", NOW + 1)
    assert throttles.admit(["a"], NOW + 1000) == 1000

"""Faults while it runs: the database goes away and comes back, a process stops and another goes on."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy import text

from cryptopilot.adapters.storage.database import DatabaseLock, connect
from cryptopilot.domain.errors import HomeTakenError, JournalCorruptError
from cryptopilot.domain.events import BarsObserved, InstantDecided, Marked, OrderIntended
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import Settings, load_settings
from tests.fakes.oracle import assert_books_hold

MANDATE = {
    "PIPELINE_MIN_CONFIDENCE": 0.4,
    "PIPELINE_MAX_CORRELATION": 0.95,
    "PIPELINE_STOP_LOSS": 0.006,
    "PIPELINE_SEED": 20,
}


@pytest.fixture(autouse=True)
def one_and_the_same_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run meets the same made-up prices: the seed is given, and the first day is always the same."""
    monkeypatch.setattr("cryptopilot.runtime.markets.wall_ms", lambda: 1_763_856_000_000)


def settings_for(home: Path, **more: object) -> Settings:
    return load_settings(CRYPTOPILOT_HOME=home, PIPELINE_SPEED="1", **MANDATE, **more)


def advance(service: PipelineService, instants: int) -> None:
    """Let the market go on by hand: the outermost loop, without waiting."""
    runner = service._runner
    assert runner is not None
    for _ in range(instants):
        runner._handle(runner._schedule.take_instant())


@pytest.fixture
def service(tmp_path: Path) -> PipelineService:
    service = PipelineService(settings_for(tmp_path / "home"))
    service.open()
    service.start_pipeline()
    return service


def test_a_deleted_database_stops_entries_and_protection_goes_on_until_it_is_restored(
    service: PipelineService, tmp_path: Path
) -> None:
    path = tmp_path / "home" / "cryptopilot.db"
    advance(service, 60)
    held = dict(service.assembly.trader.account.positions)
    assert held
    path.rename(path.with_suffix(".away"))
    advance(service, 60)
    account = service.assembly.trader.account
    assert set(account.positions) < set(held)  # Stops, targets and time went on; nothing was entered.
    assert "is gone" in service.assembly.pipeline.failure
    assert service.ready() == ["the journal is away: no entries, protection goes on"]
    assert service.status()["journal"] == "away"
    path.with_suffix(".away").rename(path)
    advance(service, 30)
    assert service.ready() == []
    stored = service.assembly.journal.account("default")
    assert stored == account
    events = list(service.assembly.journal.events("default"))
    assert_books_hold(events, account, service.settings.mandate().limits, dict(service.assembly.instruments))
    marks = [e.at for e in events if isinstance(e, Marked)]
    assert marks == sorted(set(marks))
    assert len(marks) == 150  # Not one instant is missing.
    blind = {e.at for e in events if isinstance(e, InstantDecided) and e.failure}
    assert len(blind) == 60
    assert not [e for e in events if isinstance(e, OrderIntended) and not e.order.only_reduces and e.at in blind]
    service.close()


def test_facts_that_waited_in_the_spill_are_in_the_books_after_a_restart(
    service: PipelineService, tmp_path: Path
) -> None:
    path = tmp_path / "home" / "cryptopilot.db"
    advance(service, 60)
    path.rename(path.with_suffix(".away"))
    advance(service, 20)
    last = service.assembly.pipeline.handled
    equity = service.assembly.trader.account.copy()
    service._runner.error = RuntimeError("killed")  # type: ignore[union-attr]  # No farewell: as if it had been killed.
    service.close()
    path.with_suffix(".away").rename(path)
    again = PipelineService(settings_for(tmp_path / "home"))
    again.open()
    assert again.assembly.pipeline.handled == last
    assert again.assembly.trader.account == equity
    assert not list((tmp_path / "home").glob("spill-*"))
    again.close()


def test_a_second_start_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    first = PipelineService(settings_for(tmp_path / "home"))
    first.open()
    first.start_pipeline()
    advance(first, 50)
    books, last = first.assembly.trader.account.copy(), first.assembly.pipeline.handled
    first.close()
    second = PipelineService(settings_for(tmp_path / "home"))
    second.open()
    assert second.assembly.session_id == "sandbox-1"
    assert (second.assembly.trader.account, second.assembly.pipeline.handled) == (books, last)
    second.close()
    third = PipelineService(settings_for(tmp_path / "home"), fresh=True)
    third.open()
    assert third.assembly.session_id == "sandbox-2"
    third.close()


def test_another_market_is_another_session_with_books_of_its_own(tmp_path: Path) -> None:
    for symbols, session in (("BTC/USDT", "sandbox-1"), ("ETH/USDT", "sandbox-2"), ("BTC/USDT", "sandbox-1")):
        service = PipelineService(settings_for(tmp_path / "home", PIPELINE_SYMBOLS=symbols))
        service.open()
        assert service.assembly.session_id == session
        service.close()


def test_a_tampered_journal_refuses_the_start_and_lets_go_of_the_home(tmp_path: Path) -> None:
    service = PipelineService(settings_for(tmp_path / "home"))
    service.open()
    service.start_pipeline()
    advance(service, 10)
    service.close()
    engine = connect(f"sqlite:///{tmp_path / 'home' / 'cryptopilot.db'}")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)"))
    engine.dispose()
    broken = PipelineService(settings_for(tmp_path / "home"))
    with pytest.raises(JournalCorruptError):
        broken.open()
    assert broken.home.holder() is None


def test_a_database_server_has_one_writer_and_names_it(postgres_url: str) -> None:
    engine = connect(postgres_url)
    first = DatabaseLock(engine, "serve on the first machine")
    with pytest.raises(HomeTakenError, match="in use by cryptopilot serve on the first machine"):
        DatabaseLock(engine, "serve on the second machine")
    first.release()
    DatabaseLock(engine, "serve on the second machine").release()
    engine.dispose()


def test_a_database_server_that_dies_and_comes_back_loses_nothing(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    service = PipelineService(settings_for(tmp_path / "home", DATABASE_URL=url))
    service.open()
    service.start_pipeline()
    advance(service, 40)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))  # noqa: S608
    advance(service, 40)
    events = list(service.assembly.journal.events("default"))
    account = service.assembly.journal.account("default")
    assert account == service.assembly.trader.account
    assert len([e for e in events if isinstance(e, Marked)]) == 80
    assert_books_hold(events, account, service.settings.mandate().limits, dict(service.assembly.instruments))
    service.close()
    engine.dispose()


def test_stopping_waits_for_the_stage_in_hand(service: PipelineService) -> None:
    entered, leave = threading.Event(), threading.Event()
    predictor = service.assembly.predictor
    original = predictor.on_observed

    def slow(event: BarsObserved) -> Iterable[object]:
        entered.set()
        leave.wait(5)
        return original(event)

    service.assembly.bus._handlers[BarsObserved] = [slow]
    working = threading.Thread(target=advance, args=(service, 1))
    working.start()
    entered.wait(5)
    stopping = threading.Thread(target=service.stop_pipeline)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()
    leave.set()
    stopping.join(5)
    working.join(5)
    assert not service.is_running
    service.close()


def test_replays_resume_in_the_middle_and_open_anew_once_they_have_ended(market_data: Path, tmp_path: Path) -> None:
    settings = load_settings(
        CRYPTOPILOT_HOME=tmp_path / "home", PIPELINE_MARKET=f"replay:{market_data}", PIPELINE_SPEED="max"
    )
    choice = Choice("BINANCE", "2023-01-01", "2023-01-05")
    first = PipelineService(settings, choice)
    first.open()
    first.start_pipeline()
    advance(first, 30)
    first.close()
    second = PipelineService(settings, choice)
    second.open()
    assert second.assembly.session_id == "replay-1"
    second.start_pipeline()
    second.run()
    assert second.wait(60)
    second.close()
    third = PipelineService(settings, choice)
    third.open()
    assert third.assembly.session_id == "replay-2"
    third.close()


def test_an_instant_that_hangs_makes_the_service_unready(
    service: PipelineService, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance(service, 1)
    assert service.ready() == []
    monkeypatch.setattr("cryptopilot.runtime.service._OVERDUE_MS", 20.0)
    hanging = threading.Event()
    predictor = service.assembly.predictor.on_observed

    def slow(observed: BarsObserved) -> Iterable[object]:
        hanging.wait(5)
        return predictor(observed)

    service.assembly.bus._handlers[BarsObserved] = [slow]
    working = threading.Thread(target=advance, args=(service, 1))
    working.start()
    deadline = 100
    while service.ready() == [] and deadline:
        threading.Event().wait(0.02)
        deadline -= 1
    assert service.ready() == ["an instant has been in hand for more than ten seconds"]
    hanging.set()
    working.join(5)
    assert service.ready() == []
    service.close()

"""Faults between any two steps: what was spilled, half drained, or committed without our knowing, is booked once."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import event, text

from cryptopilot.adapters.storage.database import connect
from cryptopilot.adapters.storage.spill import FileSpill
from cryptopilot.domain.errors import (
    InvalidValueError,
    JournalCorruptError,
    JournalUnavailableError,
    PipelineStoppedError,
    SpillFailedError,
)
from cryptopilot.domain.events import InstantDecided, Marked, OrderFilled
from cryptopilot.domain.stage import Stage
from cryptopilot.engine.recovery import verify
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.service import PipelineService
from tests.fakes.house import OracleModel, a_house, a_mandate
from tests.fakes.market import a_bar, at, wobbling
from tests.fakes.oracle import assert_books_hold
from tests.scenario.test_faults import advance, one_and_the_same_market, settings_for

__all__ = ["one_and_the_same_market"]
NINE = tuple(f"{base}/USDT" for base in ("ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP"))


@pytest.fixture
def service(tmp_path: Path) -> PipelineService:
    service = PipelineService(settings_for(tmp_path / "home"))
    service.open()
    service.start_pipeline()
    return service


def killed(service: PipelineService) -> None:
    """End a service without its farewell, as SIGKILL would."""
    assert service._runner is not None
    service._runner._stopped = True
    service.close()


def assert_whole(service: PipelineService) -> None:
    events = list(service.assembly.journal.events("default"))
    account = service.assembly.journal.account("default")
    assert account == service.assembly.trader.account
    assert_books_hold(events, account, service.settings.mandate().limits, dict(service.assembly.instruments))
    marks = [e.at for e in events if isinstance(e, Marked)]
    assert marks == sorted(set(marks)), "an instant was marked twice or out of order"
    decided = [e.at for e in events if isinstance(e, InstantDecided)]
    assert decided == sorted(set(decided)), "an instant was decided twice"


def away_when(service: PipelineService, wrong: "list[Batch]", condition: object) -> None:
    """Let the journal refuse batches for which *condition* holds, as a database that is away would."""
    journal = service.assembly.journal
    commit = journal.commit

    def flaky(batch: Batch) -> bool:
        if condition(batch):  # type: ignore[operator]
            wrong.append(batch)
            raise JournalUnavailableError("away")
        return commit(batch)

    journal.commit = flaky  # type: ignore[method-assign]


def test_fills_that_waited_in_the_spill_are_not_lost_when_their_instant_had_been_committed(
    service: PipelineService, tmp_path: Path
) -> None:
    wrong: list[Batch] = []
    away_when(service, wrong, lambda b: b.opened and any(isinstance(e, OrderFilled) for _, e in b.events))
    while not wrong:
        advance(service, 1)
    books = service.assembly.trader.account.copy()
    assert books.positions
    killed(service)
    again = PipelineService(settings_for(tmp_path / "home"))
    again.open()
    assert again.assembly.trader.account == books
    assert_whole(again)
    again.close()


@pytest.mark.parametrize("hiccup", [3, 40, 90])
def test_a_drain_that_is_interrupted_goes_on_where_it_stopped(
    service: PipelineService, tmp_path: Path, hiccup: int
) -> None:
    path = tmp_path / "home" / "cryptopilot.db"
    advance(service, 60)
    path.rename(path.with_suffix(".away"))
    advance(service, 100)
    path.with_suffix(".away").rename(path)
    calls = [0]

    def once(_: Batch) -> bool:
        calls[0] += 1
        return calls[0] == hiccup

    away_when(service, [], once)
    advance(service, 30)
    assert service.ready() == []
    assert_whole(service)
    assert service.status()["stats"]["total_trades"] == service.reader().totals().closed
    service.close()


def test_a_commit_whose_answer_was_lost_is_taken_as_what_it_is(service: PipelineService) -> None:
    assert service._engine is not None
    cut = [5]

    def lose_the_answer(connection: object) -> None:
        cut[0] -= 1
        if cut[0] == 0:
            raw = connection.connection.dbapi_connection  # type: ignore[attr-defined]
            raw.execute("COMMIT")
            raise JournalUnavailableError("the connection was cut")

    event.listen(service._engine, "commit", lose_the_answer)
    advance(service, 60)
    assert cut[0] < 0
    assert service.ready() == []
    assert_whole(service)
    service.close()


def test_a_restart_without_the_database_leaves_the_spill_alone_and_says_what_to_do(
    service: PipelineService, tmp_path: Path
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    advance(service, 60)
    for file in home.glob("cryptopilot.db*"):
        file.rename(elsewhere / file.name)
    advance(service, 20)
    books = service.assembly.trader.account.copy()
    killed(service)
    spilled = next(home.glob("spill-*")).read_bytes()
    with pytest.raises(JournalCorruptError, match="wait in the spill for books that this database does not hold"):
        PipelineService(settings_for(home)).open()
    assert next(home.glob("spill-*")).read_bytes() == spilled
    for file in home.glob("cryptopilot.db*"):
        file.unlink()
    for file in elsewhere.glob("cryptopilot.db*"):
        file.rename(home / file.name)
    again = PipelineService(settings_for(home))
    again.open()
    assert again.assembly.trader.account == books
    assert_whole(again)
    again.close()


def test_when_facts_can_be_kept_nowhere_the_loop_stops_and_says_so(service: PipelineService) -> None:
    advance(service, 30)

    class Full(FileSpill):
        def append(self, batch: Batch) -> None:
            raise SpillFailedError("no space left")

    service.assembly.pipeline._spill = Full(service.settings.home / "none")
    away_when(service, [], lambda _: True)
    with pytest.raises(SpillFailedError):
        advance(service, 1)
    service.assembly.pipeline.give_up(SpillFailedError("no space left"))
    assert not service.is_running
    assert "no space left" in (service.status()["failure"] or "")
    agents = service.status()["agents"]
    assert {agents["collector"]["status"], agents["trader"]["status"]} == {"failed"}
    with pytest.raises(PipelineStoppedError, match="restart it"):
        service.run_stage(Stage.TRADER)
    killed(service)


def test_a_short_write_is_not_taken_for_a_whole_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    spill = FileSpill(tmp_path / "spill.jsonl")
    batch = Batch(1, 1)
    batch.book("w", Marked(1, 1, 1, 1, 1))
    spill.append(batch)
    real = os.write

    def full_disk(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(data)[: len(data) // 2])

    monkeypatch.setattr(os, "write", full_disk)
    with pytest.raises(SpillFailedError, match="No space left"):
        spill.append(batch)
    monkeypatch.undo()
    spill.append(Batch(2, 2, list(batch.events)))
    assert [b.number for b in FileSpill(tmp_path / "spill.jsonl").batches()] == [1, 2]


def test_data_with_another_grid_does_not_go_on_with_a_sessions_books(market_data: Path, tmp_path: Path) -> None:
    from cryptopilot.runtime.markets import Choice
    from cryptopilot.runtime.settings import load_settings

    folder = tmp_path / "data"
    (folder / "candles").mkdir(parents=True)
    shutil.copy(market_data / "candles" / "BINANCE-BTC_USDT-1h.parquet", folder / "candles")
    settings = load_settings(
        CRYPTOPILOT_HOME=tmp_path / "home", PIPELINE_MARKET=f"replay:{folder}", PIPELINE_SPEED="max"
    )
    choice = Choice("BINANCE", "2023-01-01", "2023-01-05")
    first = PipelineService(settings, choice)
    first.open()
    advance(first, 5)
    first.close()
    grid = '{"BTC/USDT": {"tick_size": "0.001", "lot_size": "0.00001", "max_price": "1000000"}}'
    (folder / "instruments.json").write_text(grid)
    with pytest.raises(InvalidValueError, match=r"grid of BTC/USDT .* --fresh"):
        PipelineService(settings, choice).open()


def test_a_broken_models_old_predictions_are_never_published_as_new() -> None:
    oracle = OracleModel(dict.fromkeys(NINE, 0.5))
    house = a_house(wobbling(NINE, 5), models=[(oracle, 1.0)], mandate=a_mandate())
    house.run(1)
    oracle.fails = True
    with pytest.raises(RuntimeError):
        house.run(1)
    house.pipeline.protect(at(1), "broken")
    report = house.pipeline.run_stage(Stage.PREDICTOR, at(1))
    assert report.produced == 0
    assert {b.instant for b in house.journal.batches if b.predictions} == {at(0)}


def test_an_instant_that_was_given_up_is_not_decided_after_all() -> None:
    oracle = OracleModel(dict.fromkeys(NINE, 0.5))
    house = a_house(wobbling(NINE, 5), models=[(oracle, 1.0)], mandate=a_mandate())
    house.journal.away = True
    with pytest.raises(JournalUnavailableError):
        house.run(1)
    house.pipeline.protect(at(0), "away")
    house.journal.away = False
    for stage in Stage:
        assert house.pipeline.run_stage(stage, at(0)).produced == 0
    decided = [e for b in house.journal.batches for _, e in b.events if isinstance(e, InstantDecided)]
    assert len(decided) == 0  # It waits in the spill, once.
    house.run(1)
    decided = [e for e in house.journal.events("default") if isinstance(e, InstantDecided)]
    assert [(e.at, bool(e.failure)) for e in decided] == [(at(0), True), (at(1), False)]


def test_an_observer_that_fails_changes_nothing() -> None:
    oracle = OracleModel(dict.fromkeys(NINE, 0.5))
    house = a_house(wobbling(NINE, 12), models=[(oracle, 1.0)], mandate=a_mandate())
    house.pipeline.observers.append(lambda _: 1 / 0)  # type: ignore[arg-type]
    house.run(10)
    assert house.journal.account("default") == house.assembly.trader.account


def test_a_signal_that_nobody_took_expires_with_its_instant() -> None:
    oracle = OracleModel(dict.fromkeys(NINE, 0.5))
    house = a_house(wobbling(NINE, 6), models=[(oracle, 1.0)], mandate=a_mandate(), started=False)
    house.run(1)
    for stage in (Stage.COLLECTOR, Stage.PREDICTOR, Stage.STRATEGY):
        house.pipeline.run_stage(stage, at(0))
    house.run(1)
    assert house.pipeline.run_stage(Stage.TRADER, at(1)).produced == 0
    assert house.assembly.trader.account.orders == {}


def test_a_stop_fills_at_the_same_price_when_its_instant_is_handled_twice() -> None:
    prices = []
    for hiccup in (False, True):
        script = wobbling(["BTC/USDT"], 5)
        script["BTC/USDT"][at(1)] = a_bar(at(1), 9_700, open=10_000)
        oracle = OracleModel({"BTC/USDT": 0.5})
        house = a_house(script, models=[(oracle, 1.0)], mandate=a_mandate())
        house.run(1)
        if hiccup:
            oracle.fails = True
            with pytest.raises(RuntimeError):
                house.run(1)
            house.pipeline.protect(at(1), "broken")
        else:
            house.run(1)
        prices.append([e.ticks for e in house.journal.events("default") if isinstance(e, OrderFilled)])
    assert prices[0] == prices[1]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE accounts SET cash = cash + 100000000000",
        "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'OrderFilled', 'x') AS BLOB), kind = 'Marked' "
        "WHERE kind = 'OrderFilled'",
        "UPDATE positions SET lots = lots + 1",
        "UPDATE journal SET at = at + 1, hash = zeroblob(32) WHERE seq = 30",
    ],
)
def test_tampered_books_do_not_start(service: PipelineService, tmp_path: Path, damage: str) -> None:
    advance(service, 60)
    assert service.assembly.trader.account.positions
    service.close()
    engine = connect(f"sqlite:///{tmp_path / 'home' / 'cryptopilot.db'}")
    with engine.begin() as connection:
        assert connection.execute(text(damage)).rowcount
    engine.dispose()
    with pytest.raises(JournalCorruptError):
        PipelineService(settings_for(tmp_path / "home")).open()


def test_of_a_long_journal_the_newest_links_are_verified(service: PipelineService) -> None:
    advance(service, 30)
    journal, account = service.assembly.journal, service.assembly.trader.account
    assert verify(journal, account) == journal.length("default")
    assert verify(journal, account, newest=10) == 10
    service.close()

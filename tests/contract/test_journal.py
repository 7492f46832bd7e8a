"""What every journal promises: memory, SQLite and PostgreSQL alike."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cryptopilot.adapters.storage.database import connect, migrate, open_database
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.adapters.storage.schema import metadata
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import JournalCorruptError, JournalUnavailableError
from cryptopilot.domain.events import (
    Deposited,
    EntriesHalted,
    EntriesResumed,
    InstantDecided,
    Marked,
    OrderCancelled,
    OrderIntended,
    OrderSent,
)
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.news import NewsItem
from cryptopilot.domain.order import Execution, Order
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.tape import Checkpoint, PredictorState
from cryptopilot.ports.journal import Batch, Booked, Journal, Progress
from cryptopilot.rules.features import Features
from cryptopilot.rules.protection import STOP
from tests.fakes.market import an_instrument, at
from tests.fakes.memory import MemoryJournal

INSTRUMENTS: dict[str, Instrument] = {s: an_instrument(s) for s in ("BTC/USDT", "ETH/USDT")}
SCALES = {s: i.scale for s, i in INSTRUMENTS.items()}
WALLET = "default"
Opener = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same journal again, as a second process would."""
    if request.param == "memory":
        journal = MemoryJournal("USDT", SCALES)
        yield lambda: journal
        return
    url = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = fresh(url)
    session = Sessions(engine).open("sandbox", "SIMULATED", {"market": "sandbox"}, "USDT", 3_600_000, 1)
    Sessions(engine).describe(session.id, INSTRUMENTS)
    yield lambda: SqlJournal(engine, session.id, "USDT", SCALES)
    engine.dispose()


def fresh(url: str) -> Engine:
    """A database with nothing in it but the schema."""
    engine = connect(url)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    migrate(engine)
    return engine


class Bookkeeper:
    """Makes true events for one account, and batches of them."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.account = Account(WALLET, "USDT", SCALES)
        self.number = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def commit(self, instant: int, *events: object, **fields: object) -> Batch:
        batch = Batch(instant, self.next_number(), **fields)  # type: ignore[arg-type]
        for event in events:
            self.account.apply(event)
            batch.book(WALLET, event)  # type: ignore[arg-type]
        self.journal.commit(batch)
        return batch

    def open_books(self) -> None:
        self.commit(at(-1), Deposited(at(-1), 10_000 * 10**8, 10_000 * 10**8), opened=True)

    def enter(self, instant: int, symbol: str = "BTC/USDT", lots: int = 1000) -> Order:
        order = Order(
            f"entry-{symbol}-{instant}", WALLET, symbol, 1, lots, 10_050, 9_800, 10_400, 0, instant, instant + 1, 0, 0.9
        )
        self.commit(instant, OrderIntended(instant, order, self.account.reserve_for(order, 1000)))
        return order

    def fill(self, order: Order, instant: int) -> None:
        bought = Execution(order.id, WALLET, order.symbol, 1, instant, order.lots, 10_010, 0, True)
        sent = OrderSent(instant, order.id, order.symbol)
        self.account.apply(sent)
        filled = self.account.filled(bought, 1000)
        self.account.apply(filled)
        batch = Batch(instant, self.next_number(), opened=True)
        batch.book(WALLET, sent)
        batch.book(WALLET, filled)
        self.journal.commit(batch)

    def stop_out(self, symbol: str, instant: int) -> None:
        lots = self.account.positions[symbol].lots
        sold = Execution(f"stop-{instant}", WALLET, symbol, -1, instant, lots, 9_790, STOP, True)
        self.commit(instant, self.account.filled(sold, 1000))


def test_a_session_that_has_not_begun_has_no_progress_and_no_books(reopen: Opener) -> None:
    assert reopen().progress() is None
    assert reopen().account(WALLET) is None
    assert reopen().checkpoint() is None


def test_what_was_committed_is_there_for_the_next_process(reopen: Opener) -> None:
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    order = keeper.enter(at(0))
    assert reopen().account(WALLET) == keeper.account
    keeper.fill(order, at(0))
    keeper.commit(at(1), keeper.account.marked(at(1), lambda _: 10_020))
    assert reopen().account(WALLET) == keeper.account
    assert reopen().progress() == Progress(at(1), at(0), 4)


def test_the_events_fold_to_the_account_after_every_kind_of_event(reopen: Opener) -> None:
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    keeper.fill(keeper.enter(at(0)), at(0))
    second = keeper.enter(at(1), "ETH/USDT")
    keeper.commit(at(2), OrderCancelled(at(2), second.id, "ETH/USDT", "no price before it expired"))
    keeper.stop_out("BTC/USDT", at(3))
    keeper.commit(at(4), EntriesHalted(at(4), "ann", "a look"), keeper.account.marked(at(4), lambda _: 1))
    keeper.commit(at(5), EntriesResumed(at(5), "ann", "fine"))
    keeper.commit(at(6), InstantDecided(at(6), 2, 2, {"HOLD": 2}, {"no_edge": 2}, {}, 0, "", ""))
    keeper.commit(at(7), Deposited(at(7), 500, keeper.account.cash + 500))
    journal = reopen()
    folded = Account(WALLET, "USDT", SCALES)
    for event in journal.events(WALLET):
        folded.apply(event)
    assert folded == keeper.account == journal.account(WALLET)


def test_a_partly_filled_exit_is_still_at_work_with_what_is_left(reopen: Opener) -> None:
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    keeper.fill(keeper.enter(at(0)), at(0))
    leaving = Order("exit", WALLET, "BTC/USDT", -1, 1000, 0, 0, 0, 0, at(1), 0, 3, 0.0)
    keeper.commit(at(1), OrderIntended(at(1), leaving, 0))
    part = Execution("exit", WALLET, "BTC/USDT", -1, at(1), 400, 10_000, 3, False)
    keeper.commit(at(1), OrderSent(at(1), "exit", "BTC/USDT"), keeper.account.filled(part, 1000))
    found = reopen().account(WALLET)
    assert found is not None
    assert found == keeper.account
    assert (found.orders["BTC/USDT"].lots, found.positions["BTC/USDT"].lots) == (600, 600)


def test_checkpoints_come_back_as_they_were_and_the_newest_counts(reopen: Opener) -> None:
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    market = MarketView(INSTRUMENTS)
    for number in range(4):
        state = PredictorState(at(number), {}, {"BTC/USDT": [0.1 * number]}, {})
        keeper.commit(at(number), checkpoint=Checkpoint(at(number), market.state(), state))
    found = reopen().checkpoint()
    assert found is not None
    assert (found.instant, found.predictor.strengths) == (at(3), {"BTC/USDT": [0.1 * 3]})


def test_news_is_kept_once_with_when_it_was_first_seen(reopen: Opener) -> None:
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    item = NewsItem("n1", at(0) - 9, at(0) - 5, "wire", "BTC <script>rises</script>", ("BTC", "*"), 0.25)
    keeper.commit(at(0), news=(item,))
    keeper.commit(at(1), news=(item,))
    assert list(reopen().news_after(at(0) - 6)) == [item]
    assert list(reopen().news_after(at(0) - 5)) == []


# -- Databases alone: chain, atomicity, tampering ------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Opener]]:
    url = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = fresh(url)
    session = Sessions(engine).open("sandbox", "SIMULATED", {"market": "sandbox"}, "USDT", 3_600_000, 1)
    Sessions(engine).describe(session.id, INSTRUMENTS)
    yield engine, lambda: SqlJournal(engine, session.id, "USDT", SCALES)
    engine.dispose()


def a_short_history(journal: Journal) -> Bookkeeper:
    keeper = Bookkeeper(journal)
    keeper.open_books()
    for number in range(4):
        keeper.fill(keeper.enter(at(number * 2)), at(number * 2))
        keeper.stop_out("BTC/USDT", at(number * 2 + 1))
    return keeper


@pytest.mark.parametrize(
    ("damage", "sequence"),
    [
        ("UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), '1000', '2000') AS BLOB) WHERE seq = 5", 5),
        ("DELETE FROM journal WHERE seq = 3", 3),
        ("UPDATE journal SET kind = 'Marked' WHERE seq = 2", 2),
        ("DELETE FROM journal WHERE seq > 9", 10),
    ],
)
def test_a_tampered_or_truncated_journal_names_its_first_bad_sequence(
    database: tuple[Engine, Opener], damage: str, sequence: int
) -> None:
    engine, reopen = database
    a_short_history(reopen())
    if engine.dialect.name == "postgresql":
        damage = damage.replace(
            "CAST(replace(CAST(body AS TEXT), '1000', '2000') AS BLOB)",
            "convert_to(replace(convert_from(body, 'UTF8'), '1000', '2000'), 'UTF8')",
        )
    with engine.begin() as connection:
        connection.execute(text(damage))
    with pytest.raises(JournalCorruptError) as caught:
        list(reopen().events(WALLET))
    assert caught.value.sequence == sequence


def test_a_start_on_a_truncated_journal_is_refused(database: tuple[Engine, Opener]) -> None:
    engine, reopen = database
    a_short_history(reopen())
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM journal WHERE seq > 9"))
    with pytest.raises(JournalCorruptError):
        reopen().account(WALLET)


def test_a_batch_that_fails_half_way_leaves_nothing_behind(database: tuple[Engine, Opener]) -> None:
    engine, reopen = database
    keeper = a_short_history(reopen())
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE equity"))
    with pytest.raises(JournalUnavailableError):
        keeper.journal.commit(
            Batch(at(9), 99, [*_booked(OrderSent(at(9), "x", "BTC/USDT")), *_booked(Marked(at(9), 1, 1, 1, 1))])
        )
    with engine.begin() as connection:
        metadata.tables["equity"].create(connection)
    assert reopen().account(WALLET) == keeper.account
    keeper.commit(at(9), keeper.account.marked(at(9), lambda _: 1))
    assert len(list(reopen().events(WALLET))) == 18


def test_decimal_views_show_what_people_expect(database: tuple[Engine, Opener]) -> None:
    engine, reopen = database
    a_short_history(reopen())
    with engine.connect() as connection:
        row = connection.execute(text("SELECT quantity, price, fee FROM fills_decimal ORDER BY at LIMIT 1")).one()
    assert [float(x) for x in row] == [0.01, 100.1, 0.001001]


def test_a_database_file_that_was_deleted_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    engine = open_database(f"sqlite:///{path}")
    session = Sessions(engine).open("sandbox", "SIMULATED", {"market": "sandbox"}, "USDT", 3_600_000, 1)
    keeper = Bookkeeper(SqlJournal(engine, session.id, "USDT", SCALES))
    keeper.open_books()
    path.unlink()
    with pytest.raises(JournalUnavailableError, match="is gone"):
        keeper.enter(at(0))
    engine.dispose()


def _booked(event: Marked | OrderSent) -> list[Booked]:
    return [Booked(WALLET, event)]


def test_the_funnel_counts_on_over_restarts_without_reading_the_journal(database: tuple[Engine, Opener]) -> None:
    engine, reopen = database
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    for number in range(6):
        if number == 3:
            keeper.journal = reopen()
        decided = InstantDecided(at(number), 9, 8, {"BUY": 2, "HOLD": 7}, {"no_edge": 7}, {"cooldown": 1}, 1, "", "")
        keeper.commit(at(number), decided)
    funnel = Reader(engine, "sandbox-1", WALLET).funnel()
    assert (funnel.instants, funnel.predictions, funnel.known, funnel.approved) == (6, 54, 48, 6)
    assert (funnel.signals, funnel.holds, funnel.refusals) == (
        {"BUY": 12, "HOLD": 42},
        {"no_edge": 42},
        {"cooldown": 6},
    )


def test_old_predictions_are_pruned_and_those_behind_an_order_are_kept(
    database: tuple[Engine, Opener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryptopilot.adapters.storage.journal.KEPT_DECISIONS", 3)
    engine, reopen = database
    keeper = Bookkeeper(reopen())
    keeper.open_books()
    for number in range(10):
        if number == 2:
            keeper.enter(at(number))
        keeper.commit(at(number), predictions=(a_prediction(at(number)),))
    market = MarketView(INSTRUMENTS).state()
    keeper.commit(at(9), checkpoint=Checkpoint(at(9), market, PredictorState(at(9), {}, {}, {})))
    reader = Reader(engine, "sandbox-1", WALLET)
    assert [n for n in range(10) if reader.predictions(at(n))] == [2, 6, 7, 8, 9]
    assert reader.predictions(at(9)) == (a_prediction(at(9)),)


def a_prediction(instant: int) -> Prediction:
    row = Features(*range(17))
    return Prediction("BTC/USDT", instant, 0.6, 0.7, 0.2, 0.0, False, row, ((0.1, 0.1),), ("n1",))


def test_the_migrations_make_exactly_the_tables_that_the_program_knows(database: tuple[Engine, Opener]) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database[0].connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []

"""Several people and programs at once: nothing that was answered with success is lost."""

import threading
from collections.abc import Callable, Iterator

import pytest

from cryptopilot.domain.errors import ConflictError, PipelineStoppedError
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.control import Who
from cryptopilot.runtime.front_desk import FrontDesk, open_front_desk
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

ADA, GRACE = Who("ada", "127.0.0.1"), Who("grace", "127.0.0.1")


@pytest.fixture
def desk() -> Iterator[FrontDesk]:
    service = PipelineService(load_settings(PIPELINE_SPEED="1"))
    service.open()
    yield open_front_desk(service, Passwords())
    service.close()


def at_once(*acts: Callable[[], object]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_changes_of_settings_at_once_are_both_in_force_and_stored(desk: FrontDesk) -> None:
    for n in range(1, 16):
        fallen, cooldown = 0.1 + n / 100, 60 * n
        at_once(
            lambda fallen=fallen: desk.control.change(ADA, {"max_drawdown": fallen}, "limits.change"),  # type: ignore[misc]
            lambda cooldown=cooldown: desk.control.change(GRACE, {"cooldown": cooldown}, "limits.change"),  # type: ignore[misc]
        )
        limits = desk.service.assembly.mandate.limits
        assert (limits.max_drawdown, limits.cooldown_ms) == (fallen, cooldown * 1000)
        stored = desk.access.settings.all()
        assert (stored["max_drawdown"], stored["cooldown"]) == (str(fallen), str(cooldown))


def test_of_two_starts_at_once_one_is_told_that_it_runs_already(desk: FrontDesk) -> None:
    refused: list[ConflictError] = []

    def start() -> None:
        try:
            desk.control.start(ADA)
        except ConflictError as error:
            refused.append(error)

    at_once(start, start, start)
    assert len(refused) == 2


def test_what_changes_while_the_board_is_renewed_is_not_shown_as_fresh(
    desk: FrontDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = desk.service.moment

    def changed_meanwhile() -> object:
        found = look()
        desk.board.mark()
        return found

    monkeypatch.setattr(desk.service, "moment", changed_meanwhile)
    desk.board.renew()
    assert desk.board.fresh() is None
    monkeypatch.undo()
    assert desk.board.posted() is desk.board.fresh()


def test_who_looks_takes_no_connection_from_the_journal(desk: FrontDesk) -> None:
    held = [desk.service.engine.connect() for _ in range(15)]
    try:
        desk.service.start_pipeline("ada")  # Is journaled.
        assert desk.service.is_running
    finally:
        for connection in held:
            connection.close()


def test_a_pipeline_whose_loop_has_ended_cannot_be_started(desk: FrontDesk) -> None:
    desk.service.start_pipeline("ada")
    desk.service.assembly.pipeline.give_up(RuntimeError("broken"))
    with pytest.raises(PipelineStoppedError):
        desk.control.start(ADA)

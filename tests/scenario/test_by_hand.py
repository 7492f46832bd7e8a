"""What people do to a running pipeline is journaled, and a session with their hands in it can be reproduced."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.domain.errors import ConflictError, NotFoundError
from cryptopilot.domain.events import BookEvent, StageForced, StagesStarted, StagesStopped
from cryptopilot.domain.stage import Stage
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.control import Control, Who
from cryptopilot.runtime.front_desk import open_front_desk
from cryptopilot.runtime.reproduce import reproduce
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.wiring import WALLET

ADA = Who("ada", "127.0.0.1")
FAST = {"PIPELINE_SPEED": "30000", "PIPELINE_SEED": 11}


@pytest.fixture
def service() -> Iterator[PipelineService]:
    opened = PipelineService(load_settings(**FAST))
    opened.open()
    yield opened
    opened.close()


def events(service: PipelineService) -> list[BookEvent]:
    return list(service.assembly.journal.events(WALLET))


def an_hour_passes(service: PipelineService, hours: float = 1.0) -> None:
    until = service.assembly.pipeline.handled + hours * 3_600_000
    while service.assembly.pipeline.handled < until:
        assert service.error is None
        time.sleep(0.005)


def differing(service: PipelineService) -> object:
    """What differs when the session that *service* has just closed runs again."""
    engine = open_database(service.settings.url())
    try:
        return reproduce(engine, Sessions(engine).all()[0], service.settings).difference
    finally:
        engine.dispose()


@pytest.mark.parametrize("seed", range(2))
def test_a_session_with_hands_in_it_is_reproduced_record_for_record(service: PipelineService, seed: int) -> None:
    control, draw = open_front_desk(service, Passwords()).control, random.Random(seed)
    control.start(ADA)
    service.run()
    for _ in range(40):
        an_hour_passes(service, draw.random() * 2)
        act_somehow(control, service, draw)
    with suppress(ConflictError):
        control.stop(ADA)
    an_hour_passes(service)
    for stage in Stage:
        control.force(ADA, stage)
    control.start(ADA)
    an_hour_passes(service)
    service.halt()
    kinds = {type(e).__name__ for e in events(service)}
    assert {"StagesStarted", "StagesStopped", "StageForced", "EntriesHalted", "OrderFilled"} <= kinds
    service.close()
    assert differing(service) is None


def act_somehow(control: Control, service: PipelineService, draw: random.Random) -> None:
    held = [p.trade_id for p in list(service.assembly.trader.account.positions.values())]
    acts: list[Callable[[], object]] = [
        lambda: control.start(ADA),
        lambda: control.stop(ADA),
        lambda: control.halt(ADA, "a closer look"),
        lambda: control.resume(ADA, "looked"),
        lambda: control.close_all(ADA),
        lambda: control.close(ADA, draw.choice(held)) if held else None,
        lambda: [control.force(ADA, stage) for stage in Stage],
        lambda: control.force(ADA, draw.choice(list(Stage))),
        lambda: control.change(ADA, {"min_confidence_threshold": draw.choice([0.3, 0.7])}, "limits.change"),
        lambda: control.change(ADA, {"trade_execution_interval": draw.choice([30, 90])}, "config.change"),
    ]
    with suppress(ConflictError, NotFoundError):  # It was so already.
        draw.choice(acts)()


def test_a_start_after_a_stop_of_the_process_is_no_new_start(service: PipelineService) -> None:
    service.start_pipeline("ada")
    service.run()
    an_hour_passes(service, 0.2)
    service.close()
    again = PipelineService(load_settings(**FAST))
    again.open()
    again.start_pipeline("grace")
    again.run()
    an_hour_passes(again, 0.2)
    again.halt()
    assert [e.who for e in events(again) if isinstance(e, StagesStarted | StagesStopped)] == ["ada"]
    again.close()


def test_a_session_that_comes_up_stopped_says_so(service: PipelineService) -> None:
    service.run()
    an_hour_passes(service, 0.2)
    assert [type(e) for e in events(service) if isinstance(e, StagesStarted | StagesStopped)] == [StagesStopped]


def test_a_forced_stage_that_finds_nothing_to_do_is_not_in_the_journal(service: PipelineService) -> None:
    service.start_pipeline("ada")
    service.run()
    an_hour_passes(service, 0.2)
    service.halt()
    assert service.run_stage(Stage.PREDICTOR, "ada").produced == 0
    assert not [e for e in events(service) if isinstance(e, StageForced)]


def test_stored_settings_come_back_after_a_restart(service: PipelineService, tmp_path: Path) -> None:
    control = open_front_desk(service, Passwords()).control
    control.change(ADA, {"max_drawdown": 0.3, "max_order": "500", "whitelist": ["BTC/USDT"]}, "limits.change")
    assert service.assembly.mandate.limits.max_drawdown == 0.3
    service.close()
    again = PipelineService(load_settings(**FAST))
    again.open()
    limits = again.assembly.mandate.limits
    assert (limits.max_drawdown, str(limits.max_order), limits.whitelist) == (0.3, "500", frozenset({"BTC/USDT"}))
    again.close()
    given = PipelineService(load_settings(**FAST, PIPELINE_MAX_DRAWDOWN="0.2"))
    given.open()
    assert given.assembly.mandate.limits.max_drawdown == 0.2
    given.close()

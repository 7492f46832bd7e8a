"""The live view shows what the service says, and nothing that it made up itself."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from cryptopilot.cli.live_view import LiveView, plain_lines
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.explain import refusal
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineService]:
    """Two hundred instants of the sandbox, the first day always the same."""
    patch = pytest.MonkeyPatch()
    patch.setattr("cryptopilot.runtime.markets.wall_ms", lambda: 1_763_856_000_000)
    home: Path = tmp_path_factory.mktemp("view") / "home"
    service = PipelineService(load_settings(CRYPTOPILOT_HOME=home, PIPELINE_SEED=20, PIPELINE_MIN_CONFIDENCE=0.5))
    service.open()
    service.start_pipeline()
    assert service._runner is not None
    for _ in range(200):
        service._runner._handle(service._runner._schedule.take_instant())
    yield service
    service.close()
    patch.undo()


def drawn(service: PipelineService, width: int = 180) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(LiveView(service, "http://127.0.0.1:5000"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_screen_says_that_the_market_is_simulated(service: PipelineService) -> None:
    assert "SIMULATED" in drawn(service)
    assert next(plain_lines(service)).startswith("SIMULATED 2025-11-23T16:40:00Z")


def test_it_shows_the_books_as_they_are(service: PipelineService) -> None:
    status, screen = service.status(), drawn(service)
    assert f"{float(status['account']['equity']):.2f} of 10000.00 USDT" in screen
    assert f"trades {status['stats']['total_trades']} ({status['stats']['successful_trades']} won)" in screen
    for symbol in service.assembly.trader.account.positions:
        assert symbol.partition("/")[0] in screen
    assert service.recent.fills
    assert "entry" in screen


def test_refusals_are_shown_with_rule_and_by_how_much(service: PipelineService) -> None:
    judged = [j for j, _ in service.recent.acted[-8:] if not j.approved]
    assert judged
    said = refusal(judged[-1].rule, judged[-1].limit, judged[-1].found, "USDT")
    assert said in drawn(service, width=240)


@pytest.mark.parametrize("width", [80, 100, 120, 140, 200])
def test_no_time_signal_or_price_is_cut_off_at_any_usual_width(service: PipelineService, width: int) -> None:
    screen = drawn(service, width)
    last = service.recent.fills[-1]
    assert service.assembly.instruments[last.symbol].decimal_price(last.ticks).__format__("f") in screen
    assert f"{iso(last.at)[11:16]}" in screen
    for judged, _ in service.recent.acted[-8:]:
        assert judged.signal.symbol.partition("/")[0] in screen


def test_all_four_agents_are_there_with_their_runs(service: PipelineService) -> None:
    screen = drawn(service)
    for name in ("collector", "predictor", "strategy", "trader"):
        assert name in screen
    assert service.status()["agents"]["trader"]["execution_count"] == 200


def test_a_failure_is_on_the_screen_and_in_the_status(service: PipelineService) -> None:
    service.assembly.pipeline.failure = "the database file is gone"
    try:
        assert "the database file is gone" in drawn(service)
        assert service.status()["failure"] == "the database file is gone"
    finally:
        service.assembly.pipeline.failure = ""

"""Why nothing is signalled or traded: each cause is brought about, then named from the stored books alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.domain.events import InstantDecided
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime import wiring
from cryptopilot.runtime.diagnosis import Finding, State, diagnose
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from cryptopilot.simulation.sandbox import SandboxMarket
from tests.fakes.house import OracleModel

STEP = 300_000


@dataclass
class Stretch:
    """A sandbox session on disk; what is decided in it is asked for an instant at a time."""

    service: PipelineService

    def run(self, instants: int) -> None:
        pipeline = self.service.assembly.pipeline
        for _ in range(instants):
            pipeline.decide(pipeline.handled + STEP)

    def found(self, *, runs: bool = True) -> dict[str, list[Finding]]:
        """What is found in the newest session, by what it is about."""
        engine = open_database(self.service.settings.url())
        told: dict[str, list[Finding]] = {"signals": [], "trades": []}
        for finding in diagnose(engine, Sessions(engine).all()[0], runs=runs):
            told[finding.what].append(finding)
        engine.dispose()
        return told

    def told(self, what: str, part: str, *, runs: bool = True) -> Finding:
        """The one finding about *what* that says *part*."""
        findings = self.found(runs=runs)[what]
        (one,) = [f for f in findings if part in f.seen] or [pytest.fail(f"{part!r} is not in {findings}")]
        return one


@contextmanager
def a_stretch(home: Path, *, started: bool = True, **given: Any) -> Iterator[Stretch]:
    values = {"PIPELINE_SPEED": "max", "PIPELINE_SEED": 7, "CRYPTOPILOT_HOME": home, **given}
    service = PipelineService(load_settings(**values))
    service.open()
    try:
        if started:
            service.start_pipeline()
        yield Stretch(service)
    finally:
        service.close()


def believing(monkeypatch: pytest.MonkeyPatch, scores: dict[str, float]) -> OracleModel:
    """The one model, which is as sure of each coin as told."""
    model = OracleModel(scores)
    assert wiring.assemble.__kwdefaults__ is not None
    monkeypatch.setitem(wiring.assemble.__kwdefaults__, "models", ((model, 1.0),))
    return model


PAIR = ("BTC/USDT", "ETH/USDT")
RISING = dict.fromkeys(PAIR, 0.9)


def test_a_session_that_trades_is_well(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home", PIPELINE_MIN_CONFIDENCE=0.1) as stretch:
        stretch.run(20)
        found = stretch.found()
    assert [f.state for f in (*found["signals"], *found["trades"])] == [State.WELL, State.WELL]
    assert "became positions" in found["trades"][0].seen


def test_a_pipeline_that_was_stopped_is_told_with_who_and_when(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home") as stretch:
        stretch.run(3)
        stretch.service.stop_pipeline("ada")
        handled = stretch.service.status()["market_time"]
        finding = stretch.told("signals", "was stopped by ada")
    assert handled in finding.seen
    assert finding.state is State.NOTE
    assert "/api/trading-pipeline/start" in finding.remedy


def test_a_pipeline_that_was_never_started_is_told(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home", started=False) as stretch:
        assert stretch.told("signals", "was never started").state is State.NOTE


def test_a_session_without_a_server_is_told(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home") as stretch:
        stretch.run(2)
        assert "serve" in stretch.told("signals", "nothing runs", runs=False).remedy


def test_a_market_at_its_end_and_one_whose_recording_is_gone_are_told(market_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    (folder / "candles").mkdir(parents=True)
    name = "BINANCE-BTC_USDT-1h.parquet"
    (folder / "candles" / name).symlink_to(market_data / "candles" / name)
    values = {"PIPELINE_MARKET": f"replay:{folder}", "PIPELINE_SPEED": "max", "CRYPTOPILOT_HOME": tmp_path / "home"}
    service = PipelineService(load_settings(**values), Choice("BINANCE", "2022-01-01", "2022-01-02"))
    service.open()
    service.start_pipeline()
    service.run()
    assert service.wait(60)
    service.close()
    stretch = Stretch(service)
    assert stretch.told("signals", "has come to its end", runs=False).state is State.NOTE
    (folder / "candles" / name).unlink()
    assert stretch.told("signals", "no bars", runs=False).state is State.WRONG


def test_a_market_that_sends_no_bars_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_stretch(tmp_path / "home") as stretch:
        closed = stretch.service.assembly.market.candles.closed
        monkeypatch.setattr(SandboxMarket, "closed", lambda _, t: closed(t)._replace(bars={}))
        stretch.run(5)
        finding = stretch.told("signals", "no bars: in 5 instants")
    assert finding.state is State.WRONG
    assert "data check" in finding.remedy


def test_a_strategy_that_fails_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text(
        "class Fails:\n"
        "    name, version, parameters, lookback = 'fails', '1', (), 1\n"
        "    def signals(self, columns):\n"
        "        return columns.rsi_2\n"
    )
    with a_stretch(tmp_path / "home", PIPELINE_STRATEGY=str(path)) as stretch:
        stretch.run(2)
        finding = stretch.told("signals", "the strategy failed on 24 of 24 predictions")
    assert finding.state is State.WRONG
    assert "strategy_errors" in finding.remedy


def test_models_that_all_abstain_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    believing(monkeypatch, {})
    with a_stretch(tmp_path / "home") as stretch:
        stretch.run(3)
        assert stretch.told("signals", "every model abstains").state is State.WRONG


def test_an_instant_that_was_given_up_is_told_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = believing(monkeypatch, RISING)
    given_up = threading.Event()

    def watch(batch: Batch) -> None:
        if any(isinstance(event, InstantDecided) and event.failure for _, event in batch.events):
            given_up.set()

    with a_stretch(tmp_path / "home") as stretch:
        stretch.service.observe(watch)
        model.fails = True
        stretch.service.run()
        assert given_up.wait(30)
        stretch.service.halt()
        assert stretch.told("signals", "RuntimeError: the model is broken").state is State.WRONG


def test_too_short_a_history_for_a_rank_is_told(market_data: Path, tmp_path: Path) -> None:
    values = {"PIPELINE_MARKET": f"replay:{market_data}", "PIPELINE_SYMBOLS": ("BTC/USDT",), "PIPELINE_SPEED": "max"}
    service = PipelineService(
        load_settings(CRYPTOPILOT_HOME=tmp_path / "home", **values), Choice("BINANCE", "2018-01-01")
    )
    service.open()
    service.start_pipeline()
    pipeline = service.assembly.pipeline
    for _ in range(30):
        pipeline.decide(pipeline.handled + HOUR)
    service.close()
    assert Stretch(service).told("signals", "too little history for a rank")


def test_halted_entries_are_told_with_who_and_why(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home") as stretch:
        stretch.run(3)
        assembly = stretch.service.assembly
        assembly.pipeline.act(assembly.trader.halt(assembly.pipeline.handled, "grace", "holidays"))
        finding = stretch.told("trades", "entries are halted by grace")
    assert "holidays" in finding.seen
    assert finding.state is State.NOTE


@pytest.mark.parametrize(
    ("limit", "state", "words"),
    [
        ({"PIPELINE_MAX_DRAWDOWN": 0.01, "PIPELINE_MAX_DAILY_LOSS": 0.5}, State.WRONG, "reducing: drawdown"),
        ({"PIPELINE_MAX_DRAWDOWN": 0.9, "PIPELINE_MAX_DAILY_LOSS": 0.01}, State.NOTE, "reducing: daily loss"),
    ],
)
def test_losses_at_their_limit_are_told_with_since_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, Any], state: State, words: str
) -> None:
    believing(monkeypatch, RISING)
    wide: dict[str, Any] = {"PIPELINE_MAX_POSITION_SIZE": 1, "PIPELINE_MAX_ORDER": 10_000, "PIPELINE_COOLDOWN": 0}
    free: dict[str, Any] = {"PIPELINE_MIN_CONFIDENCE": 0, "PIPELINE_MAX_CORRELATION": 1, "PIPELINE_SYMBOLS": PAIR}
    with a_stretch(tmp_path / "home", **wide, **free, **limit) as stretch:
        service = stretch.service
        for _ in range(2000):
            stretch.run(1)
            if service.status()["risk"]["state"] == "reducing":
                break
        finding = stretch.told("trades", words)
        since = service.status()["market_time"]
        assert finding.seen.endswith(f"since {since}")
    assert finding.state is state


def test_a_whitelist_that_allows_nothing_is_told(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home", PIPELINE_WHITELIST=("DOT/EUR",)) as stretch:
        stretch.run(3)
        finding = stretch.told("trades", "the whitelist (DOT/EUR)")
    assert finding.state is State.WRONG
    assert "BTC/USDT" in finding.remedy


def test_capital_too_small_for_the_smallest_order_is_told_with_its_numbers(tmp_path: Path) -> None:
    with a_stretch(tmp_path / "home", PIPELINE_CAPITAL=Decimal(50)) as stretch:
        stretch.run(3)
        finding = stretch.told("trades", "order too small")
    assert "10.0% of 50.00 USDT is 5.00 USDT, below the smallest order of 10.00 USDT" in finding.seen
    assert finding.state is State.WRONG


def test_the_rule_that_refuses_everything_is_told_with_what_loosens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = believing(monkeypatch, RISING)
    with a_stretch(tmp_path / "home") as stretch:
        model.scores = dict.fromkeys(PAIR, 0.5)  # Weaker than whatever it has said before.
        stretch.run(20)
        finding = stretch.told("trades", "most often by min_confidence")
    assert "PIPELINE_MIN_CONFIDENCE" in finding.remedy


def test_symbols_that_rest_are_told_with_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    believing(monkeypatch, RISING)
    slow: dict[str, Any] = {"PIPELINE_COOLDOWN": 604_800, "PIPELINE_MIN_CONFIDENCE": 0, "PIPELINE_SYMBOLS": PAIR}
    with a_stretch(tmp_path / "home", PIPELINE_MAX_CORRELATION=1, **slow) as stretch:
        service = stretch.service
        while service.status()["account"]["open_positions"] or not service.performance.now.total.closed:
            stretch.run(1)
        stretch.run(300)  # The day in which they were entered is over.
        finding = stretch.told("trades", "most often by cooldown")
    assert "Still resting: BTC/USDT" in finding.seen
    assert "PIPELINE_COOLDOWN" in finding.remedy

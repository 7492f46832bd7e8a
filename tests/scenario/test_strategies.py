"""A strategy that is followed live: what it sees, what becomes of its wishes, and what happens when it fails."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.errors import RejectedError
from cryptopilot.domain.events import MandateSet
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.signal import Judged, words
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.strategy import COLUMNS, Columns, Wishes
from cryptopilot.research.features import feature_rows
from cryptopilot.rules.signals import BUY, HOLD
from cryptopilot.runtime.markets import Market
from cryptopilot.runtime.observed import observed
from cryptopilot.runtime.reproduce import reproduce
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.strategies import find
from cryptopilot.runtime.views.alerts import Watch
from cryptopilot.runtime.wiring import WALLET
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import SandboxMarket
from tests.fakes.house import House, a_house, a_mandate
from tests.fakes.market import START, ScriptedMarket
from tests.fakes.memory import MemoryJournal
from tests.fakes.oracle import assert_books_hold

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
INSTANTS, SAVED, KILLED = 150, 40, 75

FOLLOWER = '''
from cryptopilot.ports.parameters import Parameter


class Wave:
    """Buys when the close leaves an average of its own upward, sells when it leaves it downward."""

    name = "wave"
    version = "1"
    parameters = (Parameter.number("weight", 0.1, 0.01, 1.0, step=0.01),)
    lookback = 101
    reads = ("close", "probability")

    def __init__(self, weight):
        self.weight = weight

    def start(self):
        return Rider(self.weight)


class Rider:
    def __init__(self, weight):
        self.weight, self.average = weight, None

    def on_candle(self, row):
        close, probability = row
        before = self.average
        self.average = close if before is None else before + self.weight * (close - before)
        if before is None:
            return 0
        return (close > self.average * 1.002 and probability > 0.5) - (close < self.average * 0.998)
'''


def a_sandbox() -> SandboxMarket:
    return SandboxMarket(11, SYMBOLS, HOUR, START)


def follow(text: str, parameters: str = "{}", **limits: object) -> Mandate:
    mandate = a_mandate(**limits)
    return Mandate(mandate.limits, strategy=text, parameters=parameters)


def judged(house: House) -> Sequence[Judged]:
    return [one for batch in house.journal.batches for each in batch.judged.values() for one in each]


def books_hold(house: House) -> None:
    assembly = house.assembly
    events, instruments = house.journal.events("default"), dict(assembly.instruments)
    assert_books_hold(events, assembly.trader.account, assembly.mandate.limits, instruments)


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "wave.py"
    path.write_text(FOLLOWER)
    return path


Bits = dict[tuple[str, int], list[bytes]]


@pytest.fixture
def wished(monkeypatch: pytest.MonkeyPatch) -> Bits:
    """Every wish that is used live, by symbol and instant, as its bits."""
    found: Bits = {}
    wishes = Chosen.wishes

    def kept(self: Chosen, symbol: str, columns: Columns) -> Wishes:
        answer = wishes(self, symbol, columns)
        found[symbol, int(columns.closed_at[-1])] = [array[-1:].tobytes() for array in answer]
        return answer

    monkeypatch.setattr(Chosen, "wishes", kept)
    return found


@pytest.mark.parametrize(
    ("text", "parameters"),
    [("trend", '{"entry_bars": 30}'), ("reversion", "{}"), ("file", '{"weight": 0.2}')],
)
def test_live_and_research_wish_the_same_to_the_bit_across_restarts(
    text: str, parameters: str, a_file: Path, wished: Bits
) -> None:
    text = str(a_file) if text == "file" else text
    house = a_house(a_sandbox(), mandate=follow(text, parameters))
    house.run(SAVED)
    house.pipeline.save_checkpoint()
    house.run(KILLED - SAVED)
    house = a_house(a_sandbox(), mandate=follow(text, parameters), journal=house.journal)  # As after a kill.
    assert house.recovered.folded == KILLED - SAVED
    house.run(INSTANTS - KILLED)
    live = dict(wished)

    candles = a_sandbox()
    last = START + (INSTANTS - 1) * HOUR
    columns = observed(Market(candles, (SandboxNews(candles, 11),)), last)
    strategy = find(text, json.loads(parameters))
    assert isinstance(strategy, Chosen)
    over_all = {symbol: strategy.wishes(symbol, columns[symbol]) for symbol in SYMBOLS}
    rows = range(len(columns[SYMBOLS[0]]) - INSTANTS, len(columns[SYMBOLS[0]]))
    research = {
        (s, int(columns[s].closed_at[row])): [array[row : row + 1].tobytes() for array in over_all[s]]
        for s in SYMBOLS
        for row in rows
    }
    assert live == research
    assert len({bits[0] for bits in live.values()}) > 1  # It has done something.
    assert any(one.signal.reason == strategy.name and one.approved for one in judged(house))
    books_hold(house)


def test_what_is_observed_live_has_the_features_of_research() -> None:
    candles = a_sandbox()
    for columns in observed(Market(candles, ()), START + 50 * HOUR).values():
        features = feature_rows(columns.high, columns.low, columns.close, columns.volume)
        ours = np.stack([columns.close, *(getattr(columns, name) for name in COLUMNS[6:-3])])
        assert features.T.tobytes() == ours.tobytes()
        assert np.isfinite(columns.confidence[-500:]).all()


def test_a_checkpoint_that_holds_too_few_rows_is_folded_anew() -> None:
    journal = a_journal_of(follow("reversion"))
    house = a_house(a_sandbox(), mandate=follow("trend"), journal=journal)
    assert house.recovered.folded > 1000
    assert a_house(a_sandbox(), mandate=follow("ensemble"), journal=journal).recovered.folded == 0


def a_journal_of(mandate: Mandate) -> MemoryJournal:
    house = a_house(a_sandbox(), mandate=mandate)
    house.run(5)
    house.pipeline.save_checkpoint()
    return house.journal


def test_a_signal_bears_its_strategys_name_and_its_wish_is_reviewed() -> None:
    house = a_house(a_sandbox(), mandate=follow("trend", '{"entry_bars": 10}', max_concurrent=1))
    house.run(INSTANTS)
    buys = [one for one in judged(house) if one.signal.side == BUY]
    assert {one.signal.signal_type for one in buys} == {"trend"}
    assert {"max_concurrent", ""} <= {one.rule for one in buys}
    holds = {one.rule for one in judged(house) if one.signal.side == HOLD}
    assert "strategy_holds" in holds
    assert all(words(rule) for rule in holds)
    books_hold(house)


FRAIL = """
import numpy as np
from cryptopilot.ports.strategy import wishes

TROUBLE = {}


class Frail:
    name = "frail"
    version = "1"
    parameters = ()
    lookback = 3

    def signals(self, columns):
        if columns.close[-1] > 20_000 and TROUBLE.get("fails"):
            raise RuntimeError("no bitcoin today")
        return wishes(np.ones(len(columns), int), stop=0.05, target=0.1)

    def stake(self, entry):
        return TROUBLE.get("stake", 0.04)

    def confirm(self, entry):
        return TROUBLE.get("confirm", True)
"""


@pytest.fixture
def frail(tmp_path: Path) -> tuple[House, dict[str, Any]]:
    path = tmp_path / "frail.py"
    path.write_text(FRAIL)
    house = a_house(a_sandbox(), mandate=follow(str(path), max_correlation=1.0))
    trouble: dict[str, Any] = sys.modules["strategy_frail"].TROUBLE
    return house, trouble


def newest(house: House) -> dict[str, Judged]:
    return {one.signal.symbol: one for one in next(iter(house.journal.batches[-1].judged.values()))}


def test_a_strategy_that_fails_on_a_symbol_abstains_there_and_is_asked_again(
    frail: tuple[House, dict[str, Any]],
) -> None:
    house, trouble = frail
    trouble["fails"] = True
    house.run(1)
    verdicts = {s: next(j.rule for j in judged(house) if j.signal.symbol == s) for s in SYMBOLS}
    assert verdicts == {"BTC/USDT": "strategy_failed", "ETH/USDT": "", "SOL/USDT": ""}
    said = "strategy frail, BTC/USDT: RuntimeError: no bitcoin today"
    assert house.assembly.strategy.errors == {"BTC/USDT": said}
    trouble["fails"] = False
    house.run(1)
    assert house.assembly.strategy.errors == {}
    assert any(j.approved for j in judged(house) if j.signal.symbol == "BTC/USDT")


@pytest.mark.parametrize(
    ("trouble", "rule", "fails"),
    [
        ({"stake": float("nan")}, "callback_failed", True),
        ({"confirm": "yes"}, "callback_failed", True),
        ({"stake": 0}, "callback_refused", False),
        ({"confirm": False}, "callback_refused", False),
    ],
)
def test_a_callback_that_fails_or_refuses_holds_visibly_and_the_pipeline_goes_on(
    frail: tuple[House, dict[str, Any]], trouble: dict[str, Any], rule: str, fails: bool
) -> None:
    house, told = frail
    told |= trouble
    house.run(2)
    assert {(j.signal.side, j.rule) for j in judged(house)} == {(HOLD, rule)}
    assert set(house.assembly.strategy.errors) == (set(SYMBOLS) if fails else set())
    told.clear()
    house.run(1)
    assert {j.signal.size for j in judged(house) if j.signal.side == BUY} == {0.04}


ASKED = """
from cryptopilot.ports.strategy import wishes

ASKED = []


class Asked:
    name, version, parameters, lookback = "asked", "1", (), 1

    def signals(self, columns):
        return wishes(columns.close > 0, confidence=columns.confidence, size=0.05)

    def confirm(self, entry):
        ASKED.append(entry)
        return True
"""


def test_callbacks_are_asked_in_the_order_of_the_review_with_the_books_before_it(tmp_path: Path) -> None:
    path = tmp_path / "asked.py"
    path.write_text(ASKED)
    house = a_house(a_sandbox(), mandate=follow(str(path), max_correlation=1.0))
    for instant in range(START, START + 10 * HOUR, HOUR):
        entries = sys.modules["strategy_asked"].ASKED
        entries.clear()
        before = house.assembly.trader.account.copy()
        house.run(1)
        assert [e.symbol for e in entries] == [e.symbol for e in sorted(entries, key=lambda e: -e.confidence)]
        for e in entries:
            assert (e.instant, e.size, e.stop, e.target) == (instant, 0.05, 0.02, 0.04)
            assert (e.cash, e.positions) == (before.cash / 1e8, len(before.positions))
            assert e.mark_price == house.assembly.market.candles.instruments[e.symbol].price(
                house.assembly.market.candles.closed(instant).bars[e.symbol].close
            )
        if instant == START:
            assert len(entries) == 3
            assert entries[0].equity == 10_000.0


def test_a_session_that_changes_its_strategy_is_reproduced_record_for_record(a_file: Path) -> None:
    """Each start follows another one, and the last looks further back than the one before."""
    for text, parameters in (("reversion", '{"oversold": 45}'), (str(a_file), "{}"), ("trend", '{"exit_bars": 4}')):
        settings = load_settings(
            PIPELINE_SPEED="30000", PIPELINE_SEED=11, PIPELINE_STRATEGY=text, PIPELINE_STRATEGY_PARAMETERS=parameters
        )
        service = PipelineService(settings)
        service.open()
        service.start_pipeline()
        service.run()
        until = service.assembly.pipeline.handled + 8 * HOUR
        while service.assembly.pipeline.handled < until:
            assert service.error is None
            time.sleep(0.005)
        journal = service.assembly.journal
        followed = [e.mandate.strategy for e in journal.events(WALLET) if isinstance(e, MandateSet)]
        service.close()
    engine = open_database(settings.url())
    assert followed == ["reversion", str(a_file), "trend"]
    answer = reproduce(engine, Sessions(engine).all()[0], settings)
    engine.dispose()
    assert answer.difference is None
    assert answer.records > 250


def test_a_strategy_that_fails_shows_in_the_status_and_the_alerts(tmp_path: Path) -> None:
    path = tmp_path / "frail.py"
    path.write_text(FRAIL)
    service = PipelineService(load_settings(PIPELINE_SPEED="max", PIPELINE_SEED=11, PIPELINE_STRATEGY=str(path)))
    service.open()
    before = service.status()
    sys.modules["strategy_frail"].TROUBLE["fails"] = True
    pipeline = service.assembly.pipeline
    pipeline.started = True
    pipeline.decide(pipeline.handled + service.assembly.market.candles.timeframe_ms)
    now = service.status()
    service.close()
    assert now["strategy_errors"] == {"BTC/USDT": "strategy frail, BTC/USDT: RuntimeError: no bitcoin today"}
    watch = Watch()
    watch.changes(before)
    told = [alert["text"] for alert in watch.changes(now) if alert["code"] == "strategy_failed"]
    assert told == list(now["strategy_errors"].values())
    assert watch.changes(now) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PIPELINE_STRATEGY": "trendy"}, "strategy 'trendy' does not exist; there are: ensemble, trend, reversion"),
        ({"PIPELINE_STRATEGY": "no/such.py"}, "strategy file 'no/such.py' does not exist"),
        (
            {"PIPELINE_STRATEGY": "trend", "PIPELINE_STRATEGY_PARAMETERS": '{"entry_bars": 1}'},
            "entry_bars is 1; allowed",
        ),
        ({"PIPELINE_STRATEGY_PARAMETERS": '{"band": 1}'}, "parameter band is 1; allowed: one of none"),
        ({"PIPELINE_STRATEGY_PARAMETERS": "[1]"}, "PIPELINE_STRATEGY_PARAMETERS is '.1.'; allowed: a JSON object"),
        ({"PIPELINE_STRATEGY_PARAMETERS": "{bars"}, "PIPELINE_STRATEGY_PARAMETERS is '{bars'; allowed: a JSON object"),
    ],
)
def test_a_strategy_that_cannot_be_had_stops_the_start_by_name(settings: dict[str, str], said: str) -> None:
    with pytest.raises(RejectedError, match=said):
        PipelineService(load_settings(**settings)).open()


def test_bars_that_come_late_join_the_rows_in_order_or_not_at_all() -> None:
    history = a_sandbox()
    instants = range(history.first_instant, START + 10 * HOUR, HOUR)
    bars = {instant: history.closed(instant).bars["BTC/USDT"] for instant in instants}
    straggler, lost = bars.pop(START + HOUR), bars.pop(START + 3 * HOUR)
    market = ScriptedMarket({"BTC/USDT": bars}, START)
    market.instruments = {"BTC/USDT": history.instruments["BTC/USDT"]}
    market.late = {START + 2 * HOUR: {"BTC/USDT": (straggler,)}, START + 5 * HOUR: {"BTC/USDT": (lost,)}}
    columns = observed(Market(market, ()), START + 9 * HOUR)["BTC/USDT"]
    times = columns.closed_at[-9:].tolist()
    assert times == [START + hour * HOUR for hour in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
    assert np.isnan(columns.probability[-9:]).tolist() == [False, True, *[False] * 7]

"""The guides' examples, taken out of the Markdown, applied to a copy of the package, and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import ROOT

GUIDES = sorted((ROOT / "docs" / "guide").glob("extend-*.md"))
BLOCK = re.compile(r"^```(python|diff) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """What a guide says to do with one file: write it (python), or change it (diff)."""

    kind: str
    path: str
    text: str


def steps(guide: Path) -> list[Step]:
    return [Step(*found) for found in BLOCK.findall(guide.read_text())]


def changed(source: str, diff: str) -> str:
    """*source* after a guide's diff: hunks parted by @@, each with lines that are there once and lines to add."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        assert all(line[0] in " +\n" for line in lines), f"neither a line that is there nor one to add: {hunk}"
        there = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
        after = "".join(line[1:] or "\n" for line in lines)
        assert source.count(there) == 1, f"not there once: {there}"
        source = source.replace(there, after)
    return source


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which every guide has been followed."""
    root = tmp_path_factory.mktemp("extended")
    for part in ("cryptopilot", "tests"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", ".importlinter"):
        shutil.copy(ROOT / part, root)
    for step in (step for guide in GUIDES for step in steps(guide)):
        file = root / step.path
        if step.kind == "python":
            assert not file.exists(), f"{step.path} is there already"
            file.write_text(step.text)
        else:
            file.write_text(changed(file.read_text(), step.text))
    return root


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "CRYPTOPILOT_HOME": str(root / "home")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("guide", GUIDES, ids=lambda g: g.stem)
def test_a_guide_shows_one_whole_file_and_one_entry_in_one_list(guide: Path) -> None:
    found = [step for step in steps(guide) if not step.path.startswith("tests/")]
    assert [step.kind for step in found] == ["python", "diff"]
    added = [line[1:].strip() for line in found[1].text.splitlines() if line.startswith("+")]
    imports = [line for line in added if line.startswith("from ")]
    assert len(added) == 2
    assert len(imports) == 1
    assert not any(line.startswith("-") for line in found[1].text.splitlines())


SESSION = """
import json
from pathlib import Path

from cryptopilot.adapters.storage.database import open_database
from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.research.compiled import compiled_rules
from cryptopilot.rules.features import Features
from cryptopilot.rules.limits import Ask, Book, Limits
from cryptopilot.rules.review import REVIEW, verdict
from cryptopilot.rules.signal_types import SIGNAL_TYPES, signal_of
from cryptopilot.rules.signals import Situation
from cryptopilot.runtime.explain import Explainer, in_words
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.wiring import WALLET, assemble_stored, runner_for

DAY = 288
settings = load_settings(PIPELINE_SPEED="max", PIPELINE_MIN_CONFIDENCE=0.5)
settings.home.mkdir()
spec = {"market": "sandbox", "symbols": ["BTC/USDT", "DOGE/USDT", "ETH/USDT", "SOL/USDT"], "timeframe": "5m",
        "seed": 11, "first_decision": 1_767_225_600_000}
market = open_market(spec)
engine = open_database(settings.url())
session = Sessions(engine).open("sandbox", "SIMULATED", spec, "USDT", 300_000, 0)
assembly = assemble_stored(engine, session, market, settings)
recovered = assembly.recover()
assembly.pipeline.started = True
runner, _, _ = runner_for(assembly, recovered, settings)
runner.until(recovered.instant + 2 * DAY * 300_000)
runner.run()

reader = Reader(engine, session.id, WALLET)
explainer = Explainer(reader, market.candles, assembly.predictor.card)
told = {}
for step in range(1, 2 * DAY + 1):
    for judged in reader.judged(recovered.instant + step * 300_000):
        signal = judged.signal
        kind = signal.signal_type if judged.approved else judged.rule
        if kind not in told:
            explained = explainer.at(signal.symbol, signal.instant)
            told[kind] = {**explained, "in_words": in_words(explained)}
funnel = reader.funnel()

twins = compiled_rules()
ask = Ask(False, True, 0.9, 50_000, 50_000.0, 50, 0, 0, 0, 1_700_002_800_000)
book = Book(False, 1_000_000, 1_000_000, 1_000_000, 500_000, 0)
limits = Limits(0.7, 0.05, 0.15, 60_000, 120_000, 5, 0.1, 1_000, 200_000, 0.7)
features = Features(*[1.0] * len(Features._fields))._replace(close=1.01, volume_ratio=2.0, atr=0.01)
situation = Situation(0.6, 0.9, False, float("nan"), False, False, features)
place, finding = twins.rule(verdict)(ask, book, limits)
kind, proposal = twins.rule(signal_of)(situation, settings.mandate().terms())
assert repr((place, finding)) == repr(verdict(ask, book, limits))
assert repr((kind, proposal)) == repr(signal_of(situation, settings.mandate().terms()))
print(json.dumps({
    "signals": funnel.signals, "refusals": funnel.refusals, "approved": funnel.approved, "told": told,
    "compiled": [REVIEW[place].__name__, finding.found, SIGNAL_TYPES[kind].name, proposal.stop],
}))
"""


@pytest.fixture(scope="module")
def lived(extended: Path) -> dict[str, Any]:
    """Two days of a sandbox market under everything that the guides add."""
    done = python(extended, "-c", SESSION)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_model_contributes_to_predictions(lived: dict[str, Any]) -> None:
    parts = {c["part"]: c["value"] for c in lived["told"]["BREAKOUT"]["prediction"]["contributions"]}
    assert parts["way back to the mean"] < 0  # A price that has broken out is expected back.
    assert "exhaustion" in parts


def test_the_signal_type_raises_is_reviewed_and_shows_its_name_and_side(lived: dict[str, Any]) -> None:
    assert lived["signals"]["BREAKOUT"] > 0
    assert {"BUY", "SELL", "HOLD"} <= set(lived["signals"])
    signal = lived["told"]["BREAKOUT"]["signal"]
    assert (signal["signal_type"], signal["side"], signal["verdict"]["approved"]) == ("BREAKOUT", "BUY", True)
    assert signal["reason"] == "the close has left its upper band on twice the usual volume"
    assert signal["position_size"] == 0.05
    price, stop, target = (float(signal[name]) for name in ("price", "stop_loss", "take_profit"))
    assert (target - price) / (price - stop) == pytest.approx(3.0, rel=0.02)
    assert any("BREAKOUT (buy)" in line for line in lived["told"]["BREAKOUT"]["in_words"])


def test_the_risk_rule_refuses_by_its_name_with_its_numbers(lived: dict[str, Any]) -> None:
    assert lived["refusals"]["quiet_hour"] > 0
    told = lived["told"]["quiet_hour"]
    verdict = told["signal"]["verdict"]
    assert told["instant"][11:13] == "23"
    assert (verdict["approved"], verdict["rule"], verdict["limit"]) == (False, "quiet_hour", 23.0)
    assert 23.0 <= verdict["found"] < 24.0
    assert verdict["in_words"].startswith("quiet_hour: 23")


def test_both_rules_run_compiled(lived: dict[str, Any]) -> None:
    assert lived["compiled"] == ["quiet_hour", 23.0, "BREAKOUT", pytest.approx(0.015 / 1.01)]


def test_what_the_guides_promise_to_check_is_checked_and_holds(extended: Path) -> None:
    """Dialect, cases and mutants, contract: with everything added, in the extended copy."""
    rules = "tests/unit/rules"
    done = python(
        extended, "-m", "pytest", "-v", "-p", "no:cacheprovider", f"{rules}/test_dialect.py", f"{rules}/test_limits.py",
        f"{rules}/test_signals.py", "tests/contract/test_models.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for tried in (
        "test_a_verdict_without_one_of_its_checks_is_noticed[quiet_hour] PASSED",
        "test_a_check_moved_to_the_other_side_of_its_boundary_is_noticed[quiet_hour: hour >= LAST_ENTRY] PASSED",
        "test_a_type_that_is_lost_is_noticed[breakout] PASSED",
        "test_its_score_stays_within_one_or_it_abstains[mean_reversion] PASSED",
    ):
        assert tried in done.stdout

"""The guide to strategies: its examples, taken out of the Markdown and run."""

from pathlib import Path

import numpy as np
import pytest

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.entries import answered
from cryptopilot.ports.strategy import LONGEST_LOOKBACK, Entry
from cryptopilot.research.lookahead import check
from cryptopilot.runtime.strategies import find
from tests.conftest import ROOT
from tests.fakes.columns import some_columns
from tests.scenario.test_guides import steps

GUIDE = ROOT / "docs" / "guide" / "strategies.md"
FILES = {step.path: step.text for step in steps(GUIDE)}
SERIES = some_columns(3000)


def shown(name: str, folder: Path) -> Chosen:
    path = folder / name
    path.write_text(FILES[name])
    found = find(str(path))
    assert isinstance(found, Chosen)
    return found


@pytest.mark.parametrize("name", FILES)
def test_an_example_runs_as_it_is_shown_buys_and_knows_no_future(name: str, tmp_path: Path) -> None:
    strategy = shown(name, tmp_path)
    assert set(strategy.wishes("BTC/USDT", SERIES).side.tolist()) == {-1, 0, 1}
    assert check(strategy, {"BTC/USDT": SERIES}, samples=60) == ()


def test_the_stake_that_is_shown_loses_half_a_per_cent_at_the_stop(tmp_path: Path) -> None:
    strategy = shown("squeeze.py", tmp_path)
    entry = Entry("BTC/USDT", 0, 40_000.0, 0.1, 0.08, 0.24, 0.8, 10_000.0, 10_000.0, 0)
    smaller = answered(strategy, entry)
    assert smaller is not None
    assert smaller.size * smaller.stop == pytest.approx(0.005)


def test_the_guide_says_how_far_a_strategy_may_look_back_and_names_every_reason() -> None:
    text = GUIDE.read_text()
    assert f"1 to {LONGEST_LOOKBACK:,}" in text
    for reason in ("strategy_holds", "strategy_failed", "callback_failed", "callback_refused", "out_of_bounds"):
        assert f"`{reason}`" in text


def test_a_stop_that_is_shown_is_as_wide_as_the_market_moves(tmp_path: Path) -> None:
    found = shown("squeeze.py", tmp_path).wishes("BTC/USDT", SERIES)
    buying = found.side == 1
    assert np.array_equal(found.stop[buying], (1.5 * SERIES.atr / SERIES.close)[buying])

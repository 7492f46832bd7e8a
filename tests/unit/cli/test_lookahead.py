"""``cryptopilot lookahead``: 0 when nothing was found, 1 when the strategy is biased, 2 when it was asked wrongly."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryptopilot.cli.main import app
from cryptopilot.domain.timeframe import iso
from tests.unit.series import START, bars, write_parquet

CHEAT = """
import numpy as np
from cryptopilot.ports.strategy import wishes

class Hindsight:
    name, version, parameters, lookback = "hindsight", "1", (), 2

    def signals(self, columns):
        return wishes(np.r_[columns.close[1:] > 1.005 * columns.close[:-1], False])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    for seed, name in enumerate(("BTC_USDT", "ETH_USDT")):
        write_parquet(root / "candles" / f"BINANCE-{name}-1h.parquet", bars(1500, seed=seed))
    (root / "cheat.py").write_text(CHEAT)
    return root


def lookahead(folder: Path, strategy: str, *more: str) -> Any:
    return CliRunner().invoke(app, ["lookahead", "--strategy", strategy, "--data", str(folder), *more])


def test_an_honest_strategy_passes(folder: Path) -> None:
    done = lookahead(folder, "trend", "--parameters", '{"entry_bars": 20}')
    assert done.exit_code == 0, done.output
    assert done.stdout == "trend 1: no bias found; 200 instants of 2 symbols, lookback 20 rows\n"


def test_a_strategy_that_knows_the_future_is_named_and_the_answer_is_no(folder: Path) -> None:
    arguments = ("--symbols", "BTC/USDT", "--bars", "400", "--samples", "40")
    words = lookahead(folder, str(folder / "cheat.py"), *arguments)
    assert words.exit_code == 1
    assert words.stdout.startswith(
        "hindsight 1: biased; 40 instants of 1 symbols, lookback 2 rows\n  BTC/USDT: side at 20"
    )
    told = json.loads(lookahead(folder, str(folder / "cheat.py"), *arguments, "--json").stdout)
    assert told["symbols"] == ["BTC/USDT"]
    for finding in told["findings"]:
        assert {finding["before"], finding["after"]} == {0.0, 1.0}
        assert iso(START) < finding["decided_at"] <= finding["instant"] <= iso(START + 1500 * 3_600_000)
    assert any(finding["in_words"] in words.stdout for finding in told["findings"])


@pytest.mark.parametrize(
    ("strategy", "more", "said"),
    [
        ("trendy", (), "strategy 'trendy' does not exist"),
        ("ensemble", (), "one over columns"),
        ("trend", ("--symbols", "XRP/USDT"), "symbol 'XRP/USDT' is not in this market; it has: BTC/USDT, ETH/USDT"),
        ("trend", ("--timeframe", "5m"), "no candles of BINANCE at 5m"),
        ("trend", ("--timeframe", "7m"), "timeframe is '7m'"),
        ("trend", ("--parameters", "bars"), "--parameters is 'bars'; allowed: a JSON object"),
        ("trend", ("--parameters", '{"bars": 3}'), "parameter bars is 3"),
    ],
)
def test_what_is_asked_wrongly_is_said(folder: Path, strategy: str, more: tuple[str, ...], said: str) -> None:
    done = lookahead(folder, strategy, *more)
    assert done.exit_code == 2
    assert said in done.stderr

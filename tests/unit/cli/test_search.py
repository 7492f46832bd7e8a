"""``cryptopilot optimise`` and ``cryptopilot walk-forward``, over recorded candles."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryptopilot.cli.main import app
from tests.conftest import ROOT, with_kernels
from tests.fakes.cluster import a_cluster

pytestmark = pytest.mark.data

ASKED = (
    *("--symbols", "BTC/USDT,ETH/USDT", "--from", "2022-03-01", "--to", "2022-04-29"),
    *("--objective", "total_return", "--least-trades", "1"),
)
FIXED = ("--parameters", '{"volatility": 0.4, "stop": 0.1, "target": 0.5}')
"""Of the trend strategy, so that its two channels are searched."""

RUNNER = CliRunner()

CHOOSY = """
from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import wishes


class Choosy:
    name = "choosy"
    version = "1"
    parameters = (Parameter.whole("bars", 5, 1, 9),)
    lookback = 1

    def __init__(self, bars):
        self.bars = bars

    def signals(self, columns):
        if self.bars != 5:
            raise ValueError("five bars or none")
        return wishes((columns.rsi < 30).astype(int) - (columns.rsi > 60))
"""
"""Runs with its default, and with nothing else."""


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_kernels(tmp_path_factory.mktemp("searched") / "home")


@pytest.fixture
def home(kept_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home for all tests here."""
    monkeypatch.setenv("CRYPTOPILOT_HOME", str(kept_home))
    return kept_home


def search(command: str, data: Path, *more: str, strategy: str = "trend") -> Any:
    """One process works: starting it takes longer than the trials do."""
    return RUNNER.invoke(app, [command, "--data", str(data), *ASKED, "--strategy", strategy, "--workers", "1", *more])


def document(answer: Any) -> dict[str, Any]:
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.fixture(scope="module")
def six_trials(kept_home: Path, market_data: Path) -> dict[str, Any]:
    """What a search found that two processes had worked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRYPTOPILOT_HOME", str(kept_home))
        options = (*FIXED, "--trials", "6", "--round", "6", "--study", "one", "--workers", "2", "--json", "-")
        return document(search("optimise", market_data, *options))


def test_the_winner_of_an_optimisation_is_what_a_backtest_of_its_parameters_says(six_trials: dict[str, Any]) -> None:
    best = six_trials["front"][0]
    figures = six_trials["winner"]["statistics"]["expected"]
    assert figures["returns"]["total"] == best["statistics"]["total_return"]
    assert figures["significance"]["trials"] == six_trials["different"] > 1
    assert best["parameters"].items() < six_trials["winner"]["manifest"]["parameters"].items()
    assert 0.0 <= figures["significance"]["deflated"] < figures["significance"]["probabilistic"] <= 1.0


def test_a_cluster_finds_what_processes_find(home: Path, market_data: Path, six_trials: dict[str, Any]) -> None:
    with a_cluster() as address:
        asked = ["--data", str(market_data), *ASKED, *FIXED, "--strategy", "trend"]
        more = ["--dask", address.url, "--trials", "6", "--round", "6", "--study", "two", "--json", "-"]
        elsewhere = document(RUNNER.invoke(app, ["optimise", *asked, *more]))
    assert {**elsewhere, "study": "one", "winner": None} == {**six_trials, "winner": None}


def test_a_search_goes_on_where_it_was(home: Path, market_data: Path, six_trials: dict[str, Any]) -> None:
    more = search("optimise", market_data, *FIXED, "--trials", "7", "--round", "6", "--study", "one")
    assert more.exit_code == 0
    assert "study one: 7 trials" in more.output


def test_another_search_under_a_name_that_is_taken_is_refused(
    home: Path, market_data: Path, six_trials: dict[str, Any]
) -> None:
    options = (*FIXED, "--trials", "6", "--round", "6", "--study", "one", "--fee", "0.002")
    answer = search("optimise", market_data, *options)
    assert answer.exit_code == 2
    assert "study 'one' belongs to another search" in answer.output
    assert "costs.fee_ppm: the study has 1000, asked for is 2000" in answer.output


def test_what_parameters_fix_is_not_searched(six_trials: dict[str, Any]) -> None:
    assert set(six_trials["front"][0]["parameters"]) == {"entry_bars", "exit_bars"}
    assert six_trials["winner"]["manifest"]["parameters"]["stop"] == 0.1


def test_the_ensemble_is_searched_by_its_settings(home: Path, market_data: Path) -> None:
    found = document(search("optimise", market_data, "--trials", "2", "--json", "-", strategy="ensemble"))
    geometry = found["winner"]["manifest"]["mandate"]["geometry"]
    assert geometry["stop"] == found["front"][0]["parameters"]["stop_loss_percentage"]


def test_a_walk_forward_keeps_its_distance_and_tells_what_was_lost_out_of_sample(home: Path, market_data: Path) -> None:
    fixed = ("--parameters", '{"stretch": 0.5, "oversold": 45}')
    options = (*fixed, "--train", "20d", "--test", "15d", "--trials", "3", "--json", "-")
    found = document(search("walk-forward", market_data, *options, strategy="reversion"))
    first, second, *_ = found["windows"]
    assert (first["train"]["end"], first["test"]["begin"]) == ("2022-03-21T00:00:00Z", "2022-03-24T00:00:00Z")
    assert first["test"]["end"] == second["test"]["begin"]
    inside, outside = first["in_sample"], first["out_of_sample"]
    assert first["change"]["total_return"] == outside["total_return"] - inside["total_return"]
    equity = found["out_of_sample"]["equity"]
    assert (equity[0]["at"], equity[-1]["at"]) == ("2022-03-24T00:00:00Z", "2022-04-30T00:00:00Z")
    closed = found["out_of_sample"]["statistics"]["trades"]["closed"]
    assert closed == sum(window["out_of_sample"]["trades"] for window in found["windows"]) > 0


def test_a_search_in_which_every_trial_fails_says_why_and_answers_no(
    home: Path, market_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "choosy.py").write_text(CHOOSY)
    answer = search("optimise", market_data, "--trials", "2", "--seed", "3", strategy=str(tmp_path / "choosy.py"))
    assert answer.exit_code == 1
    assert "2 trials, 2 failed" in answer.output
    assert "failed 2 times: strategy choosy, BTC/USDT: ValueError: five bars or none" in answer.output


def test_what_would_fail_every_trial_fails_before_the_first(home: Path, market_data: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(CHOOSY.replace("!= 5", "> 0"))
    answer = search("optimise", market_data, strategy=str(tmp_path / "broken.py"))
    assert answer.exit_code == 2
    assert "error: strategy choosy, BTC/USDT: ValueError: five bars or none" in answer.output


def test_ctrl_c_keeps_what_is_done_and_says_so(home: Path, market_data: Path) -> None:
    code = "from cryptopilot.cli.main import run; run()"
    arguments = ["optimise", "--data", str(market_data), *ASKED, *FIXED, "--strategy", "trend", "--study", "cut"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--trials", "100000"], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as searching:  # fmt: skip
        while trials_of(home, "cut") < 3:
            assert searching.poll() is None
            time.sleep(0.05)
        os.killpg(searching.pid, signal.SIGINT)  # As a terminal does: to every process of it.
        told, _ = searching.communicate()
    assert searching.returncode == 1
    assert "interrupted: every trial that had ended is kept; the same command goes on from there" in told
    assert "Traceback" not in told
    assert f"study cut: {trials_of(home, 'cut')} trials" in told


def trials_of(home: Path, study: str) -> int:
    """How many trials of a study have ended."""
    path = home / "studies" / "studies.db"
    if not path.exists():
        return 0
    ended = "state IN ('COMPLETE', 'FAIL')"
    query = f"SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE {ended} AND study_name = ?"  # noqa: S608
    try:
        with closing(sqlite3.connect(path)) as connection:
            return int(connection.execute(query, (study,)).fetchone()[0])
    except sqlite3.OperationalError:  # Its tables are being made.
        return 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--objective", "luck"), "--objective is 'luck'; allowed: one or more of total_return"),
        (("--trials", "0"), "--trials is 0; allowed: 1 to 1000000"),
        (("--workers", "0"), "workers is 0; allowed: 1 or more"),
        (("--dask", "tcp://10.0.0.1:8786"), "tcp:// for this machine alone"),
        (("--dask", "tcp://127.0.0.1:1", "--workers", "2"), "--workers is 2; allowed: nothing beside --dask"),
        (("--sampler", "luck"), "--sampler is 'luck'; allowed: tpe, nsga2"),
        (("--costs", "none"), "--costs is 'none'; allowed: optimistic, expected, harsh"),
        (("--json", "/nowhere/found.json"), "file is '/nowhere/found.json'; allowed: the name of a file in a folder"),
        (("--study", "../up"), "--study is '../up'; allowed: 1 to 64 letters"),
        (("--parameters", '{"luck": 1}'), "parameter luck is 1; allowed: one of"),
    ],
)
def test_wrong_use_is_named_and_leaves_with_2(
    options: tuple[str, ...], told: str, home: Path, market_data: Path
) -> None:
    answer = search("optimise", market_data, "--trials", "1", *options)
    assert (answer.exit_code, told in answer.output) == (2, True), answer.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--train", "long"), "--train is 'long'; allowed: a whole number of minutes, hours or days"),
        (("--train", "90m"), "train in ms is 5400000; allowed: 3600000 or more, a multiple of the timeframe"),
        (("--train", "20d", "--test", "10d", "--step", "5d"), "step in ms is 432000000; allowed: 864000000 or more"),
        (
            (
                "--train",
                "200d",
            ),
            "span in ms is",
        ),
    ],
)
def test_windows_that_cannot_be_are_named(options: tuple[str, ...], told: str, home: Path, market_data: Path) -> None:
    answer = search("walk-forward", market_data, *FIXED, *options)
    assert (answer.exit_code, told in answer.output) == (2, True), answer.output

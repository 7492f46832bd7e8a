"""The guide to sweeps: its file, and its command over recorded candles."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cryptopilot.cli.main import app
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "guide" / "sweep.md").read_text()


def block(language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    file = tmp_path / "space.json"
    file.write_text(block("json space.json"))
    return file


def swept(data: Path, space: Path, found: Path, *more: str) -> Result:
    """The guide's command, with this machine's folders."""
    words = block("sh").replace("\\\n", " ").split()[2:]
    given = {"DIR": str(data), "space.json": str(space), "found.json": str(found)}
    return CliRunner().invoke(app, ["sweep", *(given.get(word, word) for word in words), *more])


@pytest.mark.data
def test_the_guide_s_command_answers_what_the_guide_says(market_data: Path, space: Path, tmp_path: Path) -> None:
    answer = swept(market_data, space, tmp_path / "found.json")
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith(block("text"))
    found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    assert (found["trials"], found["symbol"], len(found["winners"])) == (16, "BTC/USDT", 3)
    best = found["winners"][0]
    assert best["parameters"] == {"fast": 20.0, "slow": 60.0, "stop": 0.02}
    assert best["statistics"]["significance"]["trials"] == 16
    assert best["statistics"]["significance"]["deflated"] <= best["statistics"]["significance"]["probabilistic"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--symbols", "BTC/USDT,ETH/USDT"), "--symbols is 'BTC/USDT,ETH/USDT'; allowed: one symbol"),
        (("--objective", "luck"), "objective is 'luck'; allowed: equity, sharpe, profit_factor"),
        (("--json", "/not/there/found.json"), "file is '/not/there/found.json'"),
    ],
)
def test_a_wrong_question_is_told_before_the_work(
    market_data: Path, space: Path, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    answer = swept(market_data, space, tmp_path / "found.json", *more)
    assert answer.exit_code == 2
    assert said in answer.output


@pytest.mark.data
def test_a_file_that_is_no_space_is_named(market_data: Path, tmp_path: Path) -> None:
    for text, said in (("{", "space.json: Expecting"), ('{"enter": 1}', "enter is 1; allowed: a list of conditions")):
        (tmp_path / "space.json").write_text(text)
        answer = swept(market_data, tmp_path / "space.json", tmp_path / "found.json")
        assert answer.exit_code == 2
        assert said in answer.output

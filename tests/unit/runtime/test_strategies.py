"""Strategies are found by name or in a file, and what is wrong with one is said by name."""

import os
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.domain.errors import InvalidValueError, NotFoundError, RejectedError
from cryptopilot.ports.strategy import StrategyError
from cryptopilot.runtime import strategies
from cryptopilot.runtime.strategies import BUILT_IN, find, named, names

CODE = '''
import numpy as np
from dataclasses import dataclass
from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import Columns, Wishes, wishes

@dataclass
class Dips:
    """Buys what is oversold."""
    name = "dips"
    version = "2"
    parameters = (Parameter.whole("rsi", 30, 1, 99),)
    lookback = 1
    rsi: int = 30

    def signals(self, columns: Columns) -> Wishes:
        return wishes(columns.rsi < self.rsi)
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


def test_what_is_built_in_is_found_by_its_own_name() -> None:
    for name, kind in BUILT_IN.items():
        found = find(name)
        assert found.name == name
        assert isinstance(found, Ensemble) == (kind is Ensemble)
    assert set(BUILT_IN) <= set(names())


def test_a_file_is_found_with_its_parameters(mine: Path) -> None:
    for text in (str(mine), f"{mine}:Dips"):
        found = find(text, {"rsi": 20})
        assert isinstance(found, Chosen)
        assert (found.name, found.version, found.values) == ("dips", "2", {"rsi": 20})
    assert str(mine.parent) not in sys.path


def test_a_file_is_read_anew_and_may_import_its_neighbours(mine: Path) -> None:
    assert find(str(mine)).version == "2"
    written = mine.stat()
    mine.write_text(CODE.replace('"2"', '"4"'))
    os.utime(mine, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert find(str(mine)).version == "4"
    (mine.parent / "a_neighbour.py").write_text("VERSION = '3'\n")
    mine.write_text("from a_neighbour import VERSION\n" + CODE.replace('version = "2"', "version = VERSION"))
    assert find(str(mine)).version == "3"
    del sys.modules["a_neighbour"]


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (CODE, "{folder}/other.py", "strategy file '.*other.py' does not exist"),
        (CODE, "{folder}", "strategy file .* does not exist; name a Python file"),
        (CODE, "{file}:Dip", "strategy 'Dip' does not exist; .*mine.py has: Dips"),
        (CODE, "dips", "strategy 'dips' does not exist; there are: ensemble, trend, reversion"),
        ("x = 1\n", "{file}", "no class in it has signals"),
        (
            CODE + CODE.replace("class Dips", "class Dips2"),
            "{file}",
            "several strategies; say which: .*:Dips or :Dips2",
        ),
        (CODE + "\n1 / 0\n", "{file}", r"importing it: ZeroDivisionError: division by zero \(line 19 of .*mine.py\)"),
        (CODE + "\ndef\n", "{file}", r"importing it: SyntaxError: .*mine.py, line 19"),
        ("raise SystemExit(3)\n", "{file}", "importing it: SystemExit: 3"),
        ("import no_such_module\n", "{file}", "ModuleNotFoundError: No module named 'no_such_module' .line 1 of"),
        (CODE.replace("lookback = 1", ""), "{file}", "strategy Dips, declaration: lookback is missing"),
        (CODE.replace("lookback = 1", "lookback = 5000"), "{file}", "lookback: 5000; allowed: 1 to 1040 rows"),
        (CODE.replace('name = "dips"', 'name = "BUY"'), "{file}", "name: 'BUY'"),
    ],
)
def test_what_is_wrong_with_a_strategy_is_named(mine: Path, code: str, text: str, said: str) -> None:
    mine.write_text(code)
    with pytest.raises(RejectedError, match=said):
        find(text.format(folder=mine.parent, file=mine))


def test_a_wrong_parameter_is_named(mine: Path) -> None:
    with pytest.raises(InvalidValueError, match="rsi is 100; allowed: a whole number from 1 to 99"):
        find(str(mine), {"rsi": 100})


def test_a_name_never_leads_to_a_file(mine: Path) -> None:
    with pytest.raises(NotFoundError):
        named(str(mine))


def test_an_installed_strategy_is_found_by_its_entry_point(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("dips", "mine:Dips", strategies.GROUP), EntryPoint("gone", "mine:Gone", strategies.GROUP)]
    monkeypatch.setattr(strategies, "entry_points", lambda group: EntryPoints(points).select(group=group))
    monkeypatch.syspath_prepend(mine.parent)
    assert named("dips").version == "2"
    assert names() == ["ensemble", "trend", "reversion", "dips", "gone"]
    with pytest.raises(StrategyError, match="strategy gone, importing mine:Gone: AttributeError"):
        named("gone")
    del sys.modules["mine"]

"""The compiled rules: all of them, the same as the plain ones, and never those of yesterday."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numba
import pytest

from cryptopilot import rules
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.compiled import CompiledRules, compiled_rules, version
from cryptopilot.rules.indicators import momentum, signed_volume
from cryptopilot.rules.ledger import bought
from cryptopilot.rules.review import REVIEW, verdict
from cryptopilot.rules.scores import bounded
from cryptopilot.rules.signal_types import signal_of
from tests.conftest import ROOT


def test_every_rule_has_a_compiled_twin_and_stays_a_plain_function() -> None:
    compiled = CompiledRules()
    assert len(compiled) == len(rules.RULES) >= 50
    for rule in rules.RULES:
        assert isinstance(rule, FunctionType)
        twin: object = compiled.rule(rule)
        assert isinstance(twin, numba.core.dispatcher.Dispatcher)
        same = twin.py_func.__code__ is rule.__code__
        assert same == (rule not in (verdict, signal_of))  # These loop over lists of rules.


def test_inside_compiled_rules_every_rule_is_a_compiled_one() -> None:
    twin: object = compiled_rules().rule(bought)
    names = twin.py_func.__globals__  # type: ignore[attr-defined]
    called = {rule.__name__ for rule in rules.RULES} & set(names)
    assert called >= {"fee", "notional_up", "mul_div_up", "sold"}
    assert not [name for name in called if isinstance(names[name], FunctionType)]


def test_a_loop_over_a_list_of_rules_is_its_body_once_for_each_compiled_member() -> None:
    compiled = compiled_rules()
    twin: object = compiled.rule(verdict)
    unrolled = twin.py_func  # type: ignore[attr-defined]
    assert unrolled.__code__.co_firstlineno == verdict.__code__.co_firstlineno
    assert unrolled.__code__.co_filename == verdict.__code__.co_filename
    called = [name for name in unrolled.__code__.co_names if name.startswith("REVIEW__")]
    assert [unrolled.__globals__[name] for name in called] == [compiled.rule(check) for check in REVIEW]


HALVINGS = (bounded, bounded)


def left_early(x: float) -> float:
    for halving in HALVINGS:
        x = halving(x)
        if x < 0.5:
            break
    return x


def halved(x: float) -> float:
    for halving in HALVINGS:
        x = halving(x)
    return x


def test_a_driver_may_loop_over_a_list_of_rules_and_leave_it_by_returning_only() -> None:
    driver: Callable[..., float] = compiled_rules().driver(halved)
    assert driver(1.0) == halved(1.0) == 1 / 3
    with pytest.raises(InvalidValueError, match="HALVINGS"):
        compiled_rules().driver(left_early)


def test_what_is_no_rule_has_no_twin() -> None:
    with pytest.raises(KeyError):
        compiled_rules().rule(len)


def total_move(closes: list[float]) -> float:
    total = 0.0
    for i in range(1, len(closes)):
        total += momentum(closes[i], closes[i - 1]) + signed_volume(closes[i], closes[i - 1], 1.0)
    return total


def test_a_driver_loops_over_compiled_rules_and_answers_as_in_plain_python() -> None:
    compiled = compiled_rules()
    driver: Callable[..., float] = compiled.driver(total_move)
    closes = (10.0, 12.0, 9.0, 9.0, 9.5)
    assert driver(closes) == total_move(list(closes))
    assert compiled.driver(total_move) is driver
    assert isinstance(momentum, FunctionType)


def test_a_driver_that_captures_a_variable_is_refused() -> None:
    captured = 2.0

    def driver(x: float) -> float:
        return x * captured

    with pytest.raises(InvalidValueError, match="captures no variable"):
        compiled_rules().driver(driver)


PROBE = """
import sys
from pathlib import Path
from cryptopilot.research.compiled import CompiledRules, version
from cryptopilot.rules.scores import bounded, news_score
rule = CompiledRules(Path(sys.argv[1])).rule(news_score)
print(version(), *rule(1.0, 1.0), sum(rule.stats.cache_hits.values()))
"""


def test_kernels_are_kept_and_after_an_edit_in_a_called_file_the_new_rule_runs(tmp_path: Path) -> None:
    for part in ("__init__.py", "rules", "research", "domain"):
        source, target = ROOT / "cryptopilot" / part, tmp_path / "cryptopilot" / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir()
            shutil.copy(source, target)
    edited = tmp_path / "cryptopilot" / "rules" / "arithmetic.py"
    probe = tmp_path / "cryptopilot" / "rules" / "scores.py"
    plain = probe.read_text()
    probe.write_text(
        plain.replace("from cryptopilot.rules.arithmetic import", "from cryptopilot.rules.arithmetic import grown,")
    )
    probe.write_text(probe.read_text().replace("return x / (1.0 + abs(x))", "return grown(x) / (1.0 + abs(x))"))
    edited.write_text(edited.read_text() + "\n\n@rule\ndef grown(x: float) -> float:\n    return x\n")

    first = _probe(tmp_path)
    assert _probe(tmp_path) == [*first[:3], "1"]  # The second process compiles nothing.
    assert first[1:] == ["0.375", "0.125", "0"]

    edited.write_text(edited.read_text().replace("return x\n", "return 2.0 * x\n"))
    after = _probe(tmp_path)
    assert after[0] != first[0]
    assert after[1:] == ["0.75", "0.25", "0"]


def _probe(root: Path) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, str(root / "kernels")],
        cwd=root, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root), "PATH": ""},
    )  # fmt: skip
    return answer.stdout.split()


def test_a_version_names_the_drivers_too(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    driver.write_text("a = 1")
    before = version([driver])
    driver.write_text("a = 2")
    assert len({before, version([driver]), version()}) == 3

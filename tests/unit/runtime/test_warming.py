"""Compiling in the background: it ends by itself, or with the server, and leaves nothing for a backtest to compile."""

from pathlib import Path

import psutil
import pytest

from cryptopilot.runtime import warming
from cryptopilot.runtime.warming import Warming


def test_it_ends_by_itself_with_every_rule_compiled(kernels: Path) -> None:
    there = {path.name.partition(".")[0] for path in kernels.rglob("*.nbc")}
    assert {"predictions", "driver"} <= there
    assert any(name.startswith("indicators") for name in there)


def test_it_ends_with_the_server(tmp_path: Path) -> None:
    home = tmp_path / "own"
    home.mkdir(mode=0o700)
    begun = Warming(home)
    begun.start()
    assert begun._process is not None
    process = psutil.Process(begun._process.pid)
    assert process.is_running()
    begun.stop()
    assert not process.is_running()
    assert begun.wait(0)


def test_a_machine_that_starts_no_process_serves_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(warming, "Process", refused)
    begun = Warming(tmp_path)
    begun.start()
    begun.stop()

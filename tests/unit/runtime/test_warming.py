"""Compiling in the background: it ends by itself, or with the server, and leaves nothing for a backtest to compile."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cryptopilot.runtime import warming
from cryptopilot.runtime.warming import Warming
from tests.conftest import ROOT
from tests.fakes.served import until


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


def test_a_server_warms_once_it_is_ready_and_takes_the_warming_with_it(tmp_path: Path) -> None:
    environment = {
        **os.environ, "CRYPTOPILOT_HOME": str(tmp_path / "own"), "PORT": "0", "CRYPTOPILOT_WARM_KERNELS": "true",
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        server, found = psutil.Process(started.pid), list[psutil.Process]()

        def warms() -> bool:
            found[:] = [child for child in server.children() if "cryptopilot.runtime.jobs.warming" in child.cmdline()]
            return bool(found) and found[0].nice() > server.nice()

        until(warms, 60.0)
        assert b"ready in" in (tmp_path / "log").read_bytes()
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
    assert not found[0].is_running()


def test_a_machine_that_starts_no_process_serves_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(warming, "Process", refused)
    begun = Warming(tmp_path)
    begun.start()
    begun.stop()

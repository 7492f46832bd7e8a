"""SIGKILL at any moment: nothing accepted is lost, nothing is doubled, no position is without its protection."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT


def killed(*arguments: str) -> Any:
    """What the program of kills says of itself."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenario.killing", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_writer_killed_at_two_hundred_points_is_succeeded_as_if_nothing_had_happened() -> None:
    summary = killed("--kills", "200")
    assert summary["wrong"] == []
    assert summary["kills"] == 200
    assert summary["fills"] >= 10  # The stretch that is cut short is one that trades.
    assert len(summary["failpoints"]) >= 11


@pytest.mark.slow
def test_a_writer_that_follows_a_strategy_is_succeeded_alike() -> None:
    summary = killed("--kills", "25", "--strategy", "trend")
    assert summary["wrong"] == []
    assert summary["fills"] >= 10

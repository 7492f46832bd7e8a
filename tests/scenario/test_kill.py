"""SIGKILL at any moment: nothing accepted is lost, nothing is doubled, no position is without its protection."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_a_writer_killed_at_two_hundred_points_is_succeeded_as_if_nothing_had_happened() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenario.killing", "--kills", "200"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout, done.stderr
    summary = json.loads(done.stdout)
    assert summary["wrong"] == []
    assert summary["kills"] == 200
    assert summary["fills"] >= 10  # The stretch that is cut short is one that trades.
    assert len(summary["failpoints"]) >= 11

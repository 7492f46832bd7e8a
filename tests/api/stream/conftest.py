"""One server for the tests of a module; its market stands still until a test moves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptopilot.api import stream
from tests.fakes.served import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that trades often, for every signal is good enough, and lets clients speak as fast as they like."""
    home = tmp_path_factory.mktemp("served") / "home"
    with (
        pytest.MonkeyPatch.context() as patch,
        served(home, PIPELINE_MIN_CONFIDENCE=0, PIPELINE_COOLDOWN=0) as running,
    ):
        patch.setattr(stream, "PACE_S", 0.0)
        yield running


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """For a server that a test starts itself."""
    return tmp_path / "home"

"""A home with a door for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.access import Lodge


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    made = Lodge(tmp_path / "home")
    yield made
    made.engine.dispose()

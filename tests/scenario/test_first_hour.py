"""The tutorial, followed: its commands, in its order, in one shell against a server of their own."""

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.surface.test_published import a_free_port

TUTORIAL = ROOT / "docs" / "guide" / "first-hour.md"
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)

PROGRAMS = {
    ".venv/bin/cryptopilot": shlex.join([sys.executable, "-c", "from cryptopilot.cli.main import run; run()"]),
    ".venv/bin/python": shlex.quote(sys.executable),
}
"""What a set-up puts into the checkout, as this interpreter has it."""


class Block(NamedTuple):
    """A fenced block: its language, the words after it, its text."""

    language: str
    marks: tuple[str, ...]
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(language, tuple(marks.split()), text) for language, marks, text in FENCE.findall(page.read_text())]


def as_shell(block: Block) -> str:
    """A block as part of one shell script."""
    if block.language == "python":
        return f"{PROGRAMS['.venv/bin/python']} - <<'END'\n{block.text}END\n"
    return re.sub(r"\.venv/bin/\w+", lambda found: PROGRAMS[found[0]], block.text)


def follow(marked: list[Block], **environment: str) -> str:
    """Everything that one shell says on its way through *marked*; it stops at the first command that fails."""
    script = "set -euo pipefail\n" + "\necho\n".join(as_shell(block) for block in marked)
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def a_server(home: Path) -> Iterator[str]:
    """``python app.py`` on a fast sandbox."""
    port = a_free_port()
    environment = {**os.environ, "CRYPTOPILOT_HOME": str(home), "PORT": str(port), "PIPELINE_SPEED": "12000"}
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**environment, "PIPELINE_SEED": "7"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/health/ready", timeout=5).close()  # noqa: S310  # Loopback.
                break
            except (urllib.error.URLError, TimeoutError):  # It listens before it answers.
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def test_the_tutorial_can_be_followed_from_the_first_sign_in_to_a_new_password(tmp_path: Path) -> None:
    home, marked = tmp_path / "home", [b for b in blocks(TUTORIAL) if "run" in b.marks]
    with a_server(home) as address:
        live = [b for b in marked if not {"stopped", "with-data"} & set(b.marks)]
        said = follow(live, CRYPTOPILOT_HOME=str(home), BASE=address)
    for promised in (
        '"username":"ada","role":"admin"',
        "trade_id ",
        "verdict    approved",
        '"rule":"min_confidence"',
        "books of sandbox-1: ",
        "idempotency-replayed: true",
        "entries are allowed; losses count from the present equity",
        "the pipeline is stopped already",
        '"type":"subscribed","topics":["account","fills"]',
    ):
        assert promised in said
    said = follow([b for b in marked if "stopped" in b.marks], CRYPTOPILOT_HOME=str(home))
    assert "home/cryptopilot.db" in said
    assert "ada  admin" in said
    assert "0 open sessions" in said


def test_the_tutorials_replay_gives_the_output_that_it_shows(market_data: Path, tmp_path: Path) -> None:
    page = blocks(TUTORIAL)
    place = next(n for n, b in enumerate(page) if "with-data" in b.marks)
    said = follow([page[place]], CRYPTOPILOT_HOME=str(tmp_path / "home"), DATA=str(market_data))
    assert page[place + 1].text.split() == said.split()


@pytest.mark.parametrize("name", ["README.md", "docs/guide/first-hour.md"])
def test_the_french_page_has_the_same_headings_and_the_same_code(name: str) -> None:
    english, french = ROOT / name, ROOT / name.replace(".md", ".fr.md")
    assert HEADING.findall(_prose(french)) == HEADING.findall(_prose(english))
    assert blocks(french) == blocks(english)


def _prose(page: Path) -> str:
    """A page without its code, in which # begins a comment."""
    return FENCE.sub("", page.read_text())

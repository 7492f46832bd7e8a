"""The documents say what is: settings, tests, endpoints and links that they name are there, and none is left out."""

import ast
import re
from pathlib import Path
from typing import cast

import pytest

from cryptopilot.api.app import bare_app
from cryptopilot.runtime.front_desk import FrontDesk
from cryptopilot.runtime.settings import Settings
from tests.conftest import ROOT
from tests.surface.test_published import ENVIRONMENT

PROMISES = ROOT / "docs" / "promises.md"
PAGES = [ROOT / "README.md", ROOT / "README.fr.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ENDPOINT = re.compile(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def endpoints() -> set[str]:
    """Every call that the application takes, such as `GET /api/risk`."""
    paths = bare_app(cast(FrontDesk, None)).openapi()["paths"]  # No route is called, so nobody stands behind it.
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def rows(page: Path) -> list[list[str]]:
    """The cells of every row of a page's tables."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("name", sorted(str(field.alias) for field in Settings.model_fields.values()))
def test_every_setting_is_in_the_configuration_page(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "configuration.md").read_text()


def test_every_test_that_a_promise_names_is_there() -> None:
    named = NAMED_TEST.findall(PROMISES.read_text())
    assert len(named) > 40
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_endpoint_and_every_published_variable_has_its_row() -> None:
    text = PROMISES.read_text()
    assert endpoints() - set(ENDPOINT.findall(text)) == set()
    assert {name for name in ENVIRONMENT if f"`{name}`" not in text} == set()


def test_no_promise_is_called_later_work_once_it_is_there_and_none_kept_that_is_not() -> None:
    there = endpoints()
    for cells in rows(PROMISES):
        named = set(ENDPOINT.findall(cells[0]))
        if cells[-1].startswith("not yet"):
            assert not named & there
        elif cells[-1].startswith(("kept", "partly")):
            assert named <= there


def test_what_is_kept_names_what_shows_it() -> None:
    tables = PROMISES.read_text().partition("## The environment")
    after = tables[2].partition("## The API")[2]
    for line in (tables[0] + after).splitlines():
        if line.startswith("|") and line.rstrip(" |").endswith("| kept"):
            assert "`tests/" in line or "`bench/" in line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        place = target.partition("#")[0]
        if place and "://" not in place:
            assert (page.parent / place).exists(), target

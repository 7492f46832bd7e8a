"""The report of a backtest in a real browser: drawn under its own content policy, with hostile names in it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cryptopilot.research import report
from cryptopilot.research.report.rows import LEVELS
from cryptopilot.research.statistics import statistics
from tests.fakes.backtests import SYMBOLS, a_manifest, an_outcome

pytestmark = pytest.mark.browser

HOSTILE = "<img src=//example.org/x onerror=alert(1)>"
PAPER = {"light": "rgb(243, 245, 248)", "dark": "rgb(12, 16, 22)"}


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_it_is_drawn_whole_and_asks_nobody_for_anything(
    browser: Browser, pictures: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    outcomes = (an_outcome(level, instants=9000, trades=250, symbols=(*SYMBOLS, HOSTILE)) for level in LEVELS)
    file = tmp_path / "report.html"
    file.write_text(report.html([(o, statistics(o)) for o in outcomes], a_manifest(strategy=HOSTILE)), encoding="utf-8")
    dark = scheme == "dark"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale="en-GB", color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.screenshot(path=pictures / f"report-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == PAPER[scheme]
    drawn = page.evaluate("[...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().height)")
    assert len(drawn) == 4
    assert min(drawn) > 50
    context.close()
    assert said == []
    assert asked == [file.as_uri()]

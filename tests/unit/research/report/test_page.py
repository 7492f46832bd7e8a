"""The page shows the run, to whoever opens it, and obeys nobody whose name is in it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.timeframe import MINUTE
from cryptopilot.research import report
from cryptopilot.research.report.curves import MOST_POINTS
from cryptopilot.research.report.rows import LEVELS, SECTIONS, Run
from cryptopilot.research.report.tables import MOST_TRADES
from cryptopilot.research.statistics import statistics
from tests.conftest import ROOT
from tests.fakes.backtests import a_manifest, an_outcome
from tests.unit.research.report.reading import Page

HOSTILE = ("<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "</style></title><b>&amp;", "{{7*7}}")
ALLOWED = frozenset(
    "html head meta title style body header h1 h2 p dl div dt dd section ul li svg text line path g rect span "
    "table thead tbody tr th td code br footer".split()
)
ATTRIBUTES = frozenset(
    "lang charset http-equiv content name class viewbox role x y x1 y1 x2 y2 d width height rx text-anchor tabindex "
    "aria-label scope colspan title style".split()
)


def runs(**given: Any) -> list[Run]:
    outcomes = (an_outcome(level, **given) for level in LEVELS)
    return [(outcome, statistics(outcome)) for outcome in outcomes]


def test_it_is_well_formed_and_asks_nobody_for_anything() -> None:
    page = Page(report.html(runs(), a_manifest()))
    assert page.open == []
    assert page.names() == ALLOWED
    assert {key for _, attributes in page.elements for key in attributes} <= ATTRIBUTES
    policy = next(a["content"] for n, a in page.elements if n == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_its_style_asks_nobody_for_anything_either() -> None:
    style = report.html(runs(), a_manifest()).partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert not [word for word in ("url(", "@import", "http", "//") if word in style]


def test_hostile_names_are_text_and_nothing_else() -> None:
    manifest = a_manifest(
        strategy=HOSTILE[0], symbols=HOSTILE, inputs={HOSTILE[1]: "0"}, parameters={HOSTILE[2]: HOSTILE}
    )
    hostile = runs(symbols=HOSTILE, tags=HOSTILE, instants=500)
    hostile = [(replace(o, refusals={HOSTILE[2]: 3}, signals={HOSTILE[1]: 1}, quote="<i>"), s) for o, s in hostile]
    page = Page(report.html([(outcome, statistics(outcome)) for outcome, _ in hostile], manifest))
    assert page.open == []
    assert page.names() <= ALLOWED
    assert {key for _, attributes in page.elements for key in attributes} <= ATTRIBUTES
    assert all(name in page.text for name in HOSTILE)


def test_names_that_turn_text_around_or_ring_a_bell_are_made_harmless() -> None:
    page = report.html(runs(tags=("\u202eevil", "\x1b[31mred", "\x00\x07")), a_manifest())
    assert not set("\u202e\x1b\x00\x07") & set(page)


def test_the_same_run_has_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from tests.unit.research.report.test_page import *; "
        "both = report.html(runs(), a_manifest()) + report.text(runs(), a_manifest()); "
        "print(hashlib.sha256(both.encode()).hexdigest())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1] != ""


def test_a_year_of_five_minutes_with_thousands_of_trades_stays_below_a_megabyte() -> None:
    page = report.html(runs(instants=365 * 288 + 1, step=5 * MINUTE, trades=3000), a_manifest())
    assert len(page.encode()) < 1_000_000
    parsed = Page(page)
    for attributes in (a for n, a in parsed.elements if n == "path"):
        assert str(attributes["d"]).count("L") < MOST_POINTS + 2
    assert f"The last {MOST_TRADES:,} of 3,000 trades" in parsed.text


@settings(max_examples=25)
@given(
    st.integers(2, 400),
    st.integers(0, 30),
    st.integers(0, 10**6),
    st.sampled_from([MINUTE, 60 * MINUTE, 1440 * MINUTE]),
)
def test_nothing_is_drawn_outside_of_its_picture_and_nothing_reads_nan(
    instants: int, trades: int, seed: int, step: int
) -> None:
    page = Page(report.html(runs(instants=max(instants, 3), trades=trades, seed=seed, step=step), a_manifest()))
    for x, y, width, height in page.points():
        assert -0.1 <= x <= width + 0.1
        assert -0.1 <= y <= height + 0.1
    assert not re.search(r"\b(nan|inf|None)\b", page.text)


def test_every_figure_stands_at_its_three_levels_and_what_is_unknown_is_a_dash() -> None:
    page = Page(report.html(runs(trades=0), a_manifest()))
    for row in (row for part in SECTIONS for row in part.rows):
        assert row.label in page.text
    assert "No trade was closed." in page.text
    assert "There was no trade." in page.text
    assert "Nothing: there are too few daily returns, or all are the same." in page.text


def test_a_market_that_is_not_known_is_not_drawn() -> None:
    unknown = [(replace(o, market=np.full(o.market.size, np.nan)), s) for o, s in runs(instants=200)]
    page = Page(report.html([(outcome, statistics(outcome)) for outcome, _ in unknown], a_manifest()))
    classes = [attributes.get("class") for name, attributes in page.elements if name == "path"]
    assert classes == ["equity", "drawdown"]
    assert "equal parts of everything" not in page.text


def test_runs_that_are_not_one_of_each_level_are_refused() -> None:
    for wrong in (runs()[:2], runs()[::-1], []):
        with pytest.raises(InvalidValueError, match="allowed: optimistic, expected, harsh, in this order"):
            report.html(wrong, a_manifest())


def test_a_record_that_proves_something_says_how_long_it_had_to_be() -> None:
    rising = 10**12 + np.cumsum(np.random.default_rng(7).normal(10**8, 10**9, 2000)).astype(np.int64)
    proven = [(replace(o, equity=rising), s) for o, s in runs()]
    page = Page(report.html([(outcome, statistics(outcome, trials=9)) for outcome, _ in proven], a_manifest()))
    assert re.search(r"Returns like these would take \d+ days to prove that with 95%", page.text)
    assert "It was chosen from 9 trials." in page.text

"""The page in a real browser, before the real server: from the set-up code to the first closed trade, and on."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.visit import LOST_SERVER, PATIENCE_MS, REFUSAL, Visit

pytestmark = pytest.mark.browser

_SPEED_OF_THE_PAGE = """() => {
  const took = performance.getEntriesByType("measure").filter((m) => m.name.startsWith("stream:"));
  return took.map((m) => m.duration).sort((a, b) => a - b);
}"""
_DRAWN_PIXELS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


def test_from_the_setup_code_to_the_first_closed_trade(first_visit: Visit) -> None:
    visit = first_visit
    visit.picture("set-up")
    visit.expected = REFUSAL
    visit.set_up("not the code")
    expect(visit.page.get_by_role("alert")).to_contain_text("code", ignore_case=True, timeout=PATIENCE_MS)
    visit.picture("wrong-code")
    visit.expected = None

    visit.set_up(visit.server.setup_code)
    visit.sees("Live")
    visit.sees("SIMULATED")
    visit.picture("first-seconds")
    for agent in ("Collector", "Predictor", "Strategy", "Trader"):
        row = visit.panel("Agents").get_by_role("row").filter(has_text=agent)
        expect(row.get_by_role("cell").first).to_have_text("ok", timeout=PATIENCE_MS)
    visit.waits_for(visit.panel("Signals and verdicts").get_by_role("cell", name="approved"))
    visit.waits_for(visit.panel("Signals and verdicts").get_by_text("not confident enough"))

    closed = visit.panel("Trades").get_by_role("row").filter(has_text="closed")
    visit.waits_for(closed)
    expect(visit.panel("Why no trade?")).to_contain_text(re.compile(r"\d+ of \d+ .* became positions"))
    expect(visit.page.get_by_role("img", name=re.compile("Equity curve from"))).to_be_visible()
    assert visit.page.locator("canvas").evaluate(_DRAWN_PIXELS) > 1000
    visit.picture("dashboard")

    closed.first.get_by_role("button", name=re.compile("Why")).click()
    drawer = visit.page.get_by_role("dialog")
    for step in ("Trade", "Verdict", "Signal", "Prediction", "Candle", "Headlines"):
        expect(drawer.get_by_role("heading", name=step, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    visit.page.screenshot(path=visit.pictures / "lineage.png")
    visit.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_the_pipeline_stops_and_starts_at_a_click(visit: Visit) -> None:
    status = visit.page.get_by_role("banner").get_by_text(re.compile("Pipeline (running|stopped)"))
    expect(status).to_have_text("Pipeline running")
    visit.button("Stop").click()
    expect(status).to_have_text("Pipeline stopped", timeout=PATIENCE_MS)
    visit.button("Start").click()
    expect(status).to_have_text("Pipeline running", timeout=PATIENCE_MS)


def test_a_stage_that_is_run_by_hand_says_what_it_did(visit: Visit) -> None:
    visit.button("Run the predictor now").click()
    expect(visit.panel("Agents")).to_contain_text(
        re.compile(r"Predictor at \d\d:\d\d: produced \d+"), timeout=PATIENCE_MS
    )


def test_trading_is_halted_and_resumed_for_a_reason(visit: Visit) -> None:
    visit.button("HALT").click()
    dialog = visit.page.get_by_role("alertdialog")
    expect(dialog.get_by_label("Why?")).to_be_focused()
    expect(dialog.get_by_role("button", name="Halt trading")).to_be_disabled()
    dialog.get_by_label("Why?").fill("trying the brake")
    visit.page.screenshot(path=visit.pictures / "halt.png")
    dialog.get_by_role("button", name="Halt trading").click()
    notice = visit.page.get_by_text(re.compile(r"Trading is halted by ada .*: trying the brake"))
    visit.waits_for(notice)
    visit.picture("halted")

    visit.button("Resume").click()
    dialog.get_by_label("Why is it safe again?").fill("the brake works")
    dialog.get_by_role("button", name="Resume trading").click()
    expect(notice).to_be_hidden(timeout=PATIENCE_MS)
    visit.waits_for(visit.button("HALT"))


def test_a_position_is_closed_by_hand(visit: Visit) -> None:
    close = visit.waits_for(visit.panel("Positions").get_by_role("button", name=re.compile(r"^Close [A-Z]+$")))
    close.click()
    visit.page.get_by_role("alertdialog").get_by_role("button", name="Close position").click()
    visit.waits_for(visit.panel("Trades").get_by_role("row").filter(has_text="closed by hand"))


def test_signing_out_ends_the_visit_and_signing_in_begins_another(visit: Visit) -> None:
    visit.button("User menu").click()
    visit.page.get_by_role("menuitem", name="Sign out").click()
    visit.waits_for(visit.page.get_by_label("Password"))
    expect(visit.page.get_by_text("SIMULATED")).to_be_hidden()
    visit.sign_in()
    visit.sees("SIMULATED")


def test_a_reload_keeps_the_sign_in_though_no_script_can_read_it(visit: Visit) -> None:
    visit.page.reload()
    visit.sees("Live")
    assert visit.page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]


def test_tabs_that_refresh_at_the_same_time_all_stay_signed_in(visit: Visit) -> None:
    tabs = [visit.page, visit.page.context.new_page(), visit.page.context.new_page()]
    for tab in tabs:
        tab.goto(visit.server.address, wait_until="commit")
    for tab in tabs:
        expect(tab.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)


def test_a_server_that_dies_and_comes_back_is_waited_for(visit: Visit) -> None:
    visit.sees("SIMULATED")
    visit.expected = LOST_SERVER
    visit.server.kill()
    lost = visit.page.get_by_text(re.compile(r"Connection lost, data as of \d\d:\d\d:\d\d"))
    visit.waits_for(lost)
    visit.picture("connection-lost")
    expect(visit.button(re.compile("Stop|Start"))).to_be_disabled()
    visit.server.start()
    visit.sees("Live")
    expect(lost).to_be_hidden()
    expect(visit.button(re.compile("Stop|Start"))).to_be_enabled()


def test_a_headline_with_a_script_in_it_is_text(visit: Visit) -> None:
    headline = '<script>window.harm = 1</script><img src="x" onerror="window.harm = 1">'

    def poison(text: str | bytes) -> str:
        message: dict[str, Any] = json.loads(text)
        if message.get("topic") == "news":
            message["data"] = [{**item, "title": headline} for item in message["data"]]
        return json.dumps(message)

    def between(stream: WebSocketRoute) -> None:
        server = stream.connect_to_server()
        server.on_message(lambda text: stream.send(poison(text)))

    visit.page.route_web_socket(re.compile("/api/stream"), between)
    visit.page.reload()
    visit.waits_for(visit.panel("News").get_by_text(headline))
    assert visit.page.evaluate("window.harm") is None


def test_a_browser_that_says_its_language_in_the_posix_way_shows_the_page(visit: Visit) -> None:
    says = 'Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix" })'
    visit.page.add_init_script(says)
    visit.page.reload()
    visit.sees("Live")
    expect(visit.page.get_by_role("img", name=re.compile("Equity curve from"))).to_be_visible()


def test_a_reload_keeps_the_signals_that_were_there(visit: Visit) -> None:
    panel = visit.panel("Signals and verdicts")
    visit.waits_for(panel.get_by_role("row").nth(5))
    visit.button("Stop").click()  # No instant comes that could bring others.
    visit.waits_for(visit.page.get_by_text("Pipeline stopped"))
    visit.page.reload()
    visit.waits_for(panel.get_by_role("row").nth(5))
    visit.button("Start").click()


def test_a_first_look_without_a_sign_in_is_refused_nothing(visit: Visit) -> None:
    visit.button("User menu").click()
    visit.page.get_by_role("menuitem", name="Sign out").click()
    visit.waits_for(visit.page.get_by_label("Password"))
    asked: list[str] = []
    visit.page.on("response", lambda answer: asked.append(f"{answer.status} {answer.url}"))
    visit.page.reload()
    visit.waits_for(visit.page.get_by_label("Password"))
    assert [one for one in asked if not one.startswith("2")] == []


def test_the_page_fits_a_telephone(narrow_visit: Visit) -> None:
    visit = narrow_visit
    visit.waits_for(visit.panel("Market").get_by_role("row").nth(1))
    visit.picture("narrow")
    assert visit.scroll_width() <= 390
    expect(visit.button("HALT")).to_be_in_viewport()


def test_light_follows_the_system_and_the_log_unfolds(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="light")
    visit.button(re.compile("Alerts and log")).click()
    visit.waits_for(visit.page.get_by_role("heading", name="Log", exact=True))
    assert visit.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    visit.picture("light")


def test_the_api_documentation_needs_no_other_host(visit: Visit) -> None:
    visit.page.goto(f"{visit.server.address}/api/docs")
    visit.waits_for(visit.page.get_by_text("/api/trading-pipeline/status"))
    visit.page.screenshot(path=visit.pictures / "api-docs.png")


def test_how_long_a_message_takes_to_the_painted_page_is_measured(visit: Visit) -> None:
    took: list[float] = []
    while len(took) < 100:
        visit.page.wait_for_timeout(100)
        took = visit.page.evaluate(_SPEED_OF_THE_PAGE)
    half, most = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(f"\nstream to painted page: {len(took)} messages, median {half:.1f} ms, 95 % within {most:.1f} ms")  # noqa: T201
    assert half > 0

"""One person's visit: a tab of a real browser, and everything in it that should not have been."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.server import Server

USER, PASSWORD = "ada", "correct horse battery staple"
PATIENCE_MS = 30_000
"""How long anything may take: two busy cores, and a market that first has to bring something worth trading."""

LOST_SERVER = re.compile(r"WebSocket connection to .* failed|net::ERR_(CONNECTION_(REFUSED|RESET)|EMPTY_RESPONSE)")
REFUSAL = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


@dataclass
class Visit:
    """A tab; what its console said, and where its requests went."""

    page: Page
    server: Server
    pictures: Path
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    expected: re.Pattern[str] | None = None
    """What the browser itself writes to its console when the test takes the server away, or has something refused."""

    def watch(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda stream: self._asked(stream.url))

    def _said(self, message: ConsoleMessage) -> None:
        wanted = self.expected is not None and self.expected.search(message.text)
        if message.type in ("error", "warning") and not wanted:
            self.errors.append(message.text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.outside.append(url)

    def open(self) -> None:
        self.page.goto(self.server.address)

    def set_up(self, code: str) -> None:
        """Ask for the first user's account, through the form."""
        self.page.get_by_label("One-time code").fill(code)
        self._submit("Create account")

    def sign_in(self) -> None:
        self._submit("Sign in")
        self.sees("Live")

    def _submit(self, button: str) -> None:
        self.page.get_by_label("Username").fill(USER)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.button(button).click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text, exact=isinstance(text, str)).first).to_be_visible(timeout=PATIENCE_MS)

    def panel(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def waits_for(self, found: Locator) -> Locator:
        """The first of *found*, once there is one."""
        expect(found.first).to_be_visible(timeout=PATIENCE_MS)
        return found.first

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def scroll_width(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

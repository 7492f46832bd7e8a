"""Who says how a headline sounds, and whom it is about."""

from typing import Protocol

from cryptopilot.domain.news import Headline, NewsItem


class Scorer(Protocol):
    """Turns text into a bounded number. The text is data, never an instruction."""

    @property
    def version(self) -> str: ...

    def scored(self, headline: Headline) -> NewsItem:
        """The headline with its coins and its score in [-1, 1]."""

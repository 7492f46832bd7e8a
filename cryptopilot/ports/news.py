"""Where headlines come from."""

from collections.abc import Sequence
from typing import Protocol

from cryptopilot.domain.news import Headline


class NewsSource(Protocol):
    """Headlines in the order in which they were first seen."""

    @property
    def name(self) -> str: ...

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        """Those with after < first_seen_at <= until, oldest first; times in ms UTC.

        Raises:
            TransientError: the source cannot answer now.
        """

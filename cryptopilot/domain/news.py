"""News as it arrived: when it was published, when we first saw it, whom it is about, how it sounds."""

from typing import NamedTuple

MARKET_WIDE = "*"
"""Stands among an item's coins when it speaks of the market as a whole."""


class NewsItem(NamedTuple):
    """One headline, scored. Times in ms UTC; score in [-1, 1]; coins are base assets, or MARKET_WIDE."""

    id: str
    published_at: int
    first_seen_at: int
    source: str
    title: str
    coins: tuple[str, ...]
    score: float
    simulated: bool = False


class Headline(NamedTuple):
    """One item as its source gives it, before it is scored; *coins* holds what the source itself says."""

    id: str
    published_at: int
    first_seen_at: int
    source: str
    title: str
    body: str = ""
    coins: tuple[str, ...] = ()
    simulated: bool = False

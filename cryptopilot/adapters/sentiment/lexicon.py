"""The lexicon scorer: finance and crypto words, negation, intensity, coin aliases. Needs nothing but this file."""

import re

from cryptopilot.domain.news import MARKET_WIDE, Headline, NewsItem

_WORDS = {
    1.0: """gain gains gained rise rises rising rose climb climbs climbed up higher growth grow grows growing positive
        support supports supported partner partners partnership integrate integrates integration launch launches
        launched
                unveil unveils expand expands expansion upgrade upgrades upgraded recover recovers recovery rebound
                rebounds
        rebounded stable secure secures secured join joins add adds adoption adopts adopt accumulate accumulates
        accumulation inflow inflows optimistic optimism confident confidence interest donate welcome welcomes hire hires
        greed milestone wins win won boost boosts boosted invest invests invested investment raise raises raised backing
        backs backed innovation outperform outperforms strong stronger strength progress success successful""",
    2.0: """surge surges surged soar soars soared soaring rally rallies rallied bull bullish record high highs approve
        approves approved approval breakthrough skyrocket skyrockets jump jumps jumped spike spikes moon explode
        explodes         profit profits profitable breakout ath legalise legalize legalizes""",
    -1.0: """fall falls falling fell drop drops dropped decline declines declined down lower loss losses lose loses lost
        weak weaker weakness negative concern concerns concerned worry worries worried warn warns warned warning risk
        risks risky delay delays delayed outflow outflows reject rejects rejected pressure fear fears fearful
        uncertain uncertainty volatile slump slumps slumped dip dips dipped slip slips slipped slide slides slid sink
        sinks sank struggle struggles layoff layoffs cut cuts halt halts halted suspend suspends suspended pause pauses
        paused outage investigate investigates investigation probe probes sanction sanctions restrict restricts tax
        lawsuit lawsuits sue sues sued charge charges charged fine fined penalty criticise criticizes criticism
        downgrade downgrades bubble correction vulnerable vulnerability bug delist delists delisted illegal denies""",
    -2.0: """crash crashes crashed plunge plunges plunged plummet plummets plummeted tumble tumbles tumbled collapse
        collapses collapsed bear bearish hack hacks hacked hacker hackers exploit exploits exploited stolen steal steals
        theft scam scams fraud fraudulent ponzi bankrupt bankruptcy insolvent insolvency liquidation liquidations
        liquidated ban bans banned selloff dump dumps dumped panic capitulation arrest arrested arrests guilty rug
        depeg depegs contagion attack attacks attacked attacker drained drain breach breached""",
}
WEIGHTS = {word: weight for weight, words in _WORDS.items() for word in words.split()}

_NEGATIONS = frozenset(
    "not no never without none neither nor cannot can't won't isn't wasn't doesn't didn't don't fails failed fail "
    "lacks "
    "lack denies deny unlikely hardly barely despite".split()
)
_INTENSE = {
    **dict.fromkeys(
        "very extremely extreme massive massively huge hugely sharply strongly major record all-time".split(),
        1.5,
    ),
    **dict.fromkeys("slightly somewhat modest modestly minor small partly".split(), 0.5),
}
_REACH = 3
"""A negation or an intensifier changes the words up to this far after it."""

ALIASES: dict[str, tuple[str, ...]] = {
    "BTC": ("bitcoin", "btc", "xbt"),
    "ETH": ("ethereum", "eth", "ether"),
    "BNB": ("bnb", "binance coin"),
    "SOL": ("solana",),
    "XRP": ("xrp", "ripple"),
    "ADA": ("cardano",),
    "DOGE": ("dogecoin", "doge"),
    "LTC": ("litecoin", "ltc"),
    "LINK": ("chainlink",),
    "DOT": ("polkadot",),
    "AVAX": ("avalanche", "avax"),
    "MATIC": ("polygon", "matic"),
    "TRX": ("tron", "trx"),
    "ATOM": ("cosmos",),
    "UNI": ("uniswap",),
    "NEAR": ("near protocol",),
    "FTM": ("fantom", "ftm"),
    "SHIB": ("shiba inu", "shib"),
}
"""Names by which people call a coin, in any case. Its ticker counts in capitals, or with a dollar sign."""

_MARKET = re.compile(
    r"\b(crypto|cryptocurrenc(?:y|ies)|altcoins?|digital assets?|stablecoins?|defi|web3)\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"[a-z][a-z'-]*")


class LexiconScorer:
    """Scores the title; the body counts only when there is no title. Deterministic and fast.

    Args:
        coins: base assets to look for; one without an alias is found by its ticker in capitals.
    """

    version = "lexicon-1"

    def __init__(self, coins: tuple[str, ...]) -> None:
        self._patterns = {coin: _pattern(coin) for coin in coins}
        self._begun_by: dict[str, set[str]] = {}
        for coin in coins:
            for name in (coin, *ALIASES.get(coin, ())):
                self._begun_by.setdefault(name.split()[0].casefold(), set()).add(coin)

    def scored(self, headline: Headline) -> NewsItem:
        text = (headline.title or headline.body).replace("\x00", "")  # No database keeps one in a text.
        return NewsItem(
            headline.id, headline.published_at, headline.first_seen_at, headline.source, text[:300],
            headline.coins or self.coins(text), sentiment(text), headline.simulated,
        )  # fmt: skip

    def coins(self, text: str) -> tuple[str, ...]:
        """The coins a text names, in their order; MARKET_WIDE when it speaks of crypto and names none."""
        words = {word.casefold() for word in _WORD.findall(text)}
        likely = [coin for word in words & self._begun_by.keys() for coin in self._begun_by[word]]
        named = {coin for coin in likely if self._patterns[coin].search(text)}
        found = tuple(coin for coin in self._patterns if coin in named)
        return found or ((MARKET_WIDE,) if _MARKET.search(text) else ())


def sentiment(text: str) -> float:
    """How a text sounds, in (-1, 1): the weighted words' sum, squeezed; 0 when no word is known."""
    total = 0.0
    flip, negated, factor, intense = 1.0, 0, 1.0, 0
    for token in _TOKEN.findall(text.lower().replace("’", "'")):
        weight = WEIGHTS.get(token)
        if token in _NEGATIONS:
            flip, negated = -0.7, _REACH
        elif token in _INTENSE:
            factor, intense = _INTENSE[token], _REACH
        if weight is not None and token not in _NEGATIONS:
            total += weight * (flip if negated else 1.0) * (factor if intense else 1.0)
        if token not in _NEGATIONS:
            negated = max(0, negated - 1)
        if token not in _INTENSE:
            intense = max(0, intense - 1)
    return total / (abs(total) + 2.0)


def _pattern(coin: str) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in ALIASES.get(coin, ()))
    ticker = rf"\${coin.lower()}\b|\${coin}\b|\b{coin}\b"
    loose = rf"(?i:\b(?:{names})\b)|" if names else ""
    return re.compile(loose + ticker)

"""The sandbox's news: some headlines lead a jump, some follow it, many belong to nothing at all."""

from collections.abc import Iterator, Sequence

from cryptopilot.domain.news import MARKET_WIDE, Headline
from cryptopilot.rules.arithmetic import draw31
from cryptopilot.simulation.sandbox import SandboxMarket

_LEADS, _NOISE, _TEXT, _DELAY = range(20, 24)
_LONGEST_LEAD = 3
_SOURCE = "Sandbox Wire"

_GOOD = (
    "{} surges as large buyers accumulate",
    "{} wins approval for a long awaited upgrade",
    "Major exchange adds {} after strong demand",
    "{} rallies on record inflows",
    "Partnership boosts {} adoption",
)
_BAD = (
    "{} plunges as liquidations spread",
    "Exploit reported in a {} application, funds drained",
    "Regulator opens probe into {} issuers",
    "{} drops after large holders dump",
    "Outage halts {} transfers",
)
_IDLE = (
    "Developers discuss the {} roadmap",
    "{} community meets for its yearly conference",
    "What analysts expect of {} this quarter",
    "Survey: how people use {}",
)
_MARKET = {
    1: ("Crypto market rallies across the board", "Strong inflows boost digital assets"),
    -1: ("Crypto market tumbles as fear spreads", "Selloff hits digital assets"),
}


class SandboxNews:
    """A `NewsSource` that knows the sandbox's jumps. Every item says that it is simulated."""

    name = "sandbox-news"

    def __init__(self, market: SandboxMarket, seed: int) -> None:
        self._market, self._seed = market, seed

    def seen(self, after: int, until: int) -> Sequence[Headline]:
        step = self._market.timeframe_ms
        items = [i for bar in range(after // step, until // step + 1) for i in self._of_bar(bar)]
        return sorted((i for i in items if after < i.first_seen_at <= until), key=lambda i: (i.first_seen_at, i.id))

    def _of_bar(self, bar: int) -> Iterator[Headline]:
        """The headlines that appear while a bar is open."""
        together = 0
        for number, symbol in enumerate(self._market.symbols):
            coin = symbol.partition("/")[0]
            for lead in range(_LONGEST_LEAD + 1):
                jump = float(self._market.jumps(bar + lead)[number])
                if jump and self._drawn(_LEADS, number, bar + lead, 0) % 5 == lead:
                    yield self._headline(bar, number, coin, _GOOD if jump > 0 else _BAD)
            jump = float(self._market.jumps(bar)[number])
            together += (jump > 0) - (jump < 0)
            if self._drawn(_NOISE, number, bar, 0) % 150 == 0:
                yield self._headline(
                    bar, number, coin, (_GOOD, _BAD, _IDLE, _IDLE)[self._drawn(_NOISE, number, bar, 1) % 4]
                )
        if abs(together) > len(self._market.symbols) // 2:
            yield self._headline(bar, 99, MARKET_WIDE, _MARKET[1 if together > 0 else -1])

    def _headline(self, bar: int, number: int, coin: str, texts: Sequence[str]) -> Headline:
        text = texts[self._drawn(_TEXT, number, bar, 0) % len(texts)].format(coin)
        step = self._market.timeframe_ms
        published = bar * step + self._drawn(_DELAY, number, bar, 0) % (step // 2)
        seen = published + self._drawn(_DELAY, number, bar, 1) % (step // 4)
        return Headline(f"sandbox-{bar}-{number}", published, seen, _SOURCE, text, "", (coin,), simulated=True)

    def _drawn(self, stream: int, symbol: int, bar: int, number: int) -> int:
        return draw31(self._seed, stream, symbol, bar, number)

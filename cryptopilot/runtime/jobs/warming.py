"""The worker that compiles what backtests run before anybody asks: ``python -m cryptopilot.runtime.jobs.warming``.

It runs the smallest of backtests on made-up candles, so that whatever a real one compiles is in the home's cache.
"""

from pathlib import Path
from typing import Any

import msgspec

from cryptopilot.domain.timeframe import HOUR
from cryptopilot.research.history import History, history_of
from cryptopilot.research.predictions import predict
from cryptopilot.runtime.backtesting import KERNELS, Prepared, run_once, setting_of
from cryptopilot.runtime.jobs.errand import Limits, Line
from cryptopilot.runtime.jobs.worker import settle
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.wiring import MODELS, fading, one_quote, scorer_for
from cryptopilot.simulation.costs import PAPER
from cryptopilot.simulation.headlines import SandboxNews
from cryptopilot.simulation.sandbox import SandboxMarket

SYMBOLS = ("BTC/USDT", "ETH/USDT")
BEGINS = 1_640_995_200_000
"""2022-01-01T00:00:00Z; any time would do."""
DECIDED = 24
"""Instants that are decided; compiling takes seconds, these nothing."""


def main() -> None:
    """Fill the cache of the home that the server names."""
    text, answers = settle(Limits())
    kernels = warm(Path(msgspec.json.decode(text, type=str)))
    answers.write(msgspec.json.encode(Line(figures={"kernels": kernels})) + b"\n")


def warm(home: Path) -> int:
    """Compile into a home's cache what is not there yet; how many kernels it holds then."""
    cache, history = home / KERNELS, made_up()
    settings = load_settings(CRYPTOPILOT_HOME=home)
    predictions = predict(history, MODELS, fading(history.timeframe_ms), cache)
    prepared = Prepared(history, predictions, one_quote(history.instruments), cache)
    for strategy in ("ensemble", "trend"):  # One that decides by prediction, one that wishes.
        tried: Any = settings.model_copy(update={"strategy": strategy})
        run_once(prepared, setting_of(prepared, tried, PAPER))
    return sum(1 for _ in cache.rglob("*.nbc"))


def made_up() -> History:
    """A day of the sandbox, with the history before it."""
    market = SandboxMarket(1, SYMBOLS, HOUR, BEGINS)
    news = (SandboxNews(market, 1),)
    return history_of(market, news, scorer_for(market.instruments), BEGINS + DECIDED * HOUR)


if __name__ == "__main__":
    main()

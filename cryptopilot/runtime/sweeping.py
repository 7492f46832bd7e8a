"""From a space and a question to its sweep: every combination with no limit asked, the best again with all of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import atoms, money
from cryptopilot.research.backtest import Setting, backtest
from cryptopilot.research.history import History, history_of
from cryptopilot.research.manifest import Manifest, manifest
from cryptopilot.research.outcomes import outcome_of
from cryptopilot.research.plain import Json, plain
from cryptopilot.research.search.documents import settings as typed
from cryptopilot.research.statistics import Statistics, statistics
from cryptopilot.research.sweep.declared import wish_table
from cryptopilot.research.sweep.space import space_of
from cryptopilot.research.sweep.sweeping import Found, Summary, Sweep, summarised
from cryptopilot.runtime.backtesting import KERNELS, Question, asked_of, hashes
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.wiring import one_quote, scorer_for
from cryptopilot.simulation.costs import LEVELS, at_level, fee_of

EXPECTED = next(level for level in LEVELS if level.name == "expected")
"""The level of costs that a sweep is under: what paper trading assumes."""


class Winner(NamedTuple):
    """One of the best: what the sweep found, and the statistics of its run in full, as the best of all that ran."""

    found: Found
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep and its winners, best first by *objective*; *seconds* from reading to the last winner's run."""

    name: str
    symbol: str
    quote: str
    objective: str
    summary: Summary
    winners: tuple[Winner, ...]
    manifest: Manifest
    seconds: float

    def document(self) -> dict[str, Json]:
        """What programs read of it."""
        return {
            "manifest": self.manifest.as_json(),
            "seconds": self.seconds,
            "symbol": self.symbol,
            "objective": self.objective,
            "trials": self.summary.trials,
            "traded": self.summary.traded,
            "sharpe_variance": plain(self.summary.sharpe_variance),
            "winners": [self._winner(winner) for winner in self.winners],
        }

    def lines(self) -> Iterator[str]:
        """What people read of it."""
        counts = f"{self.summary.trials} combinations, {self.summary.traded} of them traded"
        yield f"{self.name} over {self.symbol}: {counts}; the best by {self.objective}"
        for number, (found, full) in enumerate(self.winners, start=1):
            free, luck = found.figures, full.significance
            yield f"{number:>3}  {typed({n: _short(v) for n, v in found.values.items()})}"
            yield (
                f"     no limit asked: {money(free.equity, self.quote):.2f} {self.quote}, sharpe {free.sharpe:.2f}, "
                f"{free.trades} trades, {free.won} won, deepest fall {free.drawdown:.2%}"
            )
            yield (
                f"     all limits asked: {full.account.final:.2f} {self.quote}, sharpe {full.returns.sharpe:.2f}, "
                f"{full.trades.closed + full.trades.open} trades, {full.trades.won} won, deepest fall "
                f"{full.drawdowns.deepest:.2%}; probability of skill {luck.deflated:.2f} as the best of {luck.trials}"
            )

    def _winner(self, winner: Winner) -> Json:
        figures = winner.found.figures
        return {
            "parameters": plain(dict(winner.found.values)),
            "no_limit_asked": {
                "equity": f"{money(figures.equity, self.quote):f}",
                **{name: plain(value) for name, value in figures._asdict().items() if name != "equity"},
            },
            "statistics": winner.statistics.as_json(),
        }


def swept(
    question: Question,
    document: object,
    objective: str,
    top: int,
    told: Callable[[int, int], None] = lambda _, __: None,
) -> Swept:
    """Run a whole sweep.

    Args:
        question: the data, one symbol, the mandate and the fee; its strategy is not asked.
        document: the space, as `research.sweep.space.space_of` takes it.
        told: how many combinations have run, and of how many.
    Raises:
        InvalidValueError, DataFileError, UnknownSymbolError: the space, the question or the data is wrong.
    """
    began = time.perf_counter()
    space, asked = space_of(document), asked_of(question)
    if len(asked["symbols"]) != 1:
        raise InvalidValueError("--symbols", ",".join(asked["symbols"]), "one symbol")
    history, setting = _prepared(question, asked)
    sweep = Sweep(space, history, asked["symbols"][0], setting)
    summary = summarised(sweep, objective, top, lambda run: told(run, space.combinations))
    winners = tuple(_again(sweep, history, setting, found, summary) for found in summary.best)
    made = _manifest(question, asked, history, setting, document)
    seconds = time.perf_counter() - began
    return Swept(space.declaration.name, sweep.symbol, setting.quote, objective, summary, winners, made, seconds)


def _prepared(question: Question, asked: dict[str, Any]) -> tuple[History, Setting]:
    """The candles, without news, which no declaration asks about; and the mandate under the expected costs."""
    settings, candles = question.settings, open_market(asked).candles
    history = history_of(candles, (), scorer_for(candles.instruments))
    costs = at_level(EXPECTED, fee_of(question.fee), history.timeframe_ms, question.latency_ms)
    quote = one_quote(history.instruments)
    cache = settings.home / KERNELS
    return history, Setting(settings.mandate(), costs, atoms(settings.capital, quote), quote, cache=cache)


def _again(sweep: Sweep, history: History, setting: Setting, found: Found, summary: Summary) -> Winner:
    """One combination through the full driver, with every limit."""
    declared = sweep.space.declaration
    wishes = wish_table(history, sweep.symbol, declared.bound(found.values), sweep.shelf)
    run = backtest(history, setting, wishes=wishes)
    outcome = outcome_of(run, history, EXPECTED.name, setting.quote, declared.name)
    return Winner(found, statistics(outcome, summary.trials, summary.sharpe_variance))


def _manifest(
    question: Question, asked: dict[str, Any], history: History, setting: Setting, document: Any
) -> Manifest:  # fmt: skip
    return manifest(
        inputs=hashes(asked), strategy="sweep", parameters=document, mandate=setting.mandate,
        costs={EXPECTED.name: setting.costs._asdict()}, symbols=history.symbols, timeframe=asked["timeframe"],
        begins_at=int(history.instants[history.begins]), ends_at=int(history.instants[-1]),
        capital=question.settings.capital, quote=setting.quote, seed=question.seed,
    )  # fmt: skip


def _short(value: float) -> float:
    return int(value) if value.is_integer() else value

"""From a question to its report: would this have worked?"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cryptopilot.adapters.exchanges.recorded import RecordedMarket, Recording, candle_path
from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import atoms
from cryptopilot.domain.timeframe import iso, timeframe_ms
from cryptopilot.ports.strategy import Columns
from cryptopilot.research import report
from cryptopilot.research.backtest import NO_FINER, Run, Setting, backtest
from cryptopilot.research.history import History, Ints, finer_bars, history_of
from cryptopilot.research.layout import WishTable
from cryptopilot.research.lookahead import require_honest
from cryptopilot.research.manifest import Manifest, manifest
from cryptopilot.research.notes import notes_of
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.outcomes import outcome_of
from cryptopilot.research.predictions import Predictions, predict
from cryptopilot.research.statistics import Statistics, statistics
from cryptopilot.research.wishing import Confirming, columns_of, table_of, wishes_of
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.runtime.markets import Choice, drawn, open_market, spec
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.strategies import file_of
from cryptopilot.runtime.wiring import MODELS, fading, one_quote, scorer_for, strategy_of
from cryptopilot.simulation.costs import LEVELS, at_level, fee_of

KERNELS = "kernels"
"""The folder of the home in which compiled rules are kept."""

Progress = Callable[[str, float], None]
"""Told what is being done, and the share of all that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of history.

    Args:
        settings: of the server, whose limits hold here too; market is a replay, capital and strategy are there as well.
        choice: exchange and stretch; fee: a fraction, or a venue with a tier; latency_ms: of an order, as expected.
        finer: a timeframe whose bars say which of stop and target came first; paper trading, like the empty text,
            takes the stop.
        seed: of the places at which the future is replaced by noise.
        trials: how many settings have been tried so far; sharpe_variance: of their annual Sharpe ratios.
    """

    settings: Settings
    choice: Choice
    fee: str = "binance"
    latency_ms: int = 0
    finer: str = ""
    seed: int = 1
    trials: int = 1
    sharpe_variance: float = UNKNOWN


@dataclass(frozen=True)
class Prepared:
    """History and what is believed over it: everything that a run needs but its mandate and its costs."""

    history: History
    predictions: Predictions
    quote: str
    cache: Path
    finer: Ints = field(default_factory=lambda: NO_FINER)

    @cached_property
    def columns(self) -> Mapping[str, Columns]:
        """What a strategy is shown, by symbol."""
        return columns_of(self.history, self.predictions)


@dataclass(frozen=True, slots=True)
class Answer:
    """The runs at every level of costs, what they were made from, and how long they took in seconds."""

    runs: tuple[tuple[Outcome, Statistics], ...]
    manifest: Manifest
    seconds: float

    @property
    def expected(self) -> tuple[Outcome, Statistics]:
        """The run whose costs are those that paper trading assumes."""
        return next(run for run in self.runs if run[0].costs == "expected")

    def text(self) -> str:
        return report.text(self.runs, self.manifest)

    def html(self) -> str:
        return report.html(self.runs, self.manifest)

    def document(self, most_points: int | None = None) -> dict[str, Any]:
        """The whole of it; *most_points* of the equity, every instant unless given."""
        return report.document(self.runs, self.manifest, self.seconds, most_points)


def answer(question: Question, progress: Progress = lambda _, __: None) -> Answer:
    """Run what is asked at every level of costs.

    Raises:
        DataFileError, InvalidValueError, UnknownSymbolError: the data or the question is wrong; names file or field.
        StrategyError: the strategy cannot be had, fails, or looks ahead.
    """
    began = time.perf_counter()
    progress("reading", 0.0)
    asked = asked_of(question)
    prepared = prepare(asked, question.settings, question.finer, progress)
    strategy = strategy_of(question.settings.mandate())
    wishes = None
    if isinstance(strategy, Chosen):
        progress("looking for lookahead", 0.3)
        wishes = table_of(prepared.history, require_honest(strategy, prepared.columns, seed=question.seed))
    progress("running", 0.4)
    runs = []
    for number, level in enumerate(LEVELS):
        costs = at_level(level, fee_of(question.fee), prepared.history.timeframe_ms, question.latency_ms)
        run = run_once(prepared, setting_of(prepared, question.settings, costs), wishes)
        outcome = outcome_of(run, prepared.history, level.name, prepared.quote, strategy.name)
        notes = notes_of(prepared.history, run, outcome, question.settings.mandate())
        outcome = replace(outcome, notes=notes)
        runs.append((outcome, statistics(outcome, question.trials, question.sharpe_variance)))
        progress("running", 0.4 + 0.5 * (number + 1) / len(LEVELS))
    made = manifest_of(question, asked, prepared)
    return Answer(tuple(runs), made, time.perf_counter() - began)


def asked_of(question: Question) -> dict[str, Any]:
    """The replay that a question is about, from its first decision to its last instant.

    Raises:
        InvalidValueError: it is about no recording.
    """
    wanted = spec(question.settings, question.choice)
    if wanted["market"] != "replay":
        raise InvalidValueError("data", wanted["market"], "a folder of recorded candles")
    return drawn(wanted, None)


def prepare(
    asked: Mapping[str, Any], settings: Settings, finer: str = "", progress: Progress = lambda _, __: None
) -> Prepared:
    """Read and predict what *asked*, a replay's spec, describes.

    Args:
        finer: another timeframe to read too; none where empty.
    """
    market = open_market(asked)
    cache = settings.home / KERNELS
    history = history_of(market.candles, market.news, scorer_for(market.candles.instruments))
    _require_candles(history)
    progress("predicting", 0.15)
    predictions = predict(history, MODELS, fading(history.timeframe_ms), cache)
    inner = _finer(asked, history, finer) if finer else NO_FINER
    return Prepared(history, predictions, one_quote(history.instruments), cache, inner)


def _require_candles(history: History) -> None:
    """A stretch without any candle would be shown as days of an idle account."""
    known = np.flatnonzero(history.present.any(axis=1))
    first = int(history.instants[known[0]]) if len(known) else None
    if first is None or first > int(history.instants[history.begins]):
        asked = iso(int(history.instants[history.begins]))
        raise InvalidValueError("from", asked, f"{iso(first)} or later: the first candle" if first else "none is there")


def _finer(asked: Mapping[str, Any], history: History, finer: str) -> Ints:
    span = (asked["first_decision"], asked["last_instant"])
    recording = Recording(Path(asked["folder"]), asked["exchange"], finer, tuple(asked["symbols"]), *span)
    return finer_bars(history, RecordedMarket(recording, history.instruments).grids(), timeframe_ms(finer))


def setting_of(prepared: Prepared, settings: Settings, costs: Any) -> Setting:
    """The mandate and capital of *settings* under some costs."""
    capital = atoms(settings.capital, prepared.quote)
    return Setting(settings.mandate(), costs, capital, prepared.quote, cache=prepared.cache, finer=prepared.finer)


def run_once(prepared: Prepared, setting: Setting, wishes: WishTable | None = None) -> Run:
    """One run of the mandate's strategy.

    Args:
        wishes: of that strategy over columns, where they are known already.
    Raises:
        StrategyError: it fails, in `signals` or in a callback.
    """
    strategy = strategy_of(setting.mandate)
    if not isinstance(strategy, Chosen):
        return backtest(prepared.history, setting, predictions=prepared.predictions)
    if any(strategy.callbacks):
        setting = replace(setting, confirm=Confirming(strategy, prepared.history, prepared.quote))
    if wishes is None:
        wishes = wishes_of(strategy, prepared.history, prepared.columns)
    return backtest(prepared.history, setting, wishes=wishes)


def manifest_of(question: Question, asked: Mapping[str, Any], prepared: Prepared) -> Manifest:
    """What the runs were made from."""
    settings, history = question.settings, prepared.history
    fee = fee_of(question.fee)
    costs = {level.name: at_level(level, fee, history.timeframe_ms, question.latency_ms)._asdict() for level in LEVELS}
    mandate, inputs = settings.mandate(), hashes(asked)
    if question.finer:
        inputs |= hashes({**asked, "timeframe": question.finer})
    file = file_of(mandate.strategy)
    if file is not None:
        inputs[file.name] = _sha256(file)
    return manifest(
        inputs=inputs, strategy=strategy_of(mandate).name, parameters=json.loads(mandate.parameters),
        mandate=mandate, costs=costs, symbols=history.symbols, timeframe=asked["timeframe"],
        begins_at=int(history.instants[history.begins]), ends_at=int(history.instants[-1]), capital=settings.capital,
        quote=prepared.quote, seed=question.seed,
    )  # fmt: skip


def hashes(asked: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of every file that a replay reads, by its path within the folder."""
    folder = Path(asked["folder"])
    files = [candle_path(folder, asked["exchange"], symbol, asked["timeframe"]) for symbol in asked["symbols"]]
    files += [*sorted((folder / "news").glob("*.parquet")), *sorted((folder / "market").glob("fear-greed*.csv"))]
    files += [path for path in (folder / "instruments.json",) if path.is_file()]
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""A backtest as something to search: a task says all that a run depends on, and a worker keeps what it has opened.

A task carries no settings: they hold secrets, and tasks go to other machines. Folders and strategy files have the
same names there; kernels are kept in the worker's own home.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cryptopilot.agents.strategies.chosen import Chosen
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import atoms
from cryptopilot.domain.mandate import Mandate
from cryptopilot.ports.parameters import Parameter, Value, complete
from cryptopilot.research.backtest import Setting
from cryptopilot.research.lookahead import require_honest
from cryptopilot.research.outcome import Outcome
from cryptopilot.research.outcomes import outcome_of
from cryptopilot.research.plain import canonical, plain
from cryptopilot.research.search.measures import measured
from cryptopilot.research.windows import Span
from cryptopilot.rules.fills import Costs
from cryptopilot.runtime.backtesting import Answer, Prepared, Question, answer, asked_of, manifest_of, prepare, run_once
from cryptopilot.runtime.search import Experiment
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.wiring import strategy_of
from cryptopilot.simulation.costs import LEVELS, at_level, fee_of

ENSEMBLE = (
    Parameter.number("min_confidence_threshold", 0.7, 0.3, 0.95, step=0.05, words="how decisive a prediction must be"),
    Parameter.number("stop_loss_percentage", 0.02, 0.005, 0.1, step=0.005, words="the stop, a fraction of the entry"),
    Parameter.number("take_profit_percentage", 0.04, 0.01, 0.3, step=0.01, words="the target, a fraction of the entry"),
)
"""What is searched where predictions decide: settings, by their names, because the ensemble has no parameters."""

KEPT = 4
"""How many spans a worker keeps: those of a walk's window and the one before it."""


class Replay(NamedTuple):
    """A stretch of a folder of recorded candles: decisions from *begin*, included, to *end*, excluded; ms UTC."""

    folder: str
    exchange: str
    timeframe: str
    symbols: tuple[str, ...]
    step_ms: int
    begin: int
    end: int

    def asked(self) -> dict[str, Any]:
        """As `runtime.markets` takes it."""
        return {
            "market": "replay", "folder": self.folder, "exchange": self.exchange, "timeframe": self.timeframe,
            "symbols": list(self.symbols), "first_decision": self.begin, "last_instant": self.end - self.step_ms,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One run: over what, by whose rules, under which costs, with which capital in atoms."""

    replay: Replay
    mandate: Mandate
    level: str
    costs: Costs
    capital: int


def run(task: Task) -> Outcome:
    """The whole of a task's run.

    Raises:
        DataFileError, StrategyError: the data cannot be read here; the strategy fails.
    """
    return run_over(_prepared(task.replay), task)


def run_over(prepared: Prepared, task: Task) -> Outcome:
    """A task's run over what its replay holds."""
    setting = Setting(task.mandate, task.costs, task.capital, prepared.quote, cache=prepared.cache)
    name = strategy_of(task.mandate).name
    return outcome_of(run_once(prepared, setting), prepared.history, task.level, prepared.quote, name)


def evaluate(task: Task) -> dict[str, float]:
    """The figures of a task's run, by name."""
    return measured(run(task))


def experiment(question: Question, level: str = "expected") -> Experiment[Task]:
    """What *question* asks, to be searched over the parameters that it leaves open.

    It is looked at for lookahead and run once as it is: what would fail every trial fails here, by its name, and
    workers find the kernels compiled.

    Args:
        level: under which of the levels of costs.
    Raises:
        InvalidValueError: there is no such level, or no parameter is left. NotFoundError, StrategyError: of the
            strategy, which may look ahead, too. DataFileError: of the data.
    """
    settings = question.settings
    asked = asked_of(question)
    prepared = prepare(asked, settings)
    step, decided = prepared.history.timeframe_ms, prepared.history.instants[prepared.history.begins :]
    whole = Replay(
        asked["folder"], asked["exchange"], asked["timeframe"], tuple(asked["symbols"]), step, int(decided[0]),
        int(decided[-1]) + step,
    )  # fmt: skip
    parameters, strategy = open_parameters(settings), strategy_of(settings.mandate())
    if isinstance(strategy, Chosen):
        require_honest(strategy, prepared.columns, seed=question.seed)
    costs = at_level(_level(level), fee_of(question.fee), step, question.latency_ms)
    capital = atoms(settings.capital, prepared.quote)

    def task_of(values: Mapping[str, Value], span: Span, begins_with: int | None) -> Task:
        replay = whole._replace(begin=span.begin, end=span.end)
        mandate = with_values(settings, values).mandate()
        return Task(replay, mandate, level, costs, capital if begins_with is None else begins_with)

    def again(values: Mapping[str, Value], trials: int, sharpe_variance: float) -> Answer:
        chosen = replace(question, settings=with_values(settings, values), trials=trials)
        return answer(replace(chosen, sharpe_variance=sharpe_variance))

    return Experiment(
        strategy=strategy.name,
        parameters=parameters,
        subject=_subject(question, asked, prepared, level),
        span=Span(whole.begin, whole.end),
        timeframe_ms=step,
        longest_ms=settings.mandate().geometry.longest_ms,
        defaults=measured(run_over(prepared, Task(whole, settings.mandate(), level, costs, capital))),
        task_of=task_of,
        evaluate=evaluate,
        run=run,
        again=again,
    )


def open_parameters(settings: Settings) -> tuple[Parameter, ...]:
    """What is searched: the strategy's parameters, but for those that the settings give a value.

    Raises:
        InvalidValueError: none is left.
    """
    strategy = strategy_of(settings.mandate())
    fixed = json.loads(settings.strategy_parameters)
    there = strategy.parameters if isinstance(strategy, Chosen) else ENSEMBLE
    left = tuple(parameter for parameter in there if parameter.name not in fixed)
    if not left:
        raise InvalidValueError("--parameters", settings.strategy_parameters, "some left open, to be searched")
    return left


def with_values(settings: Settings, values: Mapping[str, Value]) -> Settings:
    """The settings with these values of what is searched."""
    if isinstance(strategy_of(settings.mandate()), Chosen):
        given = {**json.loads(settings.strategy_parameters), **values}
        return settings.model_copy(update={"strategy_parameters": canonical(plain(given))})
    return settings.model_copy(update=complete(ENSEMBLE, {**_of(settings), **values}))


def _of(settings: Settings) -> dict[str, Value]:
    return {p.name: getattr(settings, p.name) for p in ENSEMBLE}


def _subject(question: Question, asked: Mapping[str, Any], prepared: Prepared, level: str) -> dict[str, Any]:
    """Everything that a run depends on but the parameters searched: what a manifest says, and the level of costs."""
    said = manifest_of(question, asked, prepared).as_json()
    version = strategy_of(question.settings.mandate()).version
    without = {name: value for name, value in said.items() if name not in ("id", "costs", "parameters", "seed")}
    fixed = json.loads(question.settings.strategy_parameters)
    costs = said["costs"]
    assert isinstance(costs, dict)
    return {**without, "strategy_version": version, "fixed": fixed, "level": level, "costs": costs[level]}


def _level(name: str) -> Any:
    found = next((level for level in LEVELS if level.name == name), None)
    if found is None:
        raise InvalidValueError("--costs", name, ", ".join(level.name for level in LEVELS))
    return found


@functools.lru_cache(maxsize=KEPT)
def _prepared(replay: Replay) -> Prepared:
    return prepare(replay.asked(), load_settings())

"""What Prometheus scrapes: read from the service at that moment, on a registry of its own; docs/operations.md lists it.

What is not known is absent, never NaN. Labels take their values from symbols, rules, stages, sources and models, all of
which are few.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from cryptopilot import __version__
from cryptopilot.domain.instrument import money
from cryptopilot.runtime.latency import LEVELS, quantiles
from cryptopilot.runtime.service import PipelineService

Family = CounterMetricFamily | GaugeMetricFamily | InfoMetricFamily


def exposition(service: PipelineService, extra: Iterable[Collector] = ()) -> bytes:
    """The metrics of an open service, and those of *extra* collectors, in Prometheus' text format."""
    registry = CollectorRegistry()
    for collector in (ServiceCollector(service), *extra):
        registry.register(collector)
    return generate_latest(registry)


class ServiceCollector(Collector):
    """Reads an open service whenever it is scraped."""

    def __init__(self, service: PipelineService) -> None:
        self._service = service

    def collect(self) -> Iterator[Family]:
        """Every family, with its help, whether or not it has a value yet."""
        status = self._service.status()
        yield from _identity(status)
        yield from self._decisions()
        yield from self._trades(status)
        yield from _standing(status)
        yield from self._stages(status)
        yield from self._instants()
        yield from self._inputs()
        yield from self._health(status)

    def _decisions(self) -> Iterator[Family]:
        funnel = self._service.recent.funnel
        yield _counts("signals", "Signals raised, HOLDs included.", "type", funnel.signals)
        yield _counts("refusals", "Orders that the review refused, by the rule.", "rule", funnel.refusals)

    def _trades(self, status: Mapping[str, Any]) -> Iterator[Family]:
        closed, won = status["stats"]["total_trades"], status["stats"]["successful_trades"]
        mean, quote = self._service.performance.now.total.expectancy, self._service.assembly.quote
        in_quote = None if mean is None else float(money(mean, quote))
        yield _count("trades", "Trades closed.", closed)
        yield _count("trades_won", "Trades closed with a profit, every fee included.", won)
        yield _gauge("trade_success_ratio", "Trades won over trades closed.", won / closed if closed else None)
        yield _gauge("trade_mean_pnl", "Mean result of a closed trade, in quote currency.", in_quote)

    def _stages(self, status: Mapping[str, Any]) -> Iterator[Family]:
        agents = status["agents"].items()
        for name, key, about in (
            ("stage_runs", "execution_count", "Turns in which a stage handled an instant."),
            ("stage_skips", "skipped_count", "Turns in which a stage found no instant to handle."),
            ("stage_errors", "error_count", "Turns in which a stage failed."),
        ):
            yield _counts(name, about, "stage", {stage: agent[key] for stage, agent in agents})
        about = "How long stages, whole instants and commits took, over the newest 2,000 runs."
        family = GaugeMetricFamily("cryptopilot_stage_latency_seconds", about, labels=["stage", "quantile"])
        for stage, found in quantiles(self._service.assembly.pipeline.latency).items():
            if found is not None:
                for level, took_ms in zip(LEVELS, found, strict=True):
                    family.add_metric([str(stage), f"{level:g}"], took_ms / 1000)
        yield family

    def _instants(self) -> Iterator[Family]:
        handled, late = self._service.punctuality()
        yield _count("instants", "Instants handled by this process.", handled)
        yield _count("instants_late", "Instants handled after the next one was due.", late)

    def _inputs(self) -> Iterator[Family]:
        inputs = list(self._ages())
        family = GaugeMetricFamily(
            "cryptopilot_input_age_seconds",
            "Market time since a symbol's last bar closed, or a news source last answered.",
            labels=["kind", "name"],
        )
        for known in inputs:
            if known.age_ms is not None:
                family.add_metric([known.kind, known.name], known.age_ms / 1000)
        yield family
        missing = sum(1 for known in inputs if known.age_ms is None)
        yield _gauge("inputs_missing", "Symbols and news sources of which nothing was ever heard.", missing)

    def _ages(self) -> Iterator["_Input"]:
        """Now is the last instant: made-up and recorded time waits for us (docs/decisions/0005)."""
        assembly = self._service.assembly
        now, view = assembly.pipeline.handled, assembly.view
        for symbol in view.symbols:
            yield _Input("mark", symbol, max(0, view.age_ms(symbol, now)) if view.mark(symbol) else None)
        for source, until in assembly.collector.news_known_until.items():
            yield _Input("news", source, None if until is None else max(0, now - until))

    def _health(self, status: Mapping[str, Any]) -> Iterator[Family]:
        assembly = self._service.assembly
        sources = (assembly.market.candles.name, *assembly.collector.news_known_until)
        models = (model.name for model in assembly.predictor.card.models)
        yield _gauge("pipeline_started", "1 while the stages decide.", int(status["is_running"]))
        yield _gauge("journal_away", "1 while facts wait for the database.", int(assembly.pipeline.journal_away))
        yield _flags("source_failing", "1 while a source does not answer.", "source", sources, status["source_errors"])
        yield _flags("model_failing", "1 while a model abstains for an error.", "model", models, status["model_errors"])


class _Input(NamedTuple):
    """Something that decisions are made from, and how old it is; None while nothing has come of it."""

    kind: str
    name: str
    age_ms: int | None


def _identity(status: Mapping[str, Any]) -> Iterator[Family]:
    build = {"version": __version__, "python": platform.python_version()}
    yield InfoMetricFamily("cryptopilot_build", "What is running.", build)
    market = {name: status[name] for name in ("market", "label", "mode", "timeframe")}
    market["quote"] = status["account"]["quote"]
    yield InfoMetricFamily("cryptopilot_market", "Which market, and what its figures are.", market)


def _standing(status: Mapping[str, Any]) -> Iterator[Family]:
    account, risk, stats = status["account"], status["risk"], status["stats"]
    for name, value, about in (
        ("pnl", stats["total_pnl"], "Profit or loss, in quote currency: equity less capital."),
        ("realised_pnl", stats["realised_pnl"], "What sales have realised, in quote currency, every fee included."),
        ("equity", account["equity"], "Cash and open positions at their marks, in quote currency."),
    ):
        yield _gauge(name, about, float(Decimal(value)))
    yield _gauge("drawdown_ratio", "How far equity is below its peak, as the limits see it.", risk["drawdown"])
    yield _gauge("daily_loss_ratio", "How far equity is below the day's base at midnight UTC.", risk["daily_loss"])
    yield _gauge("open_positions", "Positions held.", account["open_positions"])
    yield _gauge("halted", "1 while entries are halted by hand.", int(risk["state"] == "halted"))


def _gauge(name: str, about: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without labels; without a sample while the value is not known."""
    return GaugeMetricFamily(f"cryptopilot_{name}", about, value)


def _count(name: str, about: str, value: int) -> CounterMetricFamily:
    """A counter without labels."""
    return CounterMetricFamily(f"cryptopilot_{name}", about, value)


def _counts(name: str, about: str, label: str, values: Mapping[str, int]) -> CounterMetricFamily:
    """A counter with one label."""
    family = CounterMetricFamily(f"cryptopilot_{name}", about, labels=[label])
    for key, count in values.items():
        family.add_metric([key], count)
    return family


def _flags(name: str, about: str, label: str, every: Iterable[str], raised: Mapping[str, object]) -> GaugeMetricFamily:
    """1 for each of *every* that is *raised*, 0 for the others."""
    family = GaugeMetricFamily(f"cryptopilot_{name}", about, labels=[label])
    for key in every:
        family.add_metric([key], int(key in raised))
    return family

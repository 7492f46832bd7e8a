"""What Prometheus scrapes is what the service says, every metric explained and listed, nothing made up."""

import math
import re
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import REGISTRY, Collector

from cryptopilot import __version__
from cryptopilot.runtime.metrics import exposition
from cryptopilot.runtime.service import PipelineService
from tests.conftest import ROOT
from tests.unit.runtime.conftest import Traded

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scraped(service: PipelineService) -> Samples:
    """Values by metric, then by labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(exposition(service).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def single(samples: Samples, name: str) -> float:
    """The one value of a metric without labels."""
    return samples[f"cryptopilot_{name}"][()]


def labelled(samples: Samples, name: str, *labels: str) -> dict[str, float]:
    """Values by one or more labels' values, joined by a blank."""
    found = {}
    for key, value in samples[f"cryptopilot_{name}"].items():
        assert {label for label, _ in key} == set(labels)
        found[" ".join(dict(key)[label] for label in labels)] = value
    return found


def test_every_number_is_the_one_that_the_status_and_the_books_name(traded: Traded) -> None:
    service = traded.service
    samples, status, reader = scraped(service), service.status(), service.reader()
    closed = [t for t in reader.trades() if t.closed_at is not None]
    won = sum(t.realised > 0 for t in closed)
    assert labelled(samples, "signals_total", "type") == reader.funnel().signals
    assert labelled(samples, "refusals_total", "rule") == reader.funnel().refusals
    assert single(samples, "trades_total") == len(closed)
    assert single(samples, "trades_won_total") == won
    assert single(samples, "trade_success_ratio") == won / len(closed)
    assert single(samples, "trade_mean_pnl") == pytest.approx(sum(t.realised for t in closed) / len(closed) / 1e8)
    assert single(samples, "pnl") == float(status["stats"]["total_pnl"])
    assert single(samples, "realised_pnl") == float(status["stats"]["realised_pnl"])
    assert single(samples, "equity") == float(status["account"]["equity"])
    assert single(samples, "drawdown_ratio") == status["risk"]["drawdown"]
    assert single(samples, "daily_loss_ratio") == status["risk"]["daily_loss"]
    assert single(samples, "open_positions") == status["account"]["open_positions"]
    assert (single(samples, "instants_total"), single(samples, "instants_late_total")) == service.punctuality()
    for metric, name in (("runs", "execution_count"), ("skips", "skipped_count"), ("errors", "error_count")):
        counts = labelled(samples, f"stage_{metric}_total", "stage")
        assert counts == {stage: agent[name] for stage, agent in dict[str, Any](status["agents"]).items()}
    (build,) = samples["cryptopilot_build_info"]
    assert dict(build)["version"] == __version__
    (market,) = samples["cryptopilot_market_info"]
    assert dict(market) == {
        "market": "sandbox", "label": "SIMULATED", "mode": "paper", "timeframe": "5m", "quote": "USDT",
    }  # fmt: skip


def test_latencies_are_the_seconds_that_the_statistics_name_in_milliseconds(traded: Traded) -> None:
    found = labelled(scraped(traded.service), "stage_latency_seconds", "stage", "quantile")
    windows = traded.service.assembly.pipeline.latency
    assert set(found) == {f"{stage} {level}" for stage in windows for level in ("0.5", "0.95", "0.99")}
    for stage, took in windows.items():
        assert min(took) / 1000 <= found[f"{stage} 0.5"] <= found[f"{stage} 0.99"] <= max(took) / 1000


def test_every_input_has_its_age_by_the_markets_own_time(traded: Traded, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, symbols = traded.service.assembly.pipeline, traded.service.assembly.view.symbols
    inputs = {*(f"mark {symbol}" for symbol in symbols), "news sandbox-news"}
    assert labelled(scraped(traded.service), "input_age_seconds", "kind", "name") == dict.fromkeys(inputs, 0.0)
    monkeypatch.setattr(pipeline, "handled", pipeline.handled + 300_000)
    later = scraped(traded.service)
    assert labelled(later, "input_age_seconds", "kind", "name") == dict.fromkeys(inputs, 300.0)
    assert single(later, "inputs_missing") == 0


def test_an_input_that_never_spoke_is_counted_as_missing_and_has_no_age(
    traded: Traded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembly = traded.service.assembly
    monkeypatch.setattr(assembly.collector, "_news_until", {})
    monkeypatch.setattr(assembly.view, "_marks", {"BTC/USDT": assembly.view._marks["BTC/USDT"]})
    samples = scraped(traded.service)
    assert labelled(samples, "input_age_seconds", "kind", "name") == {"mark BTC/USDT": 0.0}
    assert single(samples, "inputs_missing") == len(assembly.view.symbols)  # All but one, and the news.


def test_what_is_wrong_is_a_one_where_it_is_wrong(traded: Traded, monkeypatch: pytest.MonkeyPatch) -> None:
    service, assembly = traded.service, traded.service.assembly
    healthy = scraped(service)
    assert single(healthy, "pipeline_started") == 1
    assert single(healthy, "journal_away") == single(healthy, "halted") == 0
    assert labelled(healthy, "source_failing", "source") == {"sandbox": 0, "sandbox-news": 0}
    assert set(labelled(healthy, "model_failing", "model").values()) == {0}

    monkeypatch.setattr(assembly.pipeline, "started", False)
    monkeypatch.setattr(type(assembly.pipeline), "journal_away", True)
    monkeypatch.setattr(assembly.trader.account, "halted", True)
    monkeypatch.setitem(assembly.collector.errors, "sandbox-news", "does not answer")
    monkeypatch.setitem(assembly.predictor.errors, "momentum", "its file is broken")
    ill = scraped(service)
    assert single(ill, "pipeline_started") == 0
    assert single(ill, "journal_away") == single(ill, "halted") == 1
    assert labelled(ill, "source_failing", "source") == {"sandbox": 0, "sandbox-news": 1}
    assert {m for m, failing in labelled(ill, "model_failing", "model").items() if failing} == {"momentum"}


def test_what_is_not_known_is_absent_and_nothing_is_nan(begin: Callable[[str], Traded], traded: Traded) -> None:
    with closing((fresh := begin("unscraped")).service):
        samples = scraped(fresh.service)
    assert {"cryptopilot_trade_success_ratio", "cryptopilot_trade_mean_pnl"}.isdisjoint(samples)
    stages = {dict(labels)["stage"] for labels in samples["cryptopilot_stage_latency_seconds"]}
    assert stages == {"commit"}  # That the pipeline was started has been written; no stage has run.
    assert single(samples, "trades_total") == 0
    for values in (*samples.values(), *scraped(traded.service).values()):
        assert all(math.isfinite(value) for value in values.values())


def test_every_exported_metric_is_listed_with_its_meaning_and_no_other(traded: Traded) -> None:
    listed = re.findall(r"^\| `(cryptopilot_\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    text = exposition(traded.service).decode()
    assert listed == re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert listed == re.findall(r"^# HELP (\S+) \S.*\.$", text, re.MULTILINE)


def test_the_alerts_ask_for_metrics_that_there_are(traded: Traded) -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    asked = set(re.findall(r"cryptopilot_\w+", " ".join(re.findall(r"^\s+expr: (.*)$", text, re.MULTILINE))))
    assert len(re.findall(r"^\s+expr: ", text, re.MULTILINE)) == 3
    assert asked <= set(scraped(traded.service))


def test_the_doors_own_collectors_stand_beside_ours_and_nothing_is_global(traded: Traded) -> None:
    class Door(Collector):
        def collect(self) -> Iterable[Metric]:
            yield GaugeMetricFamily("door_open", "Whether somebody is at the door.", 1)

    before = {family.name for family in REGISTRY.collect()}
    assert b"door_open 1.0" in exposition(traded.service, [Door()])
    assert b"door_open" not in exposition(traded.service)
    assert {family.name for family in REGISTRY.collect()} == before

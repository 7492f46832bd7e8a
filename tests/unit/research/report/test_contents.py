"""The JSON document holds what the page shows, and all of the trades."""

import json
from decimal import Decimal

from cryptopilot.domain.instrument import money
from cryptopilot.domain.timeframe import iso
from cryptopilot.quant.metrics import deepest_drawdown
from cryptopilot.research import report
from cryptopilot.research.plain import canonical
from tests.conftest import ROOT
from tests.fakes.backtests import a_manifest
from tests.unit.research.report.test_page import runs

PARTS = ("span", "account", "returns", "drawdowns", "trades", "activity", "market", "significance")


def test_it_has_its_documented_shape() -> None:
    some = runs()
    found = json.loads(json.dumps(report.document(some, a_manifest(), 1.5), allow_nan=False))
    assert list(found) == ["manifest", "seconds", "notes", "statistics", "trades", "refusals", "equity"]
    assert found["manifest"]["id"] == a_manifest().id
    assert found["statistics"] == {outcome.costs: figures.as_json() for outcome, figures in some}
    assert found["refusals"] == dict(some[1][0].refusals)


def test_seconds_alone_may_differ_between_two_runs_of_one_manifest() -> None:
    once, again = (report.document(runs(), a_manifest(), seconds) for seconds in (1.0, 2.0))
    assert canonical(once) != canonical(again)
    assert canonical({**once, "seconds": 0}) == canonical({**again, "seconds": 0})


def test_trades_are_all_there_with_money_as_text_and_times_in_utc() -> None:
    some = runs(trades=1500)
    found = json.loads(json.dumps(report.document(some, a_manifest(), 1.0)))["trades"]
    for written, trade in zip(found, some[1][0].trades, strict=True):
        assert (written["symbol"], written["reason"], Decimal(written["pnl"])) == (
            trade.symbol,
            trade.reason,
            trade.pnl,
        )
        assert (written["opened_at"], written["closed_at"]) == (iso(trade.opened_at), iso(trade.closed_at))


def test_the_curve_has_every_instant() -> None:
    some = runs(instants=5000)
    outcome = some[1][0]
    found = json.loads(json.dumps(report.document(some, a_manifest(), 1.0)))["equity"]
    assert [point["equity"] for point in found] == [f"{money(int(e), 'USDT'):f}" for e in outcome.equity]
    assert [point["buy_and_hold"] for point in found] == [f"{money(round(x), 'USDT'):f}" for x in outcome.market]
    assert [point["at"] for point in found] == [iso(int(at)) for at in outcome.instants]
    assert 0.0 <= max(point["drawdown"] for point in found) <= deepest_drawdown(outcome.equity).depth + 1e-12


def test_a_thinned_curve_keeps_its_ends_its_extremes_and_what_each_point_says() -> None:
    some = runs(instants=5000)
    outcome = some[1][0]
    whole, thin = (report.document(some, a_manifest(), 1.0, most)["equity"] for most in (None, 200))
    assert isinstance(whole, list)
    assert isinstance(thin, list)
    assert len(thin) <= 200
    places = [whole.index(point) for point in thin]
    assert places == sorted(places)
    assert {0, len(whole) - 1, int(outcome.equity.argmax()), int(outcome.equity.argmin())} <= set(places)


def test_the_guide_explains_every_field() -> None:
    guide = (ROOT / "docs" / "guide" / "backtest-report.md").read_text()
    document = json.loads(json.dumps(report.document(runs(), a_manifest(), 1.0)))
    figures = document["statistics"]["expected"]
    parts = [figures[name] for name in PARTS]
    explained = [document, document["manifest"], document["trades"][0], document["equity"][0], figures, *parts]
    explained += [figures["by_reason"]["stop"], figures["returns"]["best_month"]]
    assert {name for part in explained for name in part if f"`{name}`" not in guide} == set()

"""One instant is one event, one cascade and one transaction, rule by rule."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import JournalUnavailableError, ModelUnavailableError, OutOfOrderError
from cryptopilot.domain.events import (
    InstantDecided,
    Marked,
    OrderCancelled,
    OrderFilled,
    OrderIntended,
    ProtectionMoved,
)
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Evidence, Geometry
from cryptopilot.domain.stage import Stage
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.journal import Batch
from cryptopilot.rules import protection
from tests.fakes.house import House, OracleModel, a_house, a_mandate
from tests.fakes.market import ScriptedMarket, a_bar, at, wobbling
from tests.fakes.memory import MemoryJournal
from tests.fakes.oracle import assert_books_hold

NINE = tuple(f"{base}/USDT" for base in ("ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "LTC", "SOL", "XRP"))
BTC = "BTC/USDT"


def a_bullish_house(script: dict[str, Any], **options: Any) -> tuple[House, OracleModel]:
    """A house whose one model expects every symbol to rise."""
    oracle = OracleModel(dict.fromkeys(script, 0.5))
    options.setdefault("mandate", a_mandate())
    return a_house(script, models=[(oracle, 1.0)], **options), oracle


def intended(house: House) -> list[OrderIntended]:
    return [e for e in house.journal.events("default") if isinstance(e, OrderIntended)]


def fills(house: House) -> list[OrderFilled]:
    return [e for e in house.journal.events("default") if isinstance(e, OrderFilled)]


def cancellations(house: House) -> list[OrderCancelled]:
    return [e for e in house.journal.events("default") if isinstance(e, OrderCancelled)]


def refusals(house: House) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in house.journal.events("default"):
        if isinstance(event, InstantDecided):
            for rule, count in event.refusals.items():
                found[rule] = found.get(rule, 0) + count
    return found


def hold_books(house: House, mandate: Mandate) -> None:
    instruments = dict(house.assembly.instruments)
    assert_books_hold(house.journal.events("default"), house.assembly.trader.account, mandate.limits, instruments)


def test_nine_approvable_signals_and_a_limit_of_five_submit_exactly_five() -> None:
    house, _ = a_bullish_house(wobbling(NINE, 3))
    house.run(1)
    assert [o.order.symbol for o in intended(house)] == list(NINE[:5])
    assert refusals(house) == {"max_concurrent": 4}
    assert [f.symbol for f in fills(house)] == list(NINE[:5])
    hold_books(house, a_mandate())


def test_every_approval_reserves_its_cash_before_the_next_review() -> None:
    mandate = a_mandate(max_position=0.4, max_order=Decimal(4000), max_concurrent=9)
    house, _ = a_bullish_house(wobbling(NINE, 2), mandate=mandate)
    house.run(1)
    assert len(intended(house)) == 3  # 4,000 + 4,000 + what is left of 10,000.
    assert sum(o.reserved for o in intended(house)) <= 10_000 * 10**8
    assert refusals(house) == {"min_order": 6}
    hold_books(house, mandate)


def test_an_entry_fills_at_the_next_open_never_beyond_its_limit() -> None:
    house, _ = a_bullish_house(wobbling([BTC], 2))
    house.run(1)
    order, fill = intended(house)[0].order, fills(house)[0]
    mark = house.assembly.view.mark(BTC)
    assert order.limit_ticks == mark * 1005 // 1000
    assert mark < fill.ticks <= order.limit_ticks
    assert fill.at == at(0)


def test_an_entry_whose_market_gaps_beyond_the_limit_is_cancelled() -> None:
    script = wobbling([BTC], 3)
    script[BTC][at(1)] = a_bar(at(1), 10_200, open=10_100)
    house, _ = a_bullish_house(script)
    house.run(1)
    assert not fills(house)
    assert [c.why for c in cancellations(house)] == ["the price is worse than the limit"]
    assert house.assembly.trader.account.reservations == {}


def test_an_entry_without_a_bar_before_its_expiry_is_cancelled_at_the_next_instant() -> None:
    script = wobbling([BTC], 3)
    del script[BTC][at(1)]
    house, oracle = a_bullish_house(script)
    house.run(1)
    oracle.scores.clear()
    house.run(1)
    assert [(c.at, c.why) for c in cancellations(house)] == [(at(1), "no price before it expired")]
    assert house.assembly.trader.account.book().slots_taken == 0


def test_an_entry_takes_at_most_a_twentieth_of_the_bar_and_its_rest_is_cancelled() -> None:
    script = wobbling([BTC], 2)
    script[BTC][at(1)] = a_bar(at(1), 10_000, volume=1000)
    house, _ = a_bullish_house(script)
    house.run(1)
    fill = fills(house)[0]
    assert fill.lots == 50
    assert fill.done
    assert house.assembly.trader.account.orders == {}


def test_an_exit_waits_for_volume_over_several_bars() -> None:
    script = wobbling([BTC], 6)
    house, oracle = a_bullish_house(script)
    house.run(1)
    held = house.assembly.trader.account.positions[BTC].lots
    for i in (2, 3, 4):
        bar = script[BTC][at(i)]
        house.assembly.market.candles.script[BTC][at(i)] = bar._replace(volume=held // 2 * 20 + 20)  # type: ignore[attr-defined]
    oracle.scores[BTC] = -0.5
    house.run(1)
    oracle.scores.clear()
    house.run(3)
    sales = fills(house)[1:]
    assert [f.at for f in sales] == [at(1), at(2)][: len(sales)]
    assert len(sales) == 2
    assert sum(f.lots for f in sales) == held
    assert sum(f.realised for f in sales) == house.assembly.trader.account.cash - 10_000 * 10**8
    hold_books(house, a_mandate())


@pytest.mark.parametrize(
    ("bar", "reason", "price"),
    [
        ({"close": 9_900, "low": 9_700}, protection.STOP, "at the stop"),
        ({"close": 10_500, "high": 10_600}, protection.TARGET, "at the target"),
        ({"close": 10_000, "low": 9_700, "high": 10_600}, protection.STOP, "stop before target"),
        ({"close": 9_500, "open": 9_600}, protection.STOP, "gap-through: at the open"),
        ({"close": 10_700, "open": 10_600}, protection.TARGET, "gap-through: at the open"),
    ],
)
def test_a_range_that_reaches_protection_closes_the_position_at_that_instant(
    bar: dict[str, int], reason: int, price: str
) -> None:
    script = wobbling([BTC], 4)
    close = bar.pop("close")
    script[BTC][at(2)] = a_bar(at(2), close, **({"open": 10_000} | bar))
    house, oracle = a_bullish_house(script)
    house.run(1)
    oracle.scores.clear()
    position = house.assembly.trader.account.positions[BTC]
    house.run(2)
    exit_fill = fills(house)[-1]
    assert (exit_fill.at, exit_fill.reason) == (at(2), reason)
    expected = script[BTC][at(2)].open if price == "gap-through: at the open" else None
    if expected is None:
        expected = position.stop_ticks if reason == protection.STOP else position.target_ticks
    assert exit_fill.ticks == expected if reason == protection.TARGET else expected - 60 < exit_fill.ticks < expected
    assert house.assembly.trader.account.positions == {}


def test_in_the_entry_bar_only_the_range_counts() -> None:
    script = wobbling([BTC], 3)
    mark = script[BTC][at(0)].close
    script[BTC][at(1)] = a_bar(at(1), mark, open=mark * 975 // 1000, low=mark * 970 // 1000)
    house, _ = a_bullish_house(script)
    house.run(1)  # Enters at an open that lies beyond its own stop.
    house.run(1)
    stop = fills(house)[1]
    assert stop.reason == protection.STOP
    assert stop.ticks < intended(house)[0].order.stop_ticks


def test_a_stop_at_an_instant_frees_its_slot_for_the_review_of_that_instant() -> None:
    script = wobbling(NINE, 3)
    script["ADA/USDT"][at(1)] = a_bar(at(1), 9_700, open=10_000)
    house, oracle = a_bullish_house(script)
    house.run(1)
    oracle.scores["ADA/USDT"] = 0.0
    house.run(1)
    assert [o.order.symbol for o in intended(house)][5:] == ["LINK/USDT"]
    assert fills(house)[5].symbol == "ADA/USDT"


def test_exits_are_judged_first_and_free_nothing_before_they_fill() -> None:
    house, oracle = a_bullish_house(wobbling(NINE, 4))
    house.run(1)
    oracle.scores["ETH/USDT"] = -0.9
    house.run(1)
    second = [o.order for o in intended(house) if o.order.born_at == at(1)]
    assert [(o.symbol, o.only_reduces) for o in second] == [("ETH/USDT", True)]
    assert refusals(house)["max_concurrent"] == 8  # Four at each instant: the leaving position still counts.


def test_signals_are_judged_by_confidence_then_symbol() -> None:
    script = wobbling(NINE, 2)
    house, oracle = a_bullish_house(script, mandate=a_mandate(max_concurrent=2))
    oracle.scores |= {"SOL/USDT": 0.9, "BTC/USDT": 0.9, "ADA/USDT": 0.4}
    house.run(1)
    assert {o.order.symbol for o in intended(house)}.isdisjoint({"ADA/USDT"})
    confidences = [o.order.confidence for o in intended(house)]
    assert confidences == sorted(confidences, reverse=True)


def test_a_trailing_stop_rises_with_the_mark_after_the_range_and_never_falls() -> None:
    script = wobbling([BTC], 6)
    for i, close in ((2, 10_200), (3, 10_150), (4, 10_300)):
        script[BTC][at(i)] = a_bar(at(i), close, open=script[BTC][at(i - 1)].close)
    mandate = Mandate(a_mandate().limits, Geometry(target=0.5), trailing=0.02)
    house, oracle = a_bullish_house(script, mandate=mandate)
    house.run(1)
    oracle.scores.clear()
    house.run(4)
    moved = [e for e in house.journal.events("default") if isinstance(e, ProtectionMoved)]
    stops = [m.stop_ticks for m in moved]
    assert stops == sorted(stops)
    assert (at(2), 9_996) in [(m.at, m.stop_ticks) for m in moved]
    assert moved[-1] == ProtectionMoved(at(4), BTC, 10_094, moved[-1].target_ticks)


def test_a_time_limit_closes_at_its_instant_whether_or_not_the_pipeline_is_started() -> None:
    mandate = Mandate(a_mandate().limits, Geometry(hours=2))
    house, oracle = a_bullish_house(wobbling([BTC], 6), mandate=mandate)
    house.run(1)
    oracle.scores.clear()
    house.pipeline.stop("operator")
    house.run(3)
    sale = fills(house)[1]
    assert (sale.at, sale.reason) == (at(2), protection.TIME_LIMIT)


def test_a_stopped_pipeline_still_protects_but_decides_nothing() -> None:
    script = wobbling([BTC], 4)
    script[BTC][at(2)] = a_bar(at(2), 9_700, open=10_000)
    house, _ = a_bullish_house(script)
    house.run(1)
    house.pipeline.stop("operator")
    house.run(3)
    assert [f.reason for f in fills(house)] == [0, protection.STOP]
    assert len(intended(house)) == 1


def test_an_instant_that_is_not_after_the_last_one_is_refused_and_changes_nothing() -> None:
    house, _ = a_bullish_house(wobbling([BTC], 3))
    house.run(1)
    before = len(house.journal.batches)
    for instant in (at(0), at(-1)):
        with pytest.raises(OutOfOrderError, match="is not after"):
            house.pipeline.decide(instant)
    assert len(house.journal.batches) == before


def test_a_handlers_error_reaches_the_caller_and_nothing_of_the_instant_is_written_or_sent() -> None:
    house, oracle = a_bullish_house(wobbling(NINE, 4))
    house.run(1)
    before, books = len(house.journal.batches), house.assembly.trader.account.copy()
    oracle.fails = True
    with pytest.raises(RuntimeError, match="the model is broken"):
        house.pipeline.decide(at(1))
    assert len(house.journal.batches) == before
    assert house.assembly.trader.account == books


def test_a_broken_model_does_not_keep_a_stop_from_closing_its_position() -> None:
    script = wobbling([BTC], 4)
    script[BTC][at(1)] = a_bar(at(1), 9_700, open=10_000)
    house, oracle = a_bullish_house(script)
    house.run(1)
    oracle.fails = True
    runner = house.runner(beats=False)
    runner.until(at(2))
    runner.run()
    assert [f.reason for f in fills(house)] == [0, protection.STOP]
    failed = [e for e in house.journal.events("default") if isinstance(e, InstantDecided) and e.failure]
    assert [e.failure for e in failed] == ["RuntimeError: the model is broken"] * 2
    oracle.fails = False


def test_a_model_that_says_it_cannot_abstains_and_the_others_go_on() -> None:
    class Missing(OracleModel):
        def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
            raise ModelUnavailableError("its file is missing")

    script = wobbling(NINE, 2)
    members = [(OracleModel(dict.fromkeys(script, 0.5)), 0.5), (Missing({}), 0.5)]
    house = a_house(script, models=members, mandate=a_mandate())
    house.run(1)
    assert len(intended(house)) == 5
    assert house.assembly.predictor.errors == {"oracle": "its file is missing"}


def test_an_intent_is_durable_before_anything_is_sent() -> None:
    order_of_things: list[str] = []

    class Watched(MemoryJournal):
        def commit(self, batch: Batch) -> bool:
            done = super().commit(batch)
            order_of_things.extend(type(e).__name__ for _, e in batch.events if isinstance(e, OrderIntended))
            return done

    script = wobbling([BTC], 2)
    market = ScriptedMarket(script)
    journal = Watched("USDT", {s: i.scale for s, i in market.instruments.items()})
    house, _ = a_bullish_house(script, journal=journal)
    broker = house.assembly.desks[0].outbox._broker
    submit = broker.submit
    broker.submit = lambda approved: (order_of_things.append("submitted"), submit(approved))  # type: ignore[method-assign,assignment,func-returns-value]
    house.run(1)
    assert order_of_things == ["OrderIntended", "submitted"]


def test_while_the_journal_is_away_no_entry_is_sent_and_protection_goes_on_from_the_spill() -> None:
    script = wobbling(NINE, 6)
    script["ADA/USDT"][at(1)] = a_bar(at(1), 9_700, open=10_000)
    house, _ = a_bullish_house(script)
    house.run(1)
    house.journal.away = True
    runner = house.runner(beats=False)
    runner.until(at(2))
    runner.run()
    account = house.assembly.trader.account
    assert "ADA/USDT" not in account.positions
    assert len(account.positions) == 4
    assert account.orders == {}
    assert house.pipeline.journal_away
    house.journal.away = False
    house.run(1)
    assert not house.pipeline.journal_away
    assert [f.reason for f in fills(house)][5] == protection.STOP
    hold_books(house, a_mandate())


def test_decide_says_that_the_journal_is_away() -> None:
    house, _ = a_bullish_house(wobbling([BTC], 2))
    house.journal.away = True
    with pytest.raises(JournalUnavailableError):
        house.run(1)
    assert house.pipeline.handled == at(-1)


def test_a_missing_bar_is_missing_and_its_symbol_takes_no_entry() -> None:
    script = wobbling([BTC, "ETH/USDT"], 3)
    del script["ETH/USDT"][at(0)]
    house, _ = a_bullish_house(script)
    house.run(1)
    assert [o.order.symbol for o in intended(house)] == [BTC]
    skipped = house.pipeline.run_stage(Stage.COLLECTOR, at(0))
    assert skipped.skipped[0].why == "this instant is already handled"


def test_a_bar_that_comes_late_is_history_at_the_next_instant() -> None:
    script = wobbling([BTC, "ETH/USDT"], 3)
    late = script["ETH/USDT"].pop(at(0))
    market = ScriptedMarket(script)
    market.late[at(1)] = {"ETH/USDT": (late,)}
    oracle = OracleModel(dict.fromkeys(script, 0.5))
    house = a_house(market, models=[(oracle, 1.0)], mandate=a_mandate())
    house.run(2)
    tapes = house.assembly.predictor.state().tapes
    assert tapes["ETH/USDT"].closes[-2:] == [late.close / 100, script["ETH/USDT"][at(1)].close / 100]
    assert [o.order.born_at for o in intended(house) if o.order.symbol == "ETH/USDT"] == [at(1)]


def test_a_source_that_does_not_answer_leaves_a_hole_and_says_so() -> None:
    market = ScriptedMarket(wobbling([BTC], 3))
    market.silent.add(at(0))
    oracle = OracleModel({BTC: 0.5})
    house = a_house(market, models=[(oracle, 1.0)], mandate=a_mandate())
    house.run(1)
    assert house.assembly.collector.errors == {"scripted": "the source does not answer"}
    assert not intended(house)
    house.run(1)
    assert house.assembly.collector.errors == {}
    assert len(intended(house)) == 1


def test_the_days_base_is_set_at_midnight_utc_and_a_daily_loss_refuses_until_then() -> None:
    mandate = a_mandate(max_daily_loss=0.001, max_position=0.1)
    midnight, fall, next_midnight = at(13), at(14), at(37)  # START is 11:00.
    script = wobbling(NINE, 42)
    script["ADA/USDT"][fall] = a_bar(fall, 9_000, open=10_000)
    house, _ = a_bullish_house(script, mandate=mandate)
    house.run(42)
    marks = {e.at: e for e in house.journal.events("default") if isinstance(e, Marked)}
    assert marks[midnight].day_base == marks[midnight].equity != marks[at(12)].day_base
    assert refusals(house)["max_daily_loss"] > 0
    entered = [o.order.born_at for o in intended(house) if not o.order.only_reduces]
    assert not [t for t in entered if fall <= t < next_midnight]
    assert marks[next_midnight].day_base == marks[next_midnight].equity
    hold_books(house, mandate)


def test_halting_refuses_entries_until_a_named_person_resumes_them() -> None:
    house, _ = a_bullish_house(wobbling(NINE, 5))
    trader = house.assembly.trader
    house.pipeline.act(trader.halt(house.pipeline.handled, "ann", "looking at it"))
    house.run(1)
    assert refusals(house) == {"halted": 9}
    house.pipeline.act(trader.resume_entries(house.pipeline.handled, "ann", "all is well"))
    house.run(1)
    assert len(intended(house)) == 5


def test_forced_stages_in_turn_do_what_the_cascade_does() -> None:
    script = wobbling(NINE, 3)
    cascade, _ = a_bullish_house(script)
    cascade.run(2)
    forced, _ = a_bullish_house(script, started=False)
    for _ in range(2):
        forced.run(1)
        reports = [forced.pipeline.run_stage(stage, forced.pipeline.handled) for stage in Stage]
        assert [r.produced for r in reports][1:3] == [9, 9]
    wanted = (OrderIntended, OrderFilled)
    ours = [e for e in forced.journal.events("default") if isinstance(e, wanted)]
    assert ours == [e for e in cascade.journal.events("default") if isinstance(e, wanted)]


def test_a_forced_stage_skips_an_instant_that_is_handled() -> None:
    house, _ = a_bullish_house(wobbling(NINE, 2))
    house.run(1)
    before = len(house.journal.batches)
    for stage in Stage:
        report = house.pipeline.run_stage(stage, at(0) + 1000)
        assert (report.produced, report.skipped[0].why) == (0, "this instant is already handled")
    assert len(house.journal.batches) == before


def test_an_entry_later_than_one_trader_beat_is_dropped_as_stale() -> None:
    house, _ = a_bullish_house(wobbling([BTC], 2), started=False)
    house.run(1)
    for stage in (Stage.COLLECTOR, Stage.PREDICTOR, Stage.STRATEGY):
        house.pipeline.run_stage(stage, at(0))
    report = house.pipeline.run_stage(Stage.TRADER, at(0) + 60_001)
    assert report.refused == ("BTC/USDT stale_signal",)


def test_beats_change_no_record() -> None:
    script = wobbling(NINE, 30)
    with_beats, _ = a_bullish_house(script)
    runner = with_beats.runner()
    runner.until(at(30))
    runner.run()
    without, _ = a_bullish_house(script)
    runner = without.runner(beats=False)
    runner.until(at(30))
    runner.run()
    assert list(with_beats.journal.events("default")) == list(without.journal.events("default"))
    assert with_beats.pipeline.stages[Stage.TRADER].skipped_count > 1000


def test_a_restart_in_the_middle_changes_no_record() -> None:
    script = wobbling(NINE, 40)
    whole, _ = a_bullish_house(script)
    whole.run(40)
    first, _ = a_bullish_house(script)
    first.run(17)
    second, _ = a_bullish_house(script, journal=first.journal)
    assert not second.recovered.fresh
    second.run(23)
    assert list(second.journal.events("default")) == list(whole.journal.events("default"))


def test_the_account_is_what_its_journal_folds_to() -> None:
    house, _ = a_bullish_house(wobbling(NINE, 30))
    house.run(30)
    folded = Account.new("default", "USDT", house.assembly.instruments)
    for event in house.journal.events("default"):
        folded.apply(event)
    assert folded == house.assembly.trader.account


def test_limits_that_are_changed_apply_from_the_next_order_on() -> None:
    house, _ = a_bullish_house(wobbling(NINE, 3))
    mandate = Mandate(RiskLimits(min_confidence=0.0, max_concurrent=2))
    house.assembly.trader.use(mandate)
    house.assembly.strategy.use(mandate)
    house.run(1)
    assert len(intended(house)) == 2
    assert house.assembly.market.candles.timeframe_ms == HOUR

"""One market, two drivers, the same records to the last unit: what is tested is what is run."""

from dataclasses import replace
from pathlib import Path

import pytest

from cryptopilot.research.layout import CANCELLED, FILLED, HELD, INTENDED, MOVED, REFUSED
from tests.conftest import ROOT
from tests.fakes.generated import generated
from tests.fakes.parity import Record, assert_equal, recorded, run_driver, run_live

SEEDS = range(25)
"""`make parity` takes a thousand."""


@pytest.fixture(scope="module")
def all_records() -> list[Record]:
    return [record for seed in SEEDS for record in run_driver(generated(seed))[0]]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_generated_market_gives_the_same_records_live_and_over_history(seed: int) -> None:
    made = generated(seed)
    (live, equity), (ours, curve) = run_live(made), run_driver(made)
    assert_equal(live, ours)
    assert equity == curve


def test_the_generated_markets_meet_every_kind_of_record_and_every_way_to_leave(all_records: list[Record]) -> None:
    assert {record[2] for record in all_records} == {CANCELLED, FILLED, MOVED, INTENDED, REFUSED, HELD}
    assert {r[3] for r in all_records if r[2] == FILLED} == {"entry", 1, 2, 3, 4}
    cancelled = {r[3] for r in all_records if r[2] == CANCELLED}
    assert len(cancelled) == 4, cancelled
    sales = [r[:4] for r in all_records if r[2] == FILLED and r[3] in (3, 4)]
    assert len(sales) > len({(r[0], r[1]) for r in all_records if r[2] == INTENDED and r[3] in (3, 4)})  # In parts.
    refused = {r[3] for r in all_records if r[2] == REFUSED}
    assert refused >= {
        "whitelist", "min_confidence", "max_daily_loss", "max_drawdown", "cooldown", "max_concurrent", "min_order",
        "max_correlation",
    }  # fmt: skip


@pytest.mark.parametrize("seed", [1, 7])
def test_a_full_record_buffer_pauses_and_changes_nothing(seed: int) -> None:
    made = generated(seed)
    assert run_driver(made, records=1) == run_driver(made)


STRATEGIES = ("trend", "reversion", *(str(ROOT / f"tests/fakes/strategies/{n}.py") for n in ("picky", "stepwise")))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: Path(s).stem)
def test_so_does_every_strategy_with_its_callbacks(strategy: str) -> None:
    kinds = set()
    for seed in (3, 11, 12, 17):
        made = generated(seed)
        made = replace(made, mandate=replace(made.mandate, strategy=strategy))
        (live, equity), (ours, curve) = run_live(made), run_driver(made)
        assert_equal(live, ours)
        assert equity == curve
        kinds |= {r[2] for r in live} | {r[3] for r in live if r[2] == HELD}
    assert kinds >= {FILLED, INTENDED, HELD}
    assert ("callback_refused" in kinds) == ("picky" in strategy)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: Path(s).stem)
def test_passing_over_instants_at_which_nothing_happens_changes_nothing(strategy: str) -> None:
    for seed in range(12):
        made = generated(seed)
        made = replace(made, mandate=replace(made.mandate, strategy=strategy, trailing=0.0))
        (told, equity), (quick, curve) = run_driver(made), run_driver(made, tells_holds=False)
        assert_equal([r for r in told if r[2] != HELD], quick)
        assert equity == curve


@pytest.mark.data
@pytest.mark.parametrize("trailing", [0.0, 0.02])
def test_the_recorded_market_gives_the_same_records_live_and_over_history(market_data: Path, trailing: float) -> None:
    (live, equity), (ours, curve) = recorded(market_data, "2022-05-01", "2022-06-15", trailing=trailing)
    assert_equal(live, ours)
    assert equity == curve
    assert sum(r[2] == FILLED for r in live) > 40

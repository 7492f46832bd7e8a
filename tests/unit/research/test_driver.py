"""What the compiled driver does beside what parity with live shows: finer bars, pauses, types."""

from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Geometry
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.research.backtest import Setting, backtest
from cryptopilot.research.compiled import CompiledRules
from cryptopilot.research.history import ABSENT, History, finer_bars
from cryptopilot.research.layout import FILLED
from cryptopilot.research.wishing import NO_WISHES
from cryptopilot.rules.fills import Costs
from cryptopilot.rules.protection import STOP, TARGET
from tests.conftest import KERNELS
from tests.fakes.house import a_mandate
from tests.fakes.market import START, an_instrument

FREE = Costs(0, 0.0, 0.0, 0.0, 1.0)


def wild_hour() -> History:
    """Two quiet hours, one that reaches stop and target, one more."""
    prices = [(1000, 1001, 999, 1000)] * 2 + [(1000, 1100, 900, 1000)] + [(1000, 1001, 999, 1000)] * 2
    bars = np.array([[(*p, 10**9)] for p in prices], np.int64)
    instants = START + HOUR * np.arange(4)
    return History({"BTC/USDT": an_instrument()}, HOUR, instants, bars, 0, ("BTC",), np.zeros((4, 1)))


def exits(finer: Any, **options: Any) -> list[tuple[int, int]]:
    """Why and at what price the position was left that was wished for in the first hour."""
    side = np.zeros((4, 1), np.int8)
    side[0, 0] = 1
    mandate = Mandate(a_mandate().limits, Geometry(0.05, 0.05, 0))
    setting = Setting(mandate, FREE, 10**12, "USDT", finer=finer, cache=KERNELS, **options)
    run = backtest(wild_hour(), setting, wishes=NO_WISHES._replace(side=side))
    sales = run.records[(run.records["kind"] == FILLED) & (run.records["side"] < 0)]
    return [(int(r["code"]), int(r["ticks"])) for r in sales]


def halves(*wild: tuple[int, ...]) -> Any:
    """The same hours in bars of half an hour, the wild one as given; an empty one is missing."""
    quiet = (1000, 1001, 999, 1000)
    rows: list[tuple[int, ...]] = [quiet] * 4 + list(wild) + [quiet] * 2
    grid = np.array([(*row, 10**9) if row else (ABSENT,) * 5 for row in rows], np.int64)
    return finer_bars(wild_hour(), {"BTC/USDT": (START - HOUR, grid)}, HOUR // 2)


def test_a_bar_that_reaches_both_counts_as_stopped() -> None:
    assert exits(np.empty((0, 0, 5), np.int64)) == [(STOP, 950)]


def test_finer_bars_say_which_came_first() -> None:
    up, down = (1000, 1100, 1000, 1050), (1000, 1000, 900, 950)
    assert exits(halves(up, down)) == [(TARGET, 1050)]
    assert exits(halves(down, up)) == [(STOP, 950)]


def test_where_a_finer_bar_is_missing_the_stop_counts() -> None:
    assert exits(halves((1000, 1100, 1000, 1050), ())) == [(STOP, 950)]


@pytest.mark.parametrize("step", [HOUR, 2 * HOUR, HOUR // 7 + 1])
def test_a_timeframe_that_is_no_part_of_the_other_is_refused(step: int) -> None:
    with pytest.raises(InvalidValueError, match="finer timeframe"):
        finer_bars(wild_hour(), {}, step)


def leaking(values: Any) -> Any:
    return np.zeros(len(values))


def test_what_allocates_does_not_compile_as_part_of_the_driver() -> None:
    compiled = CompiledRules()
    with pytest.raises(TypingError, match="Only accept returning of array passed into the function"):
        compiled.driver(leaking, allocates=False)(np.zeros(3))


@pytest.mark.parametrize("field", ["bars", "begins", "instants", "fresh"])
def test_a_history_whose_parts_do_not_fit_is_refused(field: str) -> None:
    good = wild_hour()
    wrong: dict[str, Any] = {
        "bars": good.bars[:-1], "begins": 4, "instants": good.instants * 2, "fresh": np.zeros((3, 1)),
    }  # fmt: skip
    parts = {name: getattr(good, name) for name in good.__dataclass_fields__} | {field: wrong[field]}
    with pytest.raises(InvalidValueError):
        History(**parts)

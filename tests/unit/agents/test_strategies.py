"""What a strategy may say, what it may not, and the three that come with the house."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopilot.agents.strategies.chosen import Chosen, choose
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.agents.strategies.reversion import Reversion
from cryptopilot.agents.strategies.trend import Trend
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import COLUMNS, LONGEST_LOOKBACK, Columns, Row, StrategyError, Wishes, wishes
from cryptopilot.rules.features import Features
from tests.fakes.columns import some_columns

SERIES = some_columns(1500)


class Dips:
    """Buys after a fall of one bar."""

    name = "dips"
    version = "1"
    parameters = (Parameter.number("depth", 0.01, 0.001, 0.1, step=0.001), Parameter.choice("side", "buy", ["buy"]))
    lookback = 2

    def __init__(self, depth: float, side: str) -> None:
        self._depth = depth

    def signals(self, columns: Columns) -> Wishes:
        before = np.r_[np.nan, columns.close[:-1]] if len(columns) else columns.close
        return wishes(columns.close < before * (1 - self._depth))


class Runs:
    """Buys after three rises in a row, sells after three falls; plain Python."""

    name = "runs"
    version = "1"
    parameters = (Parameter.whole("bars", 3, 1, 10),)
    lookback = 40
    reads = ("close",)

    def __init__(self, bars: int) -> None:
        self._bars = bars

    def start(self) -> "Run":
        return Run(self._bars)


class Run:
    def __init__(self, bars: int) -> None:
        self._bars, self._last, self._run = bars, float("nan"), 0

    def on_candle(self, row: Row) -> int:
        (close,) = row
        rose, fell = close > self._last, close < self._last
        self._run = max(self._run, 0) + 1 if rose else min(self._run, 0) - 1 if fell else 0
        self._last = close
        return (self._run >= self._bars) - (self._run <= -self._bars)


class Slow(Runs):
    """Decides by the last digits of an average that never quite forgets."""

    name = "slow"
    lookback = 9

    def start(self) -> "Average":  # type: ignore[override]
        return Average()


class Average:
    def __init__(self) -> None:
        self._average = 0.0

    def on_candle(self, row: Row) -> int:
        self._average += 0.05 * (row[0] - self._average)
        return int(self._average * 1e6) % 2


def chosen(kind: Any, **values: object) -> Chosen:
    found = choose(kind, values)
    assert isinstance(found, Chosen)
    return found


def changed(kind: type, **attributes: object) -> type:
    """The strategy with something else in its declaration; None takes an attribute away."""
    made = type(kind.__name__, (), {n: v for n, v in vars(kind).items() if not n.startswith("__") or n == "__init__"})
    for name, value in attributes.items():
        delattr(made, name) if value is None else setattr(made, name, value)
    return made


def test_columns_hold_the_candle_every_feature_and_the_prediction() -> None:
    candle, prediction = ("closed_at", "open", "high", "low", "close", "volume"), ("probability", "confidence", "edge")
    assert (*candle, *(name for name in Features._fields if name != "close"), *prediction) == COLUMNS


def test_columns_are_read_only_and_leave_their_arrays_to_their_owner() -> None:
    close = SERIES.close.copy()
    columns = replace(SERIES, close=close)
    with pytest.raises(ValueError, match="read-only"):
        columns.close[0] = 1.0
    close[0] = 2.0
    assert columns.close[0] == 2.0


def test_columns_of_other_lengths_kinds_or_order_are_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="column rsi"):
        Columns(1, *(getattr(SERIES, n)[: 9 if n == "rsi" else 10] for n in COLUMNS))
    with pytest.raises(InvalidValueError, match="column low is 'float32"):
        Columns(1, *(getattr(SERIES, n).astype(np.float32) if n == "low" else getattr(SERIES, n) for n in COLUMNS))
    with pytest.raises(InvalidValueError, match="column closed_at"):
        SERIES[::-1]


def test_a_parameter_that_is_left_out_has_its_default_and_a_whole_number_is_a_number() -> None:
    assert chosen(Dips).values == {"depth": 0.01, "side": "buy"}
    assert chosen(Trend, target=2).values["target"] == 2.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"depth": 0.2}, "depth is 0.2; allowed: a number from 0.001 to 0.1"),
        ({"depth": float("nan")}, "depth is nan"),
        ({"depth": True}, "depth is True"),
        ({"depth": "0.01"}, "depth is '0.01'"),
        ({"side": "sell"}, "side is 'sell'; allowed: buy"),
        ({"width": 3}, "parameter width is 3; allowed: one of depth, side"),
    ],
)
def test_a_parameter_that_is_wrong_or_unknown_names_field_value_and_what_is_allowed(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidValueError, match=said):
        choose(Dips, values)


def test_the_ensemble_takes_no_parameter() -> None:
    assert choose(Ensemble) == Ensemble()
    with pytest.raises(InvalidValueError, match="it takes none"):
        choose(Ensemble, {"band": 1})


def test_a_parameter_that_contradicts_itself_is_never_made() -> None:
    contradictions: tuple[Callable[[], object], ...] = (
        lambda: Parameter.whole("bars", 1, 2, 3),
        lambda: Parameter.whole("bars", 3, 5, 2),
        lambda: Parameter.number("depth", 1.0, 0.0, float("inf"), step=0.1),
        lambda: Parameter.number("depth", 1.0, 0.0, 2.0, step=0.0),
        lambda: Parameter.choice("side", "both", ["buy", "sell"]),
        lambda: Parameter.whole("two words", 1, 1, 1),
    )
    for made in contradictions:
        with pytest.raises(InvalidValueError):
            made()


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"lookback": None}, "strategy Dips, declaration: lookback is missing"),
        ({"name": None}, "name is missing"),
        ({"version": None}, "version is missing"),
        ({"parameters": None}, "parameters is missing"),
        ({"signals": None}, "neither of signals"),
        ({"start": lambda _: Run(1)}, "both of signals"),
        ({"lookback": 0}, "lookback: 0; allowed: 1 to 1040 rows"),
        ({"lookback": LONGEST_LOOKBACK + 1}, "lookback: 1041"),
        ({"lookback": 2.0}, "lookback: 2.0"),
        ({"name": "no_edge"}, "name: 'no_edge'"),
        ({"name": "Dips"}, "name: 'Dips'"),
        ({"version": 1}, "version: 1"),
        ({"parameters": [Parameter.whole("bars", 1, 1, 2)]}, "allowed: a tuple of Parameter"),
        ({"parameters": ()}, "making it: TypeError"),
        ({"confirm": True}, "confirm: True"),
    ],
)
def test_a_declaration_that_breaks_the_protocol_is_refused_by_name(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        choose(changed(Dips, **attributes))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"reads": None}, "reads is missing"),
        ({"reads": ()}, "reads: \\(\\)"),
        ({"reads": ("close", "rsi2")}, "reads: .*rsi2"),
        ({"lookback": 1}, "lookback: 1; allowed: 2 or more"),
    ],
)
def test_a_strategy_by_candles_says_what_it_reads_and_looks_back(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        choose(changed(Runs, **attributes))


def a_wish(**other: Any) -> Callable[[object, Columns], object]:
    def signals(_: object, columns: Columns) -> object:
        return wishes(np.ones(len(columns), np.int8))._replace(**{n: v(len(columns)) for n, v in other.items()})

    return signals


def at_3(value: float) -> Callable[[int], Any]:
    def array(rows: int) -> Any:
        found = np.full(rows, 0.5)
        found[3] = value
        return found

    return array


def raises(_: object, columns: Columns) -> Wishes:
    raise KeyError("rsi_2")


def writes(_: object, columns: Columns) -> Wishes:
    columns.close[0] = 0.0
    return wishes(np.zeros(len(columns), np.int8))


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        (raises, "strategy dips, BTC/USDT: KeyError: 'rsi_2'"),
        (writes, "read-only"),
        (lambda *_: None, "signals answered NoneType; allowed: Wishes"),
        (lambda _, columns: wishes(np.full(len(columns), 2)), "side is 2; allowed: -1, 0 or 1"),
        (lambda _, columns: wishes(np.ones(len(columns) - 1, int)), r"side is int8 \(19,\); allowed: int8 \(20,\)"),
        (lambda _, columns: wishes(columns.close), "side is 'float64"),
        (lambda _, columns: wishes(np.ones(len(columns), int), size=np.ones(3)), r"size is \(3,\)"),
        (a_wish(side=lambda n: np.ones(n, np.int64)), "side is int64"),
        (a_wish(side=lambda n: np.full(n, 5, np.int8)), r"row 0 \(.*\): side is 5"),
        (a_wish(size=lambda n: [0.1] * n), "size is list"),
        (a_wish(size=at_3(np.inf)), r"BTC/USDT, row 3 \(2020-01-01T04:00:00Z\): size is inf; allowed: a share"),
        (a_wish(size=at_3(-0.1)), "row 3 .*size is -0.1"),
        (a_wish(stop=at_3(-np.inf)), "row 3 .*stop is -inf"),
        (a_wish(target=at_3(np.inf)), "row 3 .*target is inf"),
        (a_wish(confidence=at_3(1.1)), "row 3 .*confidence is 1.1"),
        (a_wish(longest_ms=lambda n: np.full(n, -2)), "row 0 .*longest_ms is -2"),
    ],
)
def test_an_answer_that_no_strategy_may_give_names_strategy_symbol_and_row(signals: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        chosen(changed(Dips, signals=signals)).wishes("BTC/USDT", SERIES[:20])


def test_what_a_row_says_beyond_holding_is_not_looked_at() -> None:
    calm = a_wish(side=lambda n: np.zeros(n, np.int8), size=at_3(np.inf), confidence=at_3(7.0))
    assert not chosen(changed(Dips, signals=calm)).wishes("BTC/USDT", SERIES[:20]).side.any()


@pytest.mark.parametrize("answer", [2, None, 1.5, "buy"])
def test_an_answer_to_a_candle_is_a_side_or_an_error(answer: object) -> None:
    class Odd:
        def on_candle(self, row: Row) -> Any:
            return answer

    with pytest.raises(StrategyError, match="side is"):
        chosen(changed(Runs, start=lambda _: Odd())).wishes("BTC/USDT", SERIES[:50])


@given(st.integers(0, len(SERIES) - 1), st.sampled_from([Trend, Reversion, Dips, Runs, Slow]))
def test_every_strategy_sees_the_same_live_as_over_all_rows_to_the_bit(row: int, kind: type) -> None:
    strategy = chosen(kind)
    over_all = _WHOLE.setdefault(kind, strategy.wishes("BTC/USDT", SERIES))
    live = strategy.wishes("BTC/USDT", SERIES[max(0, row - strategy.lookback + 1) : row + 1])
    assert [a[-1:].tobytes() for a in live] == [a[row : row + 1].tobytes() for a in over_all]


_WHOLE: dict[type, Wishes] = {}


def test_a_strategy_by_candles_forgets_alike_where_bars_are_missing() -> None:
    gaps = some_columns(400, missing=[*range(60, 63), *range(100, 190), 300])
    for kind in (Runs, Slow):
        strategy = chosen(kind)
        over_all = strategy.wishes("BTC/USDT", gaps)
        assert len(set(over_all.side.tolist())) > 1
        for row in range(len(gaps)):
            window = gaps[max(0, row - strategy.lookback + 1) : row + 1]
            assert strategy.wishes("BTC/USDT", window).side[-1] == over_all.side[row], row


def test_every_built_in_buys_and_sells_and_bears_a_series_without_rows() -> None:
    for kind in (Trend, Reversion):
        strategy = chosen(kind)
        assert {-1, 0, 1} == set(strategy.wishes("BTC/USDT", SERIES).side.tolist())
        assert len(strategy.wishes("BTC/USDT", SERIES[:0]).side) == 0
    assert len(chosen(Runs).wishes("BTC/USDT", SERIES[:0]).side) == 0


def test_a_coin_that_swings_twice_as_much_gets_half_the_size() -> None:
    doubled = replace(SERIES, volatility=2 * SERIES.volatility)
    once, twice = (chosen(Trend).wishes("BTC/USDT", columns) for columns in (SERIES, doubled))
    buying = once.side == 1
    assert buying.any()
    assert np.array_equal(once.size[buying], 2 * twice.size[buying])


def test_a_trend_is_not_bought_while_its_volatility_is_unknown_or_nothing() -> None:
    for value in (np.nan, 0.0):
        still = replace(SERIES, volatility=np.full(len(SERIES), value))
        assert 1 not in chosen(Trend).wishes("BTC/USDT", still).side


def test_what_falls_hard_is_not_bought_back() -> None:
    falling = replace(SERIES, momentum_long=np.full(len(SERIES), -0.2))
    assert 1 in chosen(Reversion).wishes("BTC/USDT", SERIES).side
    assert 1 not in chosen(Reversion).wishes("BTC/USDT", falling).side

"""What strategies look at, made from a walk: candles, their real features, and predictions that are drawn."""

from collections.abc import Iterable

import numpy as np

from cryptopilot.domain.tape import Tape
from cryptopilot.domain.timeframe import HOUR
from cryptopilot.ports.strategy import Columns, Floats
from cryptopilot.rules.features import Features
from tests.unit.series import bars


def some_columns(count: int, *, step: int = HOUR, seed: int = 7, missing: Iterable[int] = ()) -> Columns:
    """*count* rows of one symbol, less those *missing*; predictions are unknown in the first tenth."""
    series = bars(count, step=step, seed=seed)
    here = np.setdiff1d(np.arange(count), np.array(list(missing), np.int64))
    opening, high, low, close, volume = (np.ascontiguousarray(x[here]) for x in series.values)
    draw = np.random.default_rng(seed)
    probability, confidence, edge = draw.uniform((0, 0, -0.5), (1, 1, 0.5), (len(here), 3)).T.copy()
    probability[: count // 10] = confidence[: count // 10] = np.nan
    values = [opening, high, low, close, volume, *features(high, low, close, volume), probability, confidence, edge]
    return Columns(step, series.times[here] + step, *values)


def features(high: Floats, low: Floats, close: Floats, volume: Floats) -> Floats:
    """Every feature but the close, as the live tape folds them: float64 [16, n]."""
    tape, rows = Tape.new(), []
    for bar in zip(high.tolist(), low.tolist(), close.tolist(), volume.tolist(), strict=True):
        tape.advance(*bar)
        rows.append(tape.row())
    found = np.array(rows).reshape(-1, len(Features._fields))
    return np.ascontiguousarray(found[:, [n != "close" for n in Features._fields]].T)

"""The limit: one strategy and its account in one hand-written compiled pass, for nothing but this bench."""

from typing import Any

import numba

from bench.peers.walk import CASH, FEE, RSI, RSI_MOST, SHARE, WARM

FAST, SLOW, STOP, TARGET = 12, 26, 0.02, 0.04


@numba.njit
def one_pass(opens: Any, highs: Any, lows: Any, closes: Any) -> tuple[float, int]:
    """Equity at the end and the number of entries; prices as doubles."""
    quick = lazy = last = closes[0]
    gain = loss = quantity = stop = target = 0.0
    cash, above, pending, entries = CASH, False, 0, 0
    for t in range(1, len(closes)):
        if pending > 0:
            quantity = cash * SHARE / 2.0 / opens[t]
            cash -= cash * SHARE / 2.0 * (1.0 + FEE)
            entries += 1
        elif pending < 0:
            cash += quantity * opens[t] * (1.0 - FEE)
            quantity = 0.0
        pending = 0
        if quantity > 0.0 and lows[t] <= stop:
            cash += quantity * min(opens[t], stop) * (1.0 - FEE)
            quantity = 0.0
        elif quantity > 0.0 and highs[t] >= target:
            cash += quantity * max(opens[t], target) * (1.0 - FEE)
            quantity = 0.0
        close = closes[t]
        quick += 2.0 / (FAST + 1.0) * (close - quick)
        lazy += 2.0 / (SLOW + 1.0) * (close - lazy)
        change = close - last
        last = close
        gain += (max(change, 0.0) - gain) / RSI
        loss += (max(-change, 0.0) - loss) / RSI
        now = quick > lazy
        if now != above and t >= WARM:
            if now and quantity == 0.0 and 100.0 * gain < RSI_MOST * (gain + loss):
                pending, stop, target = 1, close * (1.0 - STOP), close * (1.0 + TARGET)
            elif not now and quantity > 0.0:
                pending = -1
        above = now
    return cash + quantity * closes[-1], entries

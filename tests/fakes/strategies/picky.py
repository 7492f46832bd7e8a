"""A strategy by columns with every callback: it buys often, and then makes entries smaller, closer, or none."""

import numpy as np

from cryptopilot.ports.strategy import Columns, Entry, Wishes, wishes


class Picky:
    name, version, parameters, lookback = "picky", "1", (), 3

    def signals(self, columns: Columns) -> Wishes:
        rising = np.zeros(len(columns), np.bool_)
        rising[2:] = (columns.close[2:] > columns.close[1:-1]) & (columns.close[1:-1] > columns.close[:-2])
        side = np.where(rising, 1, np.where(columns.rsi > 60.0, -1, 0))
        size = np.where(columns.rsi > 50.0, 0.04, np.nan)
        confidence = np.where(rising, np.abs(columns.stochastic_k) % 1.0, 0.5)
        return wishes(side, size=size, stop=0.015, longest_ms=7 * 3_600_000, confidence=confidence)

    def stop(self, entry: Entry) -> float:
        return min(0.5, 1.5 * entry.stop)

    def stake(self, entry: Entry) -> float:
        return entry.size / (1 + entry.positions)

    def confirm(self, entry: Entry) -> bool:
        return entry.mark_price * 100 % 3 >= 1 and entry.cash > 0.2 * entry.equity

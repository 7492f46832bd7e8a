"""The candles that we and every peer are fed: a seeded random walk that needs the standard library only."""

import math
import random


def candles(count: int, seed: int = 7) -> list[tuple[float, float, float]]:
    """High, low and close of *count* bars; a bar opens where the one before it closed."""
    draw = random.Random(seed)
    made = []
    opening = 100.0
    for _ in range(count):
        close = opening * math.exp(0.002 * draw.gauss(0.0, 1.0))
        reach = 0.001 * abs(draw.gauss(0.0, 1.0))
        made.append((max(opening, close) * (1 + reach), min(opening, close) * (1 - reach), close))
        opening = close
    return made

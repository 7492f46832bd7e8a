"""Exact integer arithmetic within 64 bits: ticks, lots and atoms.

One tick times one lot is ``num / den`` atoms, one of the two being 1. Booked values stay below 2**53, so that they
are exact as doubles too. Whatever does not divide evenly is rounded against us.
"""

from typing import NamedTuple

from cryptopilot.rules import rule

UNKNOWN = float("nan")
"""What is not known. It breaks every limit that it meets."""

MAX_BOOKED = 9_007_199_254_740_992
"""2**53: no booked value reaches it."""

MAX_PRODUCT = 4_611_686_018_427_387_904
"""2**62: no intermediate product exceeds it."""

PPM = 1_000_000
"""Rates of fees are parts per million of the notional."""


class Scale(NamedTuple):
    """What one tick times one lot is worth: ``num / den`` atoms of the quote asset."""

    num: int
    den: int


@rule
def notional(ticks: int, lots: int, scale: Scale) -> int:
    """Worth of *lots* at *ticks*, in atoms, rounded down: what a sale brings, what a holding is worth."""
    if scale.den == 1:
        return lots * ticks * scale.num  # Divisions cost more than all the rest.
    return (lots // scale.den * ticks + lots % scale.den * ticks // scale.den) * scale.num


@rule
def notional_up(ticks: int, lots: int, scale: Scale) -> int:
    """Worth of *lots* at *ticks*, in atoms, rounded up: what a purchase costs."""
    if scale.den == 1:
        return lots * ticks * scale.num
    return (lots // scale.den * ticks - (-(lots % scale.den * ticks) // scale.den)) * scale.num


@rule
def magnitude(ticks: int, lots: int, scale: Scale) -> float:
    """Worth of *lots* at *ticks* as a double: safe for values whose exact worth would not fit."""
    return float(ticks) * float(lots) * float(scale.num) / float(scale.den)


@rule
def fee(amount: int, ppm: int) -> int:
    """Fee on *amount* atoms, rounded up; split at 10**6 so that no product leaves 64 bits."""
    return amount // PPM * ppm - (-(amount % PPM) * ppm // PPM)


@rule
def long_division(a: int, b: int, c: int) -> tuple[int, int]:
    """Quotient and remainder of ``a * b / c``, for 0 <= a <= c, 0 <= b and c below 2**53: eight bits at a time."""
    quotient = 0
    remainder = 0
    for shift in range(48, -1, -8):
        partial = remainder * 256 + ((b >> shift) & 255) * a
        quotient = quotient * 256 + partial // c
        remainder = partial % c
    return quotient, remainder


@rule
def mul_div(a: int, b: int, c: int) -> int:
    """``a * b // c`` exactly, within the bounds of `long_division`."""
    return long_division(a, b, c)[0]


@rule
def mul_div_up(a: int, b: int, c: int) -> int:
    """``a * b / c`` rounded up, exactly, within the bounds of `long_division`."""
    quotient, remainder = long_division(a, b, c)
    return quotient + 1 if remainder > 0 else quotient


@rule
def share(part: int, whole: int) -> float:
    """*part* of *whole* as a fraction; NaN, which breaks every limit, when there is no whole."""
    return float(part) / float(whole) if whole > 0 else UNKNOWN


@rule
def mix31(x: int) -> int:
    """Scramble the low 31 bits of *x*; works on integers and on integer arrays alike."""
    x = x & 0x7FFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0x7FFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0x7FFFFFFF
    return x ^ (x >> 15)


@rule
def draw31(seed: int, stream: int, symbol: int, bar: int, number: int) -> int:
    """A 31-bit pseudo-random integer that is a pure function of its five coordinates."""
    x = mix31(seed + 0x1E3779B9)
    x = mix31(x + stream * 0x05EBCA6B)
    x = mix31(x + symbol * 0x02B2AE35)
    x = mix31(x + (bar & 0x7FFFFFFF) * 0x27D4EB2F)
    return mix31(x + number * 0x165667B1)

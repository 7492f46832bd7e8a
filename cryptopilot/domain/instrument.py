"""What can be traded, on which grid, and what one step of that grid is worth."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from cryptopilot.domain.errors import InstrumentGridError, InvalidValueError
from cryptopilot.rules.arithmetic import MAX_BOOKED, MAX_PRODUCT, Scale

_SYMBOL = re.compile(r"^[A-Z0-9]{1,15}/[A-Z0-9]{2,15}$")
_COARSE = frozenset({"KRW", "JPY", "IDR", "VND", "HUF", "CLP", "COP", "NGN", "ARS"})
"""Quote assets whose units are so small that 1e-8 of one would waste the range: their atom is 1e-4."""


def atoms_per_unit(asset: str) -> int:
    """How many atoms make one unit of an asset."""
    return 10_000 if asset in _COARSE else 100_000_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """A spot pair: prices are whole ticks, quantities whole lots, cash whole atoms of the quote asset.

    Args:
        symbol: ``BASE/QUOTE``; tick_size: quote per base; lot_size: base; max_price: the highest price ever accepted.
    Raises:
        InvalidValueError: a field is malformed or not positive.
        InstrumentGridError: one tick times one lot is neither a whole number of atoms nor a whole part of one, or
            products with max_price would leave 62 bits.
    """

    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    max_price: Decimal
    scale: Scale = field(init=False)
    max_ticks: int = field(init=False)
    price_num: int = field(init=False)
    price_den: int = field(init=False)
    lot_num: int = field(init=False)
    lot_den: int = field(init=False)

    def __post_init__(self) -> None:
        if not _SYMBOL.match(self.symbol):
            raise InvalidValueError("symbol", self.symbol, "BASE/QUOTE in capitals, such as BTC/USDT")
        for name in ("tick_size", "lot_size", "max_price"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and value > 0):
                raise InvalidValueError(f"{self.symbol} {name}", str(value), "a finite number above 0")
        tick = Fraction(self.tick_size)
        worth = tick * Fraction(self.lot_size) * atoms_per_unit(self.quote)
        if 1 not in (worth.numerator, worth.denominator):
            raise InstrumentGridError(
                self.symbol,
                f"tick {self.tick_size} x lot {self.lot_size} is {worth} atoms of {self.quote}; "
                "allowed: a whole number of atoms, or one part of an atom",
            )
        max_ticks = int(Fraction(self.max_price) / tick)
        if max(max_ticks * worth.numerator, max_ticks * worth.denominator) > MAX_PRODUCT:
            raise InstrumentGridError(
                self.symbol,
                f"{max_ticks} ticks (max_price {self.max_price}) x {max(worth.numerator, worth.denominator)} "
                "exceeds 2**62; "
                "allowed: a coarser grid or a lower max_price",
            )
        if max_ticks * tick.numerator >= MAX_BOOKED or max_ticks < 1:
            raise InstrumentGridError(
                self.symbol, f"max_price {self.max_price} must be 1 to 2**53 ticks of {self.tick_size}"
            )
        object.__setattr__(self, "scale", Scale(worth.numerator, worth.denominator))
        object.__setattr__(self, "max_ticks", max_ticks)
        object.__setattr__(self, "price_num", tick.numerator)
        object.__setattr__(self, "price_den", tick.denominator)
        lot = Fraction(self.lot_size)
        object.__setattr__(self, "lot_num", lot.numerator)
        object.__setattr__(self, "lot_den", lot.denominator)

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    def price(self, ticks: int) -> float:
        """The double nearest to a price in ticks."""
        return float(ticks * self.price_num) / float(self.price_den)

    def volume(self, lots: int) -> float:
        """The double nearest to a quantity in lots."""
        return float(lots * self.lot_num) / float(self.lot_den)

    def decimal_price(self, ticks: int) -> Decimal:
        return self.tick_size * ticks

    def quantity(self, lots: int) -> Decimal:
        return self.lot_size * lots


def money(atoms: int, asset: str) -> Decimal:
    """Atoms as an amount of the asset, exactly."""
    return Decimal(atoms) / atoms_per_unit(asset)


def atoms(amount: Decimal, asset: str) -> int:
    """An amount of the asset as atoms.

    Raises:
        InvalidValueError: it is not finite, not a whole number of atoms, or beyond 2**53 of them.
    """
    scaled = amount * atoms_per_unit(asset) if amount.is_finite() else amount
    if not amount.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) >= MAX_BOOKED:
        step = Decimal(1) / atoms_per_unit(asset)
        raise InvalidValueError(
            f"amount of {asset}", str(amount), f"a multiple of {step:f} below {MAX_BOOKED * step:f}"
        )
    return int(scaled)

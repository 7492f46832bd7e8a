"""What a mandate allows, in people's units, within hard bounds that nobody may leave."""

import math
from dataclasses import dataclass
from decimal import Decimal

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.instrument import atoms
from cryptopilot.rules.limits import Limits


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What a mandate allows. Shares are fractions of equity, order sizes amounts of the quote asset.

    Raises:
        InvalidValueError: a limit is outside the hard bounds, which nobody may leave.
    """

    min_confidence: float = 0.7
    max_daily_loss: float = 0.05
    max_drawdown: float = 0.15
    max_concurrent: int = 5
    max_position: float = 0.10
    max_correlation: float = 0.7
    min_order: Decimal = Decimal(10)
    max_order: Decimal = Decimal(1000)
    max_signal_age_ms: int = 60_000
    max_price_age_ms: int = 120_000
    cooldown_ms: int = 3_600_000
    whitelist: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name, low, high in BOUNDS:
            value = getattr(self, name)
            if math.isnan(value) or not low <= value <= high:  # A Decimal NaN would not even be compared.
                raise InvalidValueError(name, value, f"{low} to {high}")
        if self.min_order > self.max_order:
            raise InvalidValueError("min_order", self.min_order, f"at most max_order ({self.max_order})")

    def numbers(self, quote: str) -> Limits:
        """The limits as the rules take them: money in atoms of *quote*, shares as doubles, never as integers."""
        return Limits(
            float(self.min_confidence),
            float(self.max_daily_loss),
            float(self.max_drawdown),
            self.max_signal_age_ms,
            self.max_price_age_ms,
            self.max_concurrent,
            float(self.max_position),
            atoms(self.min_order, quote),
            atoms(self.max_order, quote),
            float(self.max_correlation),
        )

    def allows(self, symbol: str) -> bool:
        return self.whitelist is None or symbol in self.whitelist


BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("min_confidence", 0.0, 1.0),
    ("max_daily_loss", 0.001, 0.5),
    ("max_drawdown", 0.01, 0.9),
    ("max_concurrent", 1, 100),
    ("max_position", 0.001, 1.0),
    ("max_correlation", 0.0, 1.0),
    ("min_order", 0, 1_000_000),
    ("max_order", 1, 10_000_000),
    ("max_signal_age_ms", 0, 86_400_000),
    ("max_price_age_ms", 0, 86_400_000),
    ("cooldown_ms", 0, 604_800_000),
)
"""The hard bounds of every numeric limit, ends included."""

"""What an autowallet's owner asked for."""

from dataclasses import dataclass, field

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.prediction import Geometry
from cryptopilot.rules.signals import NEAREST, WIDEST_STOP, WIDEST_TARGET, Terms


@dataclass(frozen=True, slots=True)
class Mandate:
    """Limits, geometry, how far from even a prediction must be before anything is done, and who wishes.

    Args:
        band: distance of the probability from 0.5 within which nothing is done.
        trailing: distance of the trailing stop from the mark, a fraction; 0 for none.
        entry_slack: how far above the mark an entry may fill, a fraction.
        strategy: its name, or the file that it is in (runtime.strategies); parameters: their values, a JSON object.
    Raises:
        InvalidValueError: a value is out of its bounds.
    """

    limits: RiskLimits
    geometry: Geometry = field(default_factory=Geometry)
    band: float = 0.02
    trailing: float = 0.0
    entry_slack: float = 0.005
    strategy: str = "ensemble"
    parameters: str = "{}"

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("stop", self.geometry.stop, NEAREST, WIDEST_STOP),
            ("target", self.geometry.target, NEAREST, WIDEST_TARGET),
            ("hours", self.geometry.hours, 0, 8760),
            ("band", self.band, 0.0, 0.5),
            ("trailing", self.trailing, 0.0, 0.5),
            ("entry_slack", self.entry_slack, 0.0, 0.05),
        ):
            if not low <= value <= high:
                raise InvalidValueError(name, value, f"{low} to {high}")

    def terms(self) -> Terms:
        """What signals are decided by, as the rules take it."""
        limits, geometry = self.limits, self.geometry
        return Terms(
            float(self.band), float(limits.min_confidence), float(limits.max_position), float(geometry.stop),
            float(geometry.target), geometry.longest_ms,
        )  # fmt: skip

"""The paper broker: our matching engine, fed by whatever market the session runs on."""

from collections.abc import Iterable, Sequence

from cryptopilot.domain.errors import UnreviewedOrderError
from cryptopilot.domain.events import InstantClosed, MarketOpened
from cryptopilot.domain.market import MarketView
from cryptopilot.domain.order import Execution, Order, Protection
from cryptopilot.domain.risk import Approved
from cryptopilot.rules.fills import Costs
from cryptopilot.simulation.matching import MatchingEngine, Working


class PaperBroker:
    """A `Broker` that fills on candles. It holds no key, no connection, and no way to get one."""

    def __init__(self, costs: Costs, view: MarketView) -> None:
        self._costs, self._view = costs, view
        self._engine = MatchingEngine(costs)
        self._known_at = -1
        self._known: dict[str, float] = {}

    @property
    def fee_ppm(self) -> int:
        return self._costs.fee_ppm

    def submit(self, approved: Approved) -> None:
        if not isinstance(approved, Approved):
            raise UnreviewedOrderError(f"{approved!r} was not approved by the review")
        self._engine.add(approved.redeem())

    def protect(self, protection: Protection) -> None:
        self._engine.protect(protection)

    def adopt(self, orders: Iterable[Order], protections: Iterable[Protection], met: int) -> None:
        self._engine.adopt((Working(o, met) for o in orders), protections)

    def at_close(self, event: InstantClosed) -> Sequence[Execution]:
        if self._known_at != event.instant:  # An instant that is handled again meets the same market.
            self._known_at, self._known = event.instant, self._volatility()
        return self._engine.close(event.instant, event.bars, self._known)

    def at_open(self, event: MarketOpened) -> Sequence[Execution]:
        return self._engine.open(event.instant, event.openings, self._volatility())

    def _volatility(self) -> dict[str, float]:
        return {s: self._view.volatility(s) for s in self._engine.symbols()}

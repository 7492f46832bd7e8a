"""Sweeps over generated markets: one rough, thin symbol with holes, and a mandate whose limits never bind."""

from decimal import Decimal
from typing import Any

from cryptopilot.domain.instrument import atoms
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Geometry
from cryptopilot.domain.timeframe import DAY
from cryptopilot.research.backtest import Setting
from cryptopilot.research.history import History, history_of
from cryptopilot.research.sweep.space import Space, space_of
from cryptopilot.rules.fills import Costs
from cryptopilot.runtime.wiring import scorer_for
from cryptopilot.simulation.costs import PAPER
from tests.fakes.generated import generated
from tests.fakes.market import ScriptedMarket

SYMBOL = "ADA/USDT"

CROSS: dict[str, Any] = {
    "name": "cross",
    "enter": ["ema(fast) crosses above ema(slow)", "rsi(14) below most"],
    "leave": ["ema(fast) crosses below ema(slow)"],
    "stop": "stop",
    "target": "target",
    "grid": {"fast": [2, 3, 5], "slow": [4, 8, 13], "most": [60, 101], "stop": [0.01, 0.03], "target": [0.01, 0.05]},
    "where": ["fast below slow"],
}


def a_space(**changed: Any) -> Space:
    """The crossing, with other fields."""
    return space_of({**CROSS, **changed})


def a_history(seed: int) -> History:
    """One symbol of a generated market."""
    market = ScriptedMarket({SYMBOL: generated(seed).market.script[SYMBOL]})
    return history_of(market, (), scorer_for(market.instruments))


def a_setting(
    *, size: float = 0.2, hours: int = 0, trailing: float = 0.0, slack: float = 0.005, costs: Costs = PAPER
) -> Setting:
    """A mandate that refuses nothing that a sweep would do."""
    limits = RiskLimits(
        min_confidence=0.0, max_daily_loss=0.5, max_drawdown=0.9, max_position=size, min_order=Decimal(0),
        max_order=Decimal(10_000_000), max_price_age_ms=DAY, cooldown_ms=0,
    )  # fmt: skip
    mandate = Mandate(limits, Geometry(hours=hours), trailing=trailing, entry_slack=slack)
    return Setting(mandate, costs, atoms(Decimal(10_000), "USDT"), "USDT")

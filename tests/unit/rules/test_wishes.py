"""What becomes of a strategy's wish under a mandate, and with books that stand as they do."""

import itertools
from typing import Any

import pytest

from cryptopilot.rules import wishes as rules
from cryptopilot.rules.signals import BUY, HELD, HOLD, SELL, Proposal
from cryptopilot.rules.wishes import OUTCOMES, Wish
from tests.unit.rules.test_signals import RISING, TERMS
from tests.unit.rules.twins import both

NAN = float("nan")
OPEN = Wish(BUY, NAN, NAN, NAN, -1, 0.5)
"""A purchase that leaves everything to the mandate."""
granted, wished = both(rules.granted), both(rules.wished)


@pytest.mark.parametrize(
    ("changes", "proposal"),
    [
        ({}, Proposal(True, BUY, 0.05, 0.02, 0.04, 3_600_000)),
        ({"confidence": NAN}, Proposal(True, BUY, 0.0, 0.02, 0.04, 3_600_000)),
        ({"size": 0.03}, Proposal(True, BUY, 0.03, 0.02, 0.04, 3_600_000)),
        # No wish is larger than the mandate's cap, whatever its confidence.
        ({"size": 0.8, "confidence": 1.0}, Proposal(True, BUY, 0.1, 0.02, 0.04, 3_600_000)),
        ({"stop": 0.3, "target": 2.0}, Proposal(True, BUY, 0.05, 0.3, 2.0, 3_600_000)),
        ({"longest_ms": 0}, Proposal(True, BUY, 0.05, 0.02, 0.04, 0)),
        ({"side": SELL}, Proposal(True, SELL, 0.0, 0.0, 0.0, 0)),
        ({"side": HOLD, "size": 0.5}, HELD),
    ],
)
def test_what_a_wish_leaves_open_is_the_mandates(changes: dict[str, Any], proposal: Proposal) -> None:
    assert wished(OPEN._replace(**changes), TERMS) == proposal


@pytest.mark.parametrize(
    ("wish", "holding", "pending", "said"),
    [
        ({}, False, False, ""),
        ({}, True, False, "position_open"),
        ({}, False, True, "order_pending"),
        ({}, True, True, "order_pending"),
        ({"side": SELL}, True, False, ""),
        ({"side": SELL}, False, False, "no_position"),
        ({"side": SELL}, True, True, "order_pending"),
        ({"side": HOLD}, False, False, "strategy_holds"),
        ({"side": HOLD}, True, True, "strategy_holds"),
        # A stop and a target keep the bounds of a mandate.
        ({"stop": 0.0009}, False, False, "out_of_bounds"),
        ({"stop": 0.001}, False, False, ""),
        ({"stop": 0.51}, False, False, "out_of_bounds"),
        ({"stop": -0.1}, False, False, "out_of_bounds"),
        ({"target": 5.01}, False, False, "out_of_bounds"),
        ({"target": 0.0}, False, False, "out_of_bounds"),
    ],
)
def test_a_wish_that_the_books_do_not_allow_is_a_hold_that_says_why(
    wish: dict[str, Any], holding: bool, pending: bool, said: str
) -> None:
    outcome, proposal = granted(RISING._replace(holding=holding, pending=pending), OPEN._replace(**wish), TERMS)
    assert OUTCOMES[outcome] == said
    assert (proposal == HELD) == bool(said)


def test_only_what_is_possible_is_ever_granted() -> None:
    shares = (NAN, -1.0, 0.0, 0.02, 0.6, 9.0)
    for side, stop, target, holding, pending in itertools.product((-1, 0, 1), shares, shares, (0, 1), (0, 1)):
        situation = RISING._replace(holding=bool(holding), pending=bool(pending))
        _, proposal = granted(situation, OPEN._replace(side=side, stop=stop, target=target), TERMS)
        assert proposal.side == HOLD or not pending
        assert proposal.side != BUY or (not holding and proposal.stop >= 0.001 and proposal.target >= 0.001)
        assert proposal.side != SELL or holding

"""Running totals tell trades that have ended from those that have not."""

from cryptopilot.domain.events import Funnel, OrderFilled
from cryptopilot.domain.position import Position
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.recent import Recent


def sold(trade_id: str, realised: int, *, left: int) -> Batch:
    position = Position(trade_id, "w", "BTC/USDT", left, 0, 1, 1, 1, 0, 0) if left else None
    batch = Batch(0)
    batch.book("w", OrderFilled(0, "o", "BTC/USDT", trade_id, -1, 1, 1, 1, 1000, 3, True, 0, position, realised))
    return batch


def test_what_an_open_trade_has_realised_is_settled_once_it_closes() -> None:
    recent = Recent(Funnel(), trades=2, won=1, realised=130, fees=0, begun={"old": 30})
    assert recent.settled == 100
    recent.observe(sold("new", 50, left=4))
    assert (recent.realised, recent.settled, recent.trades) == (180, 100, 2)
    recent.observe(sold("new", -70, left=0))
    assert (recent.realised, recent.settled, recent.trades, recent.won) == (110, 80, 3, 1)
    recent.observe(sold("old", 5, left=0))
    assert (recent.realised, recent.settled, recent.trades, recent.won) == (115, 115, 4, 2)

"""Book events as rows of the current state: gathered over a batch, then written table by table.

The statements are plain text that SQLite and PostgreSQL both understand, sent with all rows of a batch at once:
composing and sending one for every event cost ten times what the database did with it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cryptopilot.domain import events as book
from cryptopilot.domain.events import BookEvent
from cryptopilot.domain.position import Position
from cryptopilot.rules.protection import STOP, TARGET

Row = tuple[Any, ...]

_EQUITY = """
INSERT INTO equity (session_id, wallet_id, at, equity, cash) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (session_id, wallet_id, at) DO UPDATE SET equity = excluded.equity, cash = excluded.cash"""

_ORDER = """
INSERT INTO orders (session_id, wallet_id, id, symbol, side, lots, filled_lots, limit_ticks, stop_ticks, target_ticks,
longest_ms, born_at, expires_at, reason, confidence, reserved, intended_seq, status, why)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SENT = "UPDATE orders SET status = 'sent' WHERE session_id = ? AND wallet_id = ? AND id = ?"
_FILLED = """
UPDATE orders SET filled_lots = filled_lots + ?, status = ?, reserved = 0
WHERE session_id = ? AND wallet_id = ? AND id = ?"""
_CANCELLED = """
UPDATE orders SET status = 'cancelled', why = ?, reserved = 0 WHERE session_id = ? AND wallet_id = ? AND id = ?"""

_FILL = """
INSERT INTO fills (session_id, wallet_id, order_id, at, trade_id, symbol, side, lots, ticks, fee, reason, realised)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TRADE = """
INSERT INTO trades (session_id, wallet_id, id, symbol, lots, cost, entry_ticks, exit_ticks, fees, realised, opened_at,
closed_at, exit_reason) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?, NULL, 0)"""
_REDUCED = """
UPDATE trades SET exit_ticks = ?, fees = fees + ?, realised = realised + ?, closed_at = ?, exit_reason = ?
WHERE session_id = ? AND wallet_id = ? AND id = ?"""

_POSITION = """
INSERT INTO positions (session_id, wallet_id, symbol, trade_id, lots, cost, entry_ticks, stop_ticks, target_ticks,
longest_ms, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session_id, wallet_id, symbol) DO UPDATE SET trade_id = excluded.trade_id, lots = excluded.lots,
cost = excluded.cost, entry_ticks = excluded.entry_ticks, stop_ticks = excluded.stop_ticks,
target_ticks = excluded.target_ticks, longest_ms = excluded.longest_ms, opened_at = excluded.opened_at"""
_LEFT = "DELETE FROM positions WHERE session_id = ? AND wallet_id = ? AND symbol = ?"
_MOVED = """
UPDATE positions SET stop_ticks = ?, target_ticks = ? WHERE session_id = ? AND wallet_id = ? AND symbol = ?"""

_ACCOUNT = """
UPDATE accounts SET cash = COALESCE(?, cash), equity = COALESCE(?, equity), day_base = COALESCE(?, day_base),
peak = COALESCE(?, peak), marked_at = COALESCE(?, marked_at), head_seq = ?, head_hash = ?
WHERE session_id = ? AND wallet_id = ?"""


class Head(NamedTuple):
    """The newest link of a wallet's chain."""

    sequence: int
    hash: bytes


class _Totals(NamedTuple):
    """What becomes of an account's row; None leaves a column as it is."""

    cash: int | None = None
    equity: int | None = None
    day_base: int | None = None
    peak: int | None = None
    marked_at: int | None = None


class Projection:
    """The rows that a batch's events lead to. Deposits and halts, which are rare, are written by the journal."""

    def __init__(self, session_id: str) -> None:
        self._session = session_id
        self._totals: dict[str, _Totals] = {}
        self._equity: list[Row] = []
        self._orders: list[Row] = []
        self._sent: list[Row] = []
        self._filled: list[Row] = []
        self._cancelled: list[Row] = []
        self._fills: list[Row] = []
        self._trades: list[Row] = []
        self._reduced: list[Row] = []
        self._positions: dict[tuple[str, str], Position | None] = {}
        self._moved: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, wallet_id: str, event: BookEvent, sequence: int) -> None:
        """Add what *event*, at *sequence* in its wallet's chain, changes."""
        totals = self._totals.get(wallet_id)
        if totals is None:
            totals = self._totals[wallet_id] = _Totals()
        match event:
            case book.Marked(at, equity, cash, day_base, peak):
                self._totals[wallet_id] = _Totals(cash, equity, day_base, peak, at)
                self._equity.append((self._session, wallet_id, at, equity, cash))
            case book.OrderIntended(_, o, reserved):
                self._orders.append(
                    (
                        self._session, wallet_id, o.id, o.symbol, o.side, o.lots, 0, o.limit_ticks, o.stop_ticks,
                        o.target_ticks, o.longest_ms, o.born_at, o.expires_at, o.reason, o.confidence, reserved,
                        sequence, "intended", "",
                    )
                )  # fmt: skip
            case book.OrderSent():
                self._sent.append((self._session, wallet_id, event.order_id))
            case book.OrderFilled():
                self._totals[wallet_id] = totals._replace(cash=event.cash)
                self._fill(wallet_id, event, sequence)
            case book.OrderCancelled():
                self._cancelled.append((event.why, self._session, wallet_id, event.order_id))
            case book.ProtectionMoved():
                self._moved[wallet_id, event.symbol] = (event.stop_ticks, event.target_ticks)

    def statements(self, heads: Mapping[str, Head]) -> Iterator[tuple[str, list[Row]]]:
        """What to send, with the accounts standing at *heads*.

        An order is intended, sent, filled, cancelled, and never goes back; a position's protection is moved after
        the fill that it is moved for: so writing one kind after the other leaves every row as one by one would.
        """
        yield _EQUITY, self._equity
        yield _ORDER, self._orders
        ended = {row[-1] for row in (*self._filled, *self._cancelled)}
        yield _SENT, [row for row in self._sent if row[-1] not in ended]
        yield _FILLED, self._filled
        yield _CANCELLED, self._cancelled
        yield _FILL, self._fills
        yield _TRADE, self._trades
        yield _REDUCED, self._reduced
        yield _POSITION, [self._position(w, p) for (w, _), p in self._positions.items() if p is not None]
        yield _LEFT, [(self._session, *key) for key, p in self._positions.items() if p is None]
        yield _MOVED, [(*ticks, self._session, *key) for key, ticks in self._moved.items()]
        yield _ACCOUNT, [(*t, *heads[w], self._session, w) for w, t in self._totals.items()]

    def _fill(self, wallet_id: str, e: book.OrderFilled, sequence: int) -> None:
        self._fills.append(
            (
                self._session, wallet_id, e.order_id, e.at, e.trade_id, e.symbol, e.side, e.lots, e.ticks, e.fee,
                e.reason, e.realised,
            )
        )  # fmt: skip
        if e.reason in (STOP, TARGET):  # A protective exit becomes an order of its own, so that every fill has one.
            self._orders.append(
                (
                    self._session, wallet_id, e.order_id, e.symbol, e.side, e.lots, e.lots, 0, 0, 0, 0, e.at, 0,
                    e.reason, 0.0, 0, sequence, "filled", "",
                )
            )  # fmt: skip
        else:
            status = "filled" if e.done else "partly_filled"
            self._filled.append((e.lots, status, self._session, wallet_id, e.order_id))
        if e.side > 0 and e.position is not None:
            p = e.position
            self._trades.append(
                (self._session, wallet_id, e.trade_id, e.symbol, p.lots, p.cost, e.ticks, e.fee, e.at)
            )  # fmt: skip
        else:
            closed_at = None if e.position else e.at
            self._reduced.append(
                (e.ticks, e.fee, e.realised, closed_at, e.reason, self._session, wallet_id, e.trade_id)
            )
        self._positions[wallet_id, e.symbol] = e.position
        self._moved.pop((wallet_id, e.symbol), None)

    def _position(self, wallet_id: str, p: Position) -> Row:
        return (
            self._session, wallet_id, p.symbol, p.trade_id, p.lots, p.cost, p.entry_ticks, p.stop_ticks,
            p.target_ticks, p.longest_ms, p.opened_at,
        )  # fmt: skip

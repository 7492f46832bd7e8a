"""The first schema."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

_PRICE = "* 1.0 * i.price_num / i.price_den"
_QUANTITY = "* 1.0 * i.lot_num / i.lot_den"

VIEWS = {
    "fills_decimal": f"""
        SELECT f.session_id, f.wallet_id, f.order_id, f.at, f.trade_id, f.symbol, f.side,
               f.lots {_QUANTITY} AS quantity, f.ticks {_PRICE} AS price,
               f.fee * 1.0 / i.quote_atoms AS fee, f.realised * 1.0 / i.quote_atoms AS realised
        FROM fills f JOIN instruments i ON i.session_id = f.session_id AND i.symbol = f.symbol""",
    "positions_decimal": f"""
        SELECT p.session_id, p.wallet_id, p.symbol, p.lots {_QUANTITY} AS quantity,
               p.entry_ticks {_PRICE} AS entry_price, p.stop_ticks {_PRICE} AS stop_price,
               p.target_ticks {_PRICE} AS target_price, p.cost * 1.0 / i.quote_atoms AS cost, p.opened_at
        FROM positions p JOIN instruments i ON i.session_id = p.session_id AND i.symbol = p.symbol""",
    "trades_decimal": f"""
        SELECT t.session_id, t.wallet_id, t.id, t.symbol, t.lots {_QUANTITY} AS quantity,
               t.entry_ticks {_PRICE} AS entry_price, t.exit_ticks {_PRICE} AS exit_price,
               t.fees * 1.0 / i.quote_atoms AS fees, t.realised * 1.0 / i.quote_atoms AS realised,
               t.opened_at, t.closed_at, t.exit_reason
        FROM trades t JOIN instruments i ON i.session_id = t.session_id AND i.symbol = t.symbol""",
}  # No value from outside enters these texts.
"""What people read with any SQL client."""

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("deposited", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.BigInteger(), nullable=False),
        sa.Column("day_base", sa.BigInteger(), nullable=False),
        sa.Column("peak", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.Column("halted", sa.Boolean(), nullable=False),
        sa.Column("head_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id"),
    )
    op.create_table(
        "autowallets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mandate", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "instant"),
    )
    op.create_table(
        "equity",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id", "at"),
    )
    op.create_table(
        "funnels",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id"),
    )
    op.create_table(
        "fills",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("realised", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id", "order_id", "at"),
    )
    op.create_table(
        "instruments",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("tick_size", sa.Text(), nullable=False),
        sa.Column("lot_size", sa.Text(), nullable=False),
        sa.Column("max_price", sa.Text(), nullable=False),
        sa.Column("price_num", sa.BigInteger(), nullable=False),
        sa.Column("price_den", sa.BigInteger(), nullable=False),
        sa.Column("lot_num", sa.BigInteger(), nullable=False),
        sa.Column("lot_den", sa.BigInteger(), nullable=False),
        sa.Column("quote_atoms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "symbol"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id", "wallet_id", "seq", name="journal_is_a_chain"),
    )
    op.create_table(
        "market_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("timeframe_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_instant", sa.BigInteger(), nullable=True),
        sa.Column("opened", sa.BigInteger(), nullable=True),
        sa.Column("batch", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("mandate", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "news",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("coins", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "id"),
    )
    op.create_index("news_by_time", "news", ["session_id", "first_seen_at"], unique=False)
    op.create_table(
        "orders",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("filled_lots", sa.BigInteger(), nullable=False),
        sa.Column("limit_ticks", sa.BigInteger(), nullable=False),
        sa.Column("stop_ticks", sa.BigInteger(), nullable=False),
        sa.Column("target_ticks", sa.BigInteger(), nullable=False),
        sa.Column("longest_ms", sa.BigInteger(), nullable=False),
        sa.Column("born_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("intended_seq", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id", "id"),
    )
    op.create_index("orders_by_birth", "orders", ["session_id", "born_at"], unique=False)
    op.create_index("orders_by_status", "orders", ["session_id", "wallet_id", "status"], unique=False)
    op.create_table(
        "positions",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("entry_ticks", sa.BigInteger(), nullable=False),
        sa.Column("stop_ticks", sa.BigInteger(), nullable=False),
        sa.Column("target_ticks", sa.BigInteger(), nullable=False),
        sa.Column("longest_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id", "symbol"),
    )
    op.create_table(
        "segments",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "kind", "wallet_id", "instant"),
    )
    op.create_table(
        "trades",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("entry_ticks", sa.BigInteger(), nullable=False),
        sa.Column("exit_ticks", sa.BigInteger(), nullable=False),
        sa.Column("fees", sa.BigInteger(), nullable=False),
        sa.Column("realised", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_reason", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "wallet_id", "id"),
    )
    op.create_index("trades_by_symbol", "trades", ["session_id", "wallet_id", "symbol", "closed_at"], unique=False)
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.drop_index("trades_by_symbol", table_name="trades")
    op.drop_table("trades")
    op.drop_table("segments")
    op.drop_table("positions")
    op.drop_index("orders_by_birth", table_name="orders")
    op.drop_index("orders_by_status", table_name="orders")
    op.drop_table("orders")
    op.drop_index("news_by_time", table_name="news")
    op.drop_table("news")
    op.drop_table("market_sessions")
    op.drop_table("journal")
    op.drop_table("instruments")
    op.drop_table("fills")
    op.drop_table("funnels")
    op.drop_table("equity")
    op.drop_table("checkpoints")
    op.drop_table("autowallets")
    op.drop_table("accounts")

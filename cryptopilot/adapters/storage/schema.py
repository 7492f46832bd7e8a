"""The tables. Money, prices and quantities are BIGINT atoms, ticks and lots; views show them as decimals."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData()


def _books(name: str, *columns: SchemaItem) -> Table:
    """A table that belongs to one wallet in one market session."""
    return Table(
        name,
        metadata,
        Column("session_id", Text, primary_key=True),
        Column("wallet_id", Text, primary_key=True),
        *columns,
    )


market_sessions = Table(
    "market_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("market", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("timeframe_ms", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("last_instant", BigInteger),
    Column("opened", BigInteger),
    Column("batch", BigInteger, nullable=False, server_default="0"),
    Column("mandate", Text),
    Column("deciding", Boolean),
)

instruments = Table(
    "instruments",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("tick_size", Text, nullable=False),
    Column("lot_size", Text, nullable=False),
    Column("max_price", Text, nullable=False),
    Column("price_num", BigInteger, nullable=False),
    Column("price_den", BigInteger, nullable=False),
    Column("lot_num", BigInteger, nullable=False),
    Column("lot_den", BigInteger, nullable=False),
    Column("quote_atoms", BigInteger, nullable=False),
)

autowallets = Table(
    "autowallets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("mandate", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("session_id", Text, nullable=False),
    Column("wallet_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("session_id", "wallet_id", "seq", name="journal_is_a_chain"),
)

segments = Table(
    "segments",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("wallet_id", Text, primary_key=True),
    Column("instant", BigInteger, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("root", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

accounts = _books(
    "accounts",
    Column("deposited", BigInteger, nullable=False),
    Column("cash", BigInteger, nullable=False),
    Column("equity", BigInteger, nullable=False),
    Column("day_base", BigInteger, nullable=False),
    Column("peak", BigInteger, nullable=False),
    Column("marked_at", BigInteger, nullable=False),
    Column("halted", Boolean, nullable=False),
    Column("head_seq", BigInteger, nullable=False),
    Column("head_hash", LargeBinary, nullable=False),
)

funnels = _books(
    "funnels",
    Column("body", LargeBinary, nullable=False),
)

equity = _books(
    "equity",
    Column("at", BigInteger, primary_key=True),
    Column("equity", BigInteger, nullable=False),
    Column("cash", BigInteger, nullable=False),
)

positions = _books(
    "positions",
    Column("symbol", Text, primary_key=True),
    Column("trade_id", Text, nullable=False),
    Column("lots", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("entry_ticks", BigInteger, nullable=False),
    Column("stop_ticks", BigInteger, nullable=False),
    Column("target_ticks", BigInteger, nullable=False),
    Column("longest_ms", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
)

orders = _books(
    "orders",
    Column("id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("side", Integer, nullable=False),
    Column("lots", BigInteger, nullable=False),
    Column("filled_lots", BigInteger, nullable=False),
    Column("limit_ticks", BigInteger, nullable=False),
    Column("stop_ticks", BigInteger, nullable=False),
    Column("target_ticks", BigInteger, nullable=False),
    Column("longest_ms", BigInteger, nullable=False),
    Column("born_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("intended_seq", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("why", Text, nullable=False),
    Index("orders_by_status", "session_id", "wallet_id", "status"),
    Index("orders_by_birth", "session_id", "born_at"),
)

fills = _books(
    "fills",
    Column("order_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("trade_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Integer, nullable=False),
    Column("lots", BigInteger, nullable=False),
    Column("ticks", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("realised", BigInteger, nullable=False),
)

trades = _books(
    "trades",
    Column("id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("lots", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("entry_ticks", BigInteger, nullable=False),
    Column("exit_ticks", BigInteger, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("realised", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("exit_reason", Integer, nullable=False),
    Index("trades_by_symbol", "session_id", "wallet_id", "symbol", "closed_at"),
)

news = Table(
    "news",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("published_at", BigInteger, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("coins", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Index("news_by_time", "session_id", "first_seen_at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("instant", BigInteger, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
)
"""People; ``name_key`` is the name in lower case, so that two names differ in more than that."""

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("revoked_why", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("refresh_hash", Text, nullable=False, unique=True),
    Index("sign_ins_of_user", "user_id"),
)

spent_refreshes = Table(
    "spent_refreshes",
    metadata,
    Column("refresh_hash", Text, primary_key=True),
    Column("sign_in_id", Text, nullable=False),
    Column("spent_at", BigInteger, nullable=False),
    Index("spent_refreshes_of_sign_in", "sign_in_id"),
)

throttles = Table(
    "throttles",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index("throttles_by_time", "last_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)
"""One row: the newest entry, so that a trail that was cut short is noticed."""

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("kept_answers_by_time", "created_at"),
)

stored_settings = Table(
    "stored_settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", BigInteger, nullable=False),
)

backtests = Table(
    "backtests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("begun_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("state", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("errand", Text, nullable=False),
    Column("figures", Text),
    Column("problem", Text),
    Index("backtests_of_user", "user_id", "asked_at"),
)
"""Jobs; their reports are files in the home."""

"""What the pipeline says: the logger ``trading_pipeline``, structured, as JSON or for people."""

import logging
import sys
from pathlib import Path

import structlog

from cryptopilot.domain.events import (
    EntriesHalted,
    EntriesResumed,
    InstantDecided,
    OrderCancelled,
    OrderFilled,
    OrderIntended,
)
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.journal import Batch

NAME = "trading_pipeline"
log = structlog.stdlib.get_logger(NAME)


def configure_logging(style: str, level: str = "INFO", file: Path | None = None) -> None:
    """Send everything to stderr, or to *file*; *style* is ``json`` or ``console``."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=file is None and sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            render,
        ],
    )
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers:
        old.close()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("alembic", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def log_batch(batch: Batch) -> None:
    """Say what moved the books, a line each: an observer of committed batches. Money in atoms, prices in ticks."""
    for wallet_id, event in batch.events:
        about = {"wallet": wallet_id, "at": iso(event.at)}
        match event:
            case OrderIntended(order=order):
                side = "sell" if order.only_reduces else "buy"
                log.info("order_intended", **about, symbol=order.symbol, side=side, lots=order.lots, order_id=order.id)
            case OrderFilled():
                log.info(
                    "order_filled", **about, symbol=event.symbol, side="buy" if event.side > 0 else "sell",
                    lots=event.lots, ticks=event.ticks, fee=event.fee, realised=event.realised, cash=event.cash,
                    order_id=event.order_id, trade_id=event.trade_id,
                )  # fmt: skip
            case OrderCancelled():
                log.info("order_cancelled", **about, symbol=event.symbol, order_id=event.order_id, why=event.why)
            case EntriesHalted() | EntriesResumed():
                log.warning("entries_halted" if isinstance(event, EntriesHalted) else "entries_resumed",
                            **about, who=event.who, why=event.why)  # fmt: skip
            case InstantDecided(failure=failure) if failure:
                log.error("decided_nothing", **about, failure=failure)

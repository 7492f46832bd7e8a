"""What the pipeline shows of itself, in plain values: money as texts, times as ISO 8601, ratios as fractions."""

from cryptopilot.domain.instrument import money
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.stage import Stage
from cryptopilot.domain.tally import Tally
from cryptopilot.domain.timeframe import iso, timeframe_text
from cryptopilot.engine.schedule import Schedule
from cryptopilot.rules.limits import daily_loss, drawdown
from cryptopilot.runtime.recent import Recent
from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.shapes.pipeline import AgentStatus, Limits, PipelineConfig, Risk, Status
from cryptopilot.runtime.wiring import Assembly


def pipeline_config(settings: Settings) -> PipelineConfig:
    """The published shape of the settings."""
    return {
        "data_collection_interval": settings.data_collection_interval,
        "prediction_interval": settings.prediction_interval,
        "signal_generation_interval": settings.signal_generation_interval,
        "trade_execution_interval": settings.trade_execution_interval,
        "max_concurrent_trades": settings.max_concurrent_trades,
        "min_confidence_threshold": settings.min_confidence_threshold,
        "risk_management": {
            "max_position_size": settings.max_position_size,
            "max_daily_loss": settings.max_daily_loss,
            "stop_loss_percentage": settings.stop_loss_percentage,
            "take_profit_percentage": settings.take_profit_percentage,
            "max_correlation": settings.max_correlation,
            "max_drawdown": settings.max_drawdown,
        },
    }


def status_of(
    assembly: Assembly, schedule: Schedule, recent: Recent, total: Tally, settings: Settings,
    error: BaseException | None,
) -> Status:  # fmt: skip
    """What runs, how each agent does, where the books and the limits stand (docs/python.md).

    Args:
        total: what all trades have come to.
    """
    pipeline, candles, account = assembly.pipeline, assembly.market.candles, assembly.trader.account
    worth = account.worth(assembly.view.mark)
    profit = worth - account.deposited
    return {
        "is_running": pipeline.started,
        "mode": "paper",
        "market": candles.name,
        "label": candles.label,
        "simulated": candles.label == "SIMULATED",
        "session_id": assembly.session_id,
        "timeframe": timeframe_text(candles.timeframe_ms),
        "market_time": iso(pipeline.handled),
        "speed": settings.speed,
        "config": pipeline_config(settings),
        "stats": {
            "total_signals": sum(recent.funnel.signals.values()),
            "total_trades": total.closed,
            "successful_trades": total.won,
            "total_pnl": f"{money(profit, assembly.quote):f}",
            "realised_pnl": f"{money(total.realised, assembly.quote):f}",
            "unrealised_pnl": f"{money(profit - total.realised, assembly.quote):f}",
            "last_update": iso(pipeline.handled),
        },
        "market_data_count": sum(1 for s in assembly.view.symbols if assembly.view.mark(s)),
        "predictions_count": len(recent.predictions),
        "signals_count": len(recent.judged),
        "trades_count": total.closed + len(account.positions),
        "agents": {
            "collector": _agent(assembly, schedule, Stage.COLLECTOR),
            "predictor": _agent(assembly, schedule, Stage.PREDICTOR),
            "strategy": _agent(assembly, schedule, Stage.STRATEGY),
            "trader": _agent(assembly, schedule, Stage.TRADER),
        },
        "risk": _risk(assembly, recent),
        "account": {
            "cash": f"{money(account.cash, assembly.quote):f}",
            "equity": f"{money(worth, assembly.quote):f}",
            "capital": f"{money(account.deposited, assembly.quote):f}",
            "quote": assembly.quote,
            "open_positions": len(account.positions),
        },
        "failure": pipeline.fatal
        or (f"{type(error).__name__}: {error}" if error else None)
        or pipeline.failure
        or None,
        "busy": False,
        "journal": "away" if pipeline.journal_away else "ok",
        "source_errors": dict(assembly.collector.errors),
        "model_errors": dict(assembly.predictor.errors),
        "strategy_errors": dict(assembly.strategy.errors),
    }


def _agent(assembly: Assembly, schedule: Schedule, stage: Stage) -> AgentStatus:
    s = assembly.pipeline.stages[stage]
    return {
        "status": "failed" if assembly.pipeline.fatal else s.state if assembly.pipeline.started else "stopped",
        "last_execution": None if s.last_execution is None else iso(s.last_execution),
        "next_execution": iso(min(schedule.next_instant, schedule.next_beat_of(stage))),
        "execution_count": s.execution_count,
        "skipped_count": s.skipped_count,
        "error_count": s.error_count,
        "last_error": s.last_error,
        "processing_time_ms": s.processing_time_ms,
    }


def limits_of(limits: RiskLimits) -> Limits:
    """A mandate's limits in their published shape."""
    return {
        "max_daily_loss": limits.max_daily_loss,
        "max_drawdown": limits.max_drawdown,
        "max_position_size": limits.max_position,
        "max_concurrent_trades": limits.max_concurrent,
        "max_correlation": limits.max_correlation,
        "min_confidence_threshold": limits.min_confidence,
        "min_order": f"{limits.min_order:f}",
        "max_order": f"{limits.max_order:f}",
        "cooldown": limits.cooldown_ms // 1000,
        "whitelist": None if limits.whitelist is None else sorted(limits.whitelist),
    }


def _risk(assembly: Assembly, recent: Recent) -> Risk:
    account, limits = assembly.trader.account, assembly.mandate.limits
    book = account.book()
    lost, fallen = daily_loss(book), drawdown(book)
    reducing = not (lost < limits.max_daily_loss and fallen < limits.max_drawdown) and book.equity > 0
    halted = recent.halted if book.halted else None
    return {
        "state": "halted" if book.halted else "reducing" if reducing else "active",
        "daily_loss": lost if lost == lost else None,
        "drawdown": fallen if fallen == fallen else None,
        "open_positions": len(account.positions),
        "reserved": f"{money(sum(account.reservations.values()), assembly.quote):f}",
        "halted_by": None if halted is None else halted.who,
        "halted_why": None if halted is None else halted.why,
        "halted_at": None if halted is None else iso(halted.at),
        "limits": limits_of(limits),
    }

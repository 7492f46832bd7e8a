"""The published desk: a Python object in front of the real service. Importing it opens nothing."""

import threading
from collections.abc import Mapping
from typing import Any

from cryptopilot.domain.stage import Stage
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.status import pipeline_config
from cryptopilot.runtime.views.stage import stage_answer


class TradingPipelineService:
    """Opens the service on the first call that needs it; forced and scheduled runs take turns."""

    def __init__(self) -> None:
        self._service: PipelineService | None = None
        self._turn = threading.Lock()

    def start_pipeline(self) -> dict[str, Any]:
        """Start deciding; opens home, database and market if that has not happened yet."""
        service = self._opened()
        if service.is_running:
            return {"success": False, "message": "the pipeline is running already"}
        service.start_pipeline()
        return {"success": True, "message": "the pipeline is started"}

    def stop_pipeline(self) -> dict[str, Any]:
        """Stop deciding, after the stage in hand; then let go of home, database and market."""
        with self._turn:
            service, self._service = self._service, None
        if service is None:
            return {"success": False, "message": "the pipeline is not running"}
        service.stop_pipeline()
        service.close()
        return {"success": True, "message": "the pipeline is stopped"}

    def get_pipeline_status(self) -> Mapping[str, Any]:
        """The status; before the first start, that nothing runs."""
        service = self._service
        if service is None:
            return {"is_running": False, "config": pipeline_config(load_settings())}
        return service.status()

    def clear_cache(self) -> dict[str, Any]:
        """Forget what only speeds up looking; the books are untouched."""
        service = self._service
        return {"success": True, "cleared": service.clear_cache() if service else {}}

    def _collect_market_data(self) -> dict[str, Any]:
        return self._force(Stage.COLLECTOR)

    def _generate_predictions(self) -> dict[str, Any]:
        return self._force(Stage.PREDICTOR)

    def _generate_trading_signals(self) -> dict[str, Any]:
        return self._force(Stage.STRATEGY)

    def _execute_trades(self) -> dict[str, Any]:
        return self._force(Stage.TRADER)

    def _force(self, stage: Stage) -> dict[str, Any]:
        return dict(stage_answer(self._opened().run_stage(stage)))

    def _opened(self) -> PipelineService:
        with self._turn:
            if self._service is None:
                service = PipelineService(load_settings())
                service.open()
                service.run()
                self._service = service
            return self._service


trading_pipeline_service = TradingPipelineService()

"""A service that has traded, for those who only look at it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from cryptopilot.runtime.performance import Performance
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings


class Traded(NamedTuple):
    """A service, and the statistics that have run along since it was opened."""

    service: PipelineService
    performance: Performance

    def advance(self, instants: int) -> None:
        """Let the market go on by hand."""
        runner = self.service._runner
        assert runner is not None
        for _ in range(instants):
            runner._handle(runner._schedule.take_instant())


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Traded]]:
    """Opens a service on the home of that name; its made-up market is always the same."""
    patch = pytest.MonkeyPatch()
    patch.setattr("cryptopilot.runtime.markets.wall_ms", lambda: 1_763_856_000_000)
    folder = tmp_path_factory.mktemp("homes")

    def opened(name: str) -> Traded:
        settings = load_settings(
            CRYPTOPILOT_HOME=folder / name, PIPELINE_SEED=20, PIPELINE_MIN_CONFIDENCE=0.5, PIPELINE_SPEED="max"
        )
        service = PipelineService(settings)
        service.open()
        performance = Performance.resumed(service.assembly, service.reader())
        service.observe(performance.observe)
        service.start_pipeline()
        return Traded(service, performance)

    yield opened
    patch.undo()


@pytest.fixture(scope="module")
def traded(begin: Callable[[str], Traded]) -> Iterator[Traded]:
    """Three hundred instants of the sandbox: a day of trades."""
    found = begin("traded")
    with closing(found.service):
        found.advance(300)
        assert found.performance.now.total.closed > 10
        yield found

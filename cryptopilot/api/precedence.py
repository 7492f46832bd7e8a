"""The pipeline goes first: while it has an instant in hand, the web server stands still.

Both run in one process and share one interpreter lock. Under a flood of requests each step of an instant would wait
for its turn among them; so the server's own thread waits instead, for the few milliseconds that an instant takes.
"""

from cryptopilot.runtime.service import PipelineService

LONGEST_S = 0.05
"""How long the server gives way at most: an instant that hangs must not silence it."""


class Precedence:
    """Gives way once to every instant."""

    def __init__(self, service: PipelineService) -> None:
        self._service = service
        self._gave_way_to = -1

    def give_way(self) -> None:
        """Return once no instant is in hand. Blocks the server's loop, on purpose."""
        pipeline = self._service.assembly.pipeline
        if pipeline.busy_ms and pipeline.handled != self._gave_way_to:
            self._gave_way_to = pipeline.handled
            with pipeline.quiet(LONGEST_S):
                pass

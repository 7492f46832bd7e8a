"""The pipeline goes first: while it has an instant in hand, the web server stands still.

Both run in one process and share one interpreter lock. Under a flood of requests each step of an instant would wait
for its turn among them; so the server's own thread waits instead, for the few milliseconds that an instant takes.
And a thread that becomes due gets the lock from one that computes after a fraction of a millisecond, not after five.
Measured in docs/decisions/0010-the-pipeline-goes-first.md.
"""

import gc
import sys

from cryptopilot.runtime.service import PipelineService

LONGEST_S = 0.05
"""How long the server gives way at most: an instant that hangs must not silence it."""


SWITCH_S = 0.0002
"""How long a thread that computes keeps the interpreter from one that has become due; Python's own is 0.005."""

COLLECTING = (10_000, 50, 1000)
"""How often cycles are looked for, against Python's (700, 10, 10): requests leave next to none, and a whole look
takes the interpreter from an instant for as long as it lasts."""


class Precedence:
    """Gives way once to every instant; sets the interpreter's switch interval and collector for the whole process."""

    def __init__(self, service: PipelineService) -> None:
        self._service = service
        sys.setswitchinterval(SWITCH_S)
        gc.set_threshold(*COLLECTING)
        self._gave_way_to = -1

    def give_way(self) -> None:
        """Return once no instant is in hand. Blocks the server's loop, on purpose."""
        pipeline = self._service.assembly.pipeline
        if pipeline.busy_ms and pipeline.handled != self._gave_way_to:
            self._gave_way_to = pipeline.handled
            with pipeline.quiet(LONGEST_S):
                pass

"""A running server to be measured, in a process of its own: ``python -m bench.served SYMBOLS EVERY_MS``.

The whole product on a synthetic market of so many symbols, an instant every so many wall milliseconds. It says its
port and a token, runs until its input ends, and then says what every instant was like. Clocks are the machine's
monotonic one, which all processes share.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from argon2 import PasswordHasher

from bench.measure import scratch
from bench.synthetic import STEP, SyntheticMarket, SyntheticNews
from cryptopilot.api.app import create_app
from cryptopilot.api.server import make_server, take_port
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime import markets
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.front_desk import FrontDesk, open_front_desk
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

INSTANTS = 20_000


class Watched:
    """Every instant: when it was due, begun, committed and done (monotonic s), and the process's CPU s until then."""

    def __init__(self, service: PipelineService, every_ms: float) -> None:
        self.instants: list[dict[str, float]] = []
        self._committed: dict[int, float] = {}
        self._every_s = every_ms / 1000
        self._pipeline = service.assembly.pipeline
        self._decide = self._pipeline.decide
        self._clock = service._clock
        self._pipeline.observers.insert(0, self._commit)
        self._pipeline.decide = self._watch  # type: ignore[method-assign]

    def _watch(self, instant: int) -> None:
        began = time.perf_counter()
        due = began - (self._clock.now() - instant) / STEP * self._every_s
        self._decide(instant)
        done = time.perf_counter()
        committed = self._committed.pop(instant)
        times = {"due": due, "began": began, "committed": committed, "done": done}
        self.instants.append({"at": instant, **times, "cpu": time.process_time()})

    def _commit(self, batch: Batch) -> None:
        self._committed.setdefault(batch.instant, time.perf_counter())


@contextmanager
def opened(symbols: int, every_ms: float) -> Iterator[tuple[FrontDesk, str]]:
    """A desk on a synthetic market, its pipeline started but its clock not running, and a token."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # Nothing is printed while measuring.
    market = SyntheticMarket(symbols, INSTANTS if symbols < 200 else 500)
    markets.open_market = lambda _: markets.Market(market, (SyntheticNews(market),))
    with scratch() as folder:
        given: dict[str, Any] = {"CRYPTOPILOT_HOME": str(folder / "home"), "PORT": 0}
        service = PipelineService(load_settings(**given, PIPELINE_SPEED=str(STEP / every_ms)))
        service.open()
        try:
            desk = open_front_desk(service, Passwords(PasswordHasher(1, 8, 1)))
            code = str(service.home.setup_code())
            granted = desk.access.sign_in.set_up(code, "bench", "marigold kettle thunder", "127.0.0.1")
            service.start_pipeline()
            yield desk, granted.access_token
        finally:
            service.close()


def main(symbols: int, every_ms: float) -> None:
    with opened(symbols, every_ms) as (desk, token):
        service = desk.service
        watched = Watched(service, every_ms)
        taken = take_port(service.settings, has_users=True)
        server = make_server(create_app(desk), service.settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        service.run()
        print(json.dumps({"port": taken.getsockname()[1], "token": token}), flush=True)
        sys.stdin.read()
        server.should_exit = True
        thread.join()
        service.halt()
        print(json.dumps(watched.instants), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))

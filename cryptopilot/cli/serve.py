"""``cryptopilot serve`` and ``python app.py``: the pipeline, its server and its live view."""

import signal
import sys
import threading
import time
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live

from cryptopilot.api.app import create_app
from cryptopilot.api.server import LOOPBACK, make_server, take_port
from cryptopilot.cli.live_view import LiveView, plain_lines
from cryptopilot.cli.output import say, say_json
from cryptopilot.domain.errors import CryptoPilotError, IntegrityError, PipelineStoppedError
from cryptopilot.runtime import report
from cryptopilot.runtime.desk_log import configure_logging
from cryptopilot.runtime.front_desk import open_front_desk
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings
from cryptopilot.runtime.warming import Warming

_REFRESH_S = 0.5
_LINE_S = 10.0


def serve(
    overrides: dict[str, Any], choice: Choice, *, live: bool | None = None, start: bool = True, fresh: bool = False,
    as_json: bool = False,
) -> None:  # fmt: skip
    """Run until told to stop, or until a replay at full speed has come to its end; then say what it came to."""
    settings = load_settings(**overrides)
    console = Console(stderr=True)
    live = console.is_terminal if live is None else live
    service = PipelineService(settings, choice, fresh=fresh)
    configure_logging(settings.log_format, file=service.home.path / "cryptopilot.log" if live else None)
    taken = None
    warming = Warming(service.home.path)
    try:
        if settings.host in LOOPBACK:  # A taken port is an error before anything else happens.
            taken = take_port(settings, has_users=False)
        service.open()
        desk = open_front_desk(service)
        taken = taken or take_port(settings, has_users=not desk.access.sign_in.needs_setup)
        address = f"{'https' if settings.tls_key else 'http'}://{settings.host}:{taken.getsockname()[1]}"
        server = make_server(create_app(desk, frozenset(settings.hosts)), settings)
        _announce(service, address)
        if start:
            service.start_pipeline()
        service.run()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        http = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, name="http", daemon=True)
        http.start()
        batch = settings.speed == "max"
        if settings.warm_kernels and not batch:  # Who replays at full speed wants the processor for that.
            warming.start()
        with (
            Live(LiveView(service, address), console=console, refresh_per_second=1 / _REFRESH_S)
            if live
            else nullcontext()
        ):
            _watch(service, stop, http, batch=batch, lines=not live)
        if not (stop.is_set() or http.is_alive()):
            raise PipelineStoppedError("the web server has ended; without a door nobody could halt the pipeline")
        server.should_exit = True
        http.join(5)
        service.halt()
        if service.error is not None:
            raise service.error
        document = report.session_report(service)
        say_json(document) if as_json else say(report.in_words(document))
    finally:
        warming.stop()
        service.close()
        if taken is not None:
            taken.close()


def _watch(
    service: PipelineService, stop: threading.Event, http: threading.Thread, *, batch: bool, lines: bool
) -> None:
    """Wait for a signal, the loop's or the server's failure, or the end of a replay that runs at full speed."""
    last = time.monotonic()
    while not stop.wait(_REFRESH_S if not batch else 0.05):
        if service.error is not None or not http.is_alive() or (batch and service.finished):
            return
        if lines and time.monotonic() - last >= _LINE_S:
            last = time.monotonic()
            for line in plain_lines(service):
                sys.stderr.write(line + "\n")


def _announce(service: PipelineService, address: str) -> None:
    candles = service.assembly.market.candles
    sys.stderr.write(
        f"CryptoPilot on {address}: {candles.label} {candles.name}, {len(candles.instruments)} symbols, "
        f"session {service.assembly.session_id} "
        f"{'resumed with its own capital and prices' if service.resumed else 'opened'}, "
        f"ready in {service.opening_ms:.0f} ms\n"
    )
    for note in service.assembly.market.notes:
        sys.stderr.write(f"{note}\n")
    code = service.home.setup_code()
    if code is not None:
        sys.stderr.write(f"one-time set-up code: {code} (also in {service.home.path / 'setup-code'})\n")
    sys.stderr.flush()


def main() -> int:
    """``python app.py``: everything from the environment."""
    try:
        serve({}, Choice(), live=False)
    except IntegrityError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except CryptoPilotError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0

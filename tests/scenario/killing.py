"""A writer that kills itself at a seeded point, and what its successor must find.

Run as a program of its own (``python -m tests.scenario.killing --kills 200``), single-threaded, so that forking is
safe: everything is imported and the market's history folded once; each kill then costs a fork or two.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text

from cryptopilot.adapters.storage.database import connect, open_database
from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.sessions import Sessions
from cryptopilot.domain.events import BookEvent
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.journal import Batch
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.settings import Settings, load_settings
from cryptopilot.runtime.wiring import Assembly, assemble_stored, one_quote, runner_for
from tests.fakes.oracle import assert_books_hold

SPEC = {
    "market": "sandbox",
    "symbols": ["BTC/USDT", "DOGE/USDT", "ETH/USDT", "LINK/USDT", "SOL/USDT"],
    "timeframe": "5m",
    "seed": 20,
    "first_decision": 1_763_856_000_000,
}
INSTANTS = 90
MANDATE: dict[str, Any] = {
    "PIPELINE_MIN_CONFIDENCE": 0.4,
    "PIPELINE_MAX_CORRELATION": 0.95,
    "PIPELINE_STOP_LOSS": 0.006,
}


class Writer:
    """One process's life: opens the database, recovers, runs to the end, tells each committed batch to a pipe."""

    def __init__(self, url: str, home: Path) -> None:
        self.settings: Settings = load_settings(
            CRYPTOPILOT_HOME=home, DATABASE_URL=url, PIPELINE_SPEED="max", **MANDATE
        )
        self.engine: Engine = connect(url)
        session = Sessions(self.engine).all()[0]
        self.assembly: Assembly = assemble_stored(self.engine, session, open_market(session.spec), self.settings)

    def run(self, acknowledge: Callable[[Batch], None] = lambda _: None, instants: int = INSTANTS) -> None:
        self.assembly.pipeline.observers.append(acknowledge)
        recovered = self.assembly.recover()
        self.assembly.pipeline.started = True
        runner, schedule, _ = runner_for(self.assembly, recovered, self.settings)
        schedule.silence()
        runner.until(SPEC["first_decision"] + (instants - 1) * 300_000)  # type: ignore[operator]
        runner.run()
        runner.stop()

    def failpoints(self, point: Callable[[str], None]) -> None:
        """Have *point* called at every boundary where a crash could hurt."""
        event.listen(self.engine, "before_cursor_execute", lambda *_: point("before a statement"))
        event.listen(self.engine, "after_cursor_execute", lambda *_: point("after a statement"))
        event.listen(self.engine, "commit", lambda _: point("before a commit"))
        broker: Any = self.assembly.desks[0].outbox._broker
        for name in ("submit", "protect", "at_open", "at_close"):
            setattr(broker, name, _around(getattr(broker, name), name, point))
        journal: Any = self.assembly.journal
        journal.commit = _around(journal.commit, "commit", point)


def _around(call: Callable[..., Any], name: str, point: Callable[[str], None]) -> Callable[..., Any]:
    def wrapped(*args: Any) -> Any:
        point(f"before {name}")
        answer = call(*args)
        point(f"after {name}")
        return answer

    return wrapped


def records(engine: Engine) -> list[BookEvent]:
    """Every book event of the session, its chain verified."""
    return list(_journal(engine).events("default"))


def _journal(engine: Engine) -> SqlJournal:
    session = Sessions(engine).all()[0]
    from cryptopilot.runtime.markets import open_market  # Only for its instruments.

    instruments = open_market(session.spec).candles.instruments
    return SqlJournal(engine, session.id, one_quote(instruments), {s: i.scale for s, i in instruments.items()})


def prepare(folder: Path) -> Path:
    """A database whose session has folded its history and decided nothing: what every kill starts from."""
    path = folder / "template.db"
    engine = open_database(f"sqlite:///{path}")
    session = Sessions(engine).open("sandbox", "SIMULATED", SPEC, "USDT", 300_000, 1)
    assert session.id == "sandbox-1"
    engine.dispose()
    writer = Writer(f"sqlite:///{path}", folder)
    writer.assembly.recover()
    writer.assembly.pipeline.save_checkpoint()
    with writer.engine.begin() as connection:
        connection.execute(text("PRAGMA user_version = 1"))
    writer.engine.dispose()
    return path


def reference(template: Path, folder: Path) -> tuple[list[BookEvent], dict[str, int]]:
    """The records of a run that nobody kills, and how often it passes each failpoint."""
    home = folder / "reference"
    home.mkdir()
    shutil.copy(template, home / "x.db")
    writer = Writer(f"sqlite:///{home / 'x.db'}", home)
    passed: dict[str, int] = {}

    def point(name: str) -> None:
        passed[name] = passed.get(name, 0) + 1

    writer.failpoints(point)
    writer.run()
    found = records(writer.engine)
    writer.engine.dispose()
    return found, passed


def kill_once(seed: int, template: Path, folder: Path, expected: list[BookEvent], passed: dict[str, int]) -> str:
    """One life cut short at a seeded point, then a second one to the end; says what is wrong, or nothing."""
    draw = random.Random(seed)
    name = draw.choice(sorted(passed))
    nth = draw.randint(1, passed[name])
    home = folder / f"seed-{seed}"
    home.mkdir()
    shutil.copy(template, home / "x.db")
    url = f"sqlite:///{home / 'x.db'}"
    reader, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _live_until(url, home, name, nth, pipe)
    os.close(pipe)
    with os.fdopen(reader) as told:
        acknowledged = sum(int(line) for line in told if line.endswith("\n"))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        return f"seed {seed}: the writer died of signal {os.WTERMSIG(status)}"
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        return f"seed {seed}: the writer failed at {name} {nth}"
    try:
        _check(url, home, acknowledged, expected)
    except Exception as error:
        return f"seed {seed}, killed at {name} number {nth}: {type(error).__name__}: {str(error)[:500]}"
    finally:
        shutil.rmtree(home)
    return ""


def _live_until(url: str, home: Path, name: str, nth: int, pipe: int) -> None:
    """The child's life: ends by SIGKILL at the nth passing of a failpoint."""
    left = [nth]

    def point(passing: str) -> None:
        if passing == name:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        writer = Writer(url, home)
        writer.failpoints(point)

        def acknowledge(batch: Batch) -> None:
            os.write(pipe, b"%d\n" % len(batch.events))

        writer.run(acknowledge)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def _check(url: str, home: Path, acknowledged: int, expected: list[BookEvent]) -> None:
    """Nothing accepted is lost, nothing is doubled, every position is protected; and the second life ends as one."""
    engine = connect(url)
    found = records(engine)
    assert found == expected[: len(found)], _first_difference(found, expected)
    assert len(found) >= acknowledged + 1, f"{acknowledged} events were acknowledged, {len(found) - 1} are there"
    engine.dispose()
    writer = Writer(url, home)
    writer.run()
    instruments = dict(writer.assembly.instruments)
    whole = records(writer.engine)
    account = writer.assembly.trader.account
    assert_books_hold(whole, account, writer.settings.mandate().limits, instruments)
    assert whole == expected, _first_difference(whole, expected)
    guarded = writer.assembly.desks[0].outbox._broker._engine._protections  # type: ignore[attr-defined]
    assert set(guarded) == set(account.positions), "a position that the venue does not guard"
    writer.engine.dispose()


def _first_difference(found: list[BookEvent], expected: list[BookEvent]) -> str:
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=False)):
        if ours != theirs:
            return f"record {number} is {ours}, should be {theirs}"
    return f"{len(found)} records, should be {len(expected)}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--strategy", default="ensemble")
    options = parser.parse_args()
    MANDATE["PIPELINE_STRATEGY"] = options.strategy
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template = prepare(folder)
        expected, passed = reference(template, folder)
        kinds = [type(e).__name__ for e in expected]
        wrong = [
            problem
            for seed in range(options.first_seed, options.first_seed + options.kills)
            if (problem := kill_once(seed, template, folder, expected, passed))
        ]
    summary = {
        "kills": options.kills, "records": len(expected), "fills": kinds.count("OrderFilled"),
        "intents": kinds.count("OrderIntended"), "last": iso(expected[-1].at), "failpoints": passed, "wrong": wrong,
    }  # fmt: skip
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Tasks in processes of this machine.

`concurrent.futures` gives all its workers up when one dies, and cannot say which task it died of. Here every worker has
a pipe of its own: a dead one is known by its pipe's end, with its task and its exit code, and the others go on.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from cryptopilot.adapters.pools.attempt import Answer, attempt
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.ports.pool import Done, Failed

Task = TypeVar("Task")
Result = TypeVar("Result")

PATIENCE_S = 5.0
"""How long a worker may take to end when it is told to."""

_SPAWN = get_context("spawn")  # Nothing is inherited: no thread, no lock, no connection of the parent's.


@dataclass(eq=False)
class _Errand(Generic[Task]):
    """A task and how often it has been tried."""

    task: Task
    tries: int = 0


@dataclass(eq=False)
class _Worker:
    """A process and our end of its pipe."""

    process: SpawnProcess
    pipe: Connection
    errand: _Errand[Any] | None = None


@dataclass
class Processes:
    """Workers in processes of their own, started when there is work and kept until `close`.

    Args:
        workers: how many; one for each core by default.
    Raises:
        InvalidValueError: fewer than one.
    """

    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InvalidValueError("workers", self.workers, "1 or more")
        self._idle: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[Done[Task, Result] | Failed[Task]]:
        fresh, again, busy = (_Errand(task) for task in tasks), deque[_Errand[Task]](), dict[Connection, _Worker]()
        try:
            while True:
                while len(busy) < self.workers and (errand := again.popleft() if again else next(fresh, None)):
                    worker = self._sent(function, errand)
                    busy[worker.pipe] = worker
                if not busy:
                    return
                for pipe in cast("list[Connection]", wait(list(busy))):
                    outcome: Done[Task, Result] | Failed[Task] | None = self._outcome(busy[pipe], again)
                    del busy[pipe]
                    if outcome is not None:
                        yield outcome
        finally:
            for worker in busy.values():
                _end(worker, at_once=True)

    def close(self) -> None:
        """End every worker."""
        while self._idle:
            _end(self._idle.pop())

    def _sent(self, function: Callable[[Task], Result], errand: _Errand[Task]) -> _Worker:
        """A worker that has the errand in hand."""
        worker = self._idle.pop() if self._idle else _started()
        worker.errand = errand
        errand.tries += 1
        try:
            worker.pipe.send((function, errand.task))
        except ConnectionError:  # It died while it had nothing to do; that is seen where its answer is awaited.
            pass
        except BaseException:
            _end(worker)
            raise
        return worker

    def _outcome(self, worker: _Worker, again: deque[_Errand[Task]]) -> Done[Task, Result] | Failed[Task] | None:
        """What a worker's errand came to; None when its worker died and it is to be tried again."""
        errand = worker.errand
        assert errand is not None
        try:
            answer: Answer[Result] = worker.pipe.recv()
        except (EOFError, ConnectionError):
            how = _end(worker)
            if errand.tries > 1:
                return Failed(errand.task, f"its worker died twice, the last time {how}", died=True)
            again.append(errand)
            return None
        worker.errand = None
        self._idle.append(worker)
        if answer.why is not None:
            return Failed(errand.task, answer.why)
        return Done(errand.task, answer.result)  # type: ignore[arg-type]


def serve(pipe: Connection) -> None:
    """A worker's life: one task after the other, until its pipe ends."""
    while True:
        try:
            function, task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        answer = attempt(function, task)
        try:
            pipe.send(answer)
        except ConnectionError:  # Whoever asked is gone.
            return


def _started() -> _Worker:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(theirs,), daemon=True)
    with _undisturbed():
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _end(worker: _Worker, *, at_once: bool = False) -> str:
    """End a worker, which an idle one does when its pipe ends, and say how it ended."""
    worker.pipe.close()
    if at_once:
        worker.process.terminate()
    worker.process.join(PATIENCE_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    code = worker.process.exitcode
    worker.process.close()
    assert code is not None
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; what starts here never sees it, and is ended by its parent.

    The tracker that multiprocessing starts beside its first process would let it through again.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

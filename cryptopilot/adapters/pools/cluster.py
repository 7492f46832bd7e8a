"""Tasks on a Dask cluster, which runs what it is sent: whoever reaches one without TLS reaches its machines.

So a cluster is asked over ``tls://`` with certificates of both sides, or over ``tcp://`` on this very machine.
`distributed` is imported when a cluster is named, and not before.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from cryptopilot.adapters.pools.attempt import Answer, attempt, words
from cryptopilot.domain.errors import InvalidValueError, PoolUnavailableError
from cryptopilot.ports.pool import Done, Failed

if TYPE_CHECKING:
    from distributed import Future

Task = TypeVar("Task")
Result = TypeVar("Result")

PATIENCE_S = 15.0
"""How long a scheduler, and after it its first worker, may take to answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a scheduler is, and what proves both sides to each other.

    Args:
        url: ``tls://HOST:PORT``; or ``tcp://HOST:PORT``, of this machine alone.
        authority, certificate, key: PEM files: who signed the cluster's certificates, our certificate and its key.
    Raises:
        InvalidValueError: names what is missing or not allowed.
    """

    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        files = {"--dask-ca": self.authority, "--dask-cert": self.certificate, "--dask-key": self.key}
        scheme, host = _split(self.url)
        if scheme == "tcp":
            if not _is_loopback(host):
                raise InvalidValueError("--dask", self.url, f"tls://{host}:PORT; tcp:// for this machine alone")
            if given := next((name for name, path in files.items() if path is not None), None):
                raise InvalidValueError(given, str(files[given]), "nothing with tcp://, or tls:// in --dask")
            return
        for name, path in files.items():
            if path is None or not path.is_file():
                raise InvalidValueError(name, None if path is None else str(path), "a PEM file, needed for tls://")


class Cluster:
    """The workers of a cluster that somebody else runs; `close` leaves it as it was found.

    How often a task is tried whose worker dies is a setting of the scheduler
    (``DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1`` is once more, as in our other pools).

    Args:
        code: a function of a module that says which code it is; every worker must answer as this process does.
    Raises:
        PoolUnavailableError: no scheduler or no worker answers. InvalidValueError: a worker runs other code.
    """

    def __init__(self, address: Address, code: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
        from distributed import Client  # noqa: PLC0415  # Half a second that only clusters need.

        self._url = address.url
        try:
            self._client = Client(
                address.url, security=_security(address), timeout=patience_s, set_as_default=False, name="cryptopilot"
            )
        except (OSError, TimeoutError) as error:
            raise PoolUnavailableError(f"no scheduler answers at {address.url}: {words(error)}") from error
        try:
            self._greet(code, patience_s)
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """Threads of all workers together, as they are now."""
        return sum(self._client.nthreads().values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[Done[Task, Result] | Failed[Task]]:
        from distributed import as_completed  # noqa: PLC0415

        fresh, busy = iter(tasks), dict["Future[Any]", Task]()
        finished = as_completed(loop=self._client.loop)
        try:
            self._fill(function, fresh, busy, finished)
            while busy:
                future = next(finished)
                yield self._outcome(busy.pop(future), future)
                self._fill(function, fresh, busy, finished)
        finally:
            with suppress(Exception):  # A scheduler that is gone cancels nothing any more.
                self._client.cancel(list(busy), force=True)

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

    def _greet(self, code: Callable[[], str], patience_s: float) -> None:
        try:
            self._client.wait_for_workers(1, timeout=patience_s)
        except TimeoutError as error:
            raise PoolUnavailableError(f"the scheduler at {self._url} has no worker") from error
        ours = code()
        for worker, theirs in self._client.run(code).items():
            if theirs != ours:
                raise InvalidValueError(f"code of worker {worker}", theirs, f"that of this process, {ours}")

    def _fill(
        self, function: Callable[[Task], Result], fresh: Iterator[Task], busy: dict["Future[Any]", Task], finished: Any
    ) -> None:
        """Give every worker that has nothing to do a task: one in waiting would die with the one in hand."""
        free = max(1, self.workers) - len(busy)
        for _ in range(free):
            for task in fresh:
                future = self._client.submit(attempt, function, task, pure=False)
                busy[future] = task
                finished.add(future)
                break

    def _outcome(self, task: Task, future: "Future[Any]") -> Done[Task, Result] | Failed[Task]:
        from distributed import KilledWorker  # noqa: PLC0415

        if future.status in ("cancelled", "lost"):
            raise PoolUnavailableError(f"the scheduler at {self._url} is gone; what was finished is kept")
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Failed(task, f"{error.allowed_failures + 1} workers died of it", died=True)
        if error is not None:
            return Failed(task, words(error))
        answer: Answer[Result] = future.result()
        if answer.why is not None:
            return Failed(task, answer.why)
        return Done(task, answer.result)  # type: ignore[arg-type]


def _security(address: Address) -> Any:
    from distributed import Security  # noqa: PLC0415

    if address.authority is None:
        return None
    return Security(
        tls_ca_file=str(address.authority),
        tls_client_cert=str(address.certificate),
        tls_client_key=str(address.key),
        require_encryption=True,
    )


def _split(url: str) -> tuple[str, str]:
    allowed = "tls://HOST:PORT, or tcp://127.0.0.1:PORT"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidValueError("--dask", url, allowed) from error
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or not port:
        raise InvalidValueError("--dask", url, allowed)
    return parts.scheme, parts.hostname


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

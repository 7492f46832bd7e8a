"""Serving: the socket is taken first, so that a taken port is an error before anything else happens."""

import asyncio
import resource
import socket
from http import HTTPStatus

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cryptopilot.api.problems import problem
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.runtime.settings import Settings

_FAMILIES = {"::1": socket.AF_INET6, "::": socket.AF_INET6}
LONGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers that are waited for."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
UNREAD_MS = 20_000
"""How long a client may leave unread what we have sent before its connection is cut off: a farewell to it would wait
for ever. Where the system offers it (Linux)."""


def take_port(settings: Settings, *, has_users: bool) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Args:
        has_users: whether somebody has set a password already.
    Raises:
        InvalidValueError: the port is taken, or the address is open to others and not everything that this takes
            is there.
    """
    host = settings.host
    if host not in LOOPBACK:
        _require_safety(settings, has_users=has_users)
    taken = socket.socket(_FAMILIES.get(host, socket.AF_INET))
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)  # Connections inherit it.
    try:
        taken.bind((host, settings.port))
        taken.listen()  # Bound alone, another process that is starting could still bind it too.
    except OSError as error:
        taken.close()
        raise InvalidValueError("PORT", settings.port, f"a free port ({error.strerror}); set another") from error
    return taken


def _require_safety(settings: Settings, *, has_users: bool) -> None:
    """An address that others can reach takes an explicit yes, a password, and TLS or a declared proxy in front.

    In a container every address is its own; there the port that is published decides who can reach it.
    """
    if settings.container and settings.host in ("0.0.0.0", "::"):  # noqa: S104  # Declared, and published by its host.
        return
    encrypted = bool(settings.tls_certificate and settings.tls_key) or bool(settings.trusted_proxy)
    missing = [
        what
        for there, what in (
            (settings.allow_remote, "CRYPTOPILOT_ALLOW_REMOTE=true"),
            (has_users, "a first user (set up over 127.0.0.1)"),
            (encrypted, "CRYPTOPILOT_TLS_CERTIFICATE and CRYPTOPILOT_TLS_KEY, or CRYPTOPILOT_TRUSTED_PROXY"),
            (settings.hosts, "CRYPTOPILOT_HOSTS, the names it is reached by"),
        )
        if not there
    ]
    if missing:
        raise InvalidValueError("HOST", settings.host, f"127.0.0.1, localhost or ::1; others take {'; '.join(missing)}")


PATIENCE_S = 10.0
LONGEST_REQUEST = 1024 * 1024
"""Bytes of a whole request on the wire, where the smallest chunks cost many times what they carry."""
SPARE_FILES = 128
"""Descriptors that connections leave to the journal and everybody else."""
MOST_CONNECTIONS = 2000


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 whose requests have a head of bounded length; the parser alone would keep whatever comes."""

    _in_head = False
    _waiting_for = 0
    _arrived = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._hurry()
        if self._crowding():
            self._end(problem(429, "too_many_connections", "too many connections from your address", _CLOSING))

    def connection_lost(self, exc: Exception | None) -> None:
        self._take_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._waiting_for = self._waiting_for + len(data) if self._in_head else 0
        self._arrived += len(data)
        too_long = self._waiting_for > LONGEST_HEAD or self._arrived > LONGEST_REQUEST
        if too_long and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._in_head, self._arrived = True, 0
        self._hurry()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # What trails a body is nothing that anybody here has asked for.
            super().on_header(name, value)

    def on_message_complete(self) -> None:
        self._take_time()
        self._arrived = 0
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _hurry(self) -> None:
        """A request is expected whole within PATIENCE_S; who only holds the line is cut off."""
        self._take_time()
        self._deadline = self.loop.call_later(PATIENCE_S, self._cut_off)

    def _take_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        if self.transport.get_protocol() is self:  # Else it has become a WebSocket, which has a patience of its own.
            self.transport.close()

    def _crowding(self) -> bool:
        """Whether one address has half of all connections; this machine and a declared proxy speak for many."""
        most = (self.config.limit_concurrency or MOST_CONNECTIONS) // 2
        if self.client is None or len(self.connections) <= most or self.client[0] in self._spokesmen():
            return False
        return sum(_host(one) == self.client[0] for one in self.connections) > most

    def _spokesmen(self) -> set[str]:
        proxies = self.config.forwarded_allow_ips
        return {*LOOPBACK, *(proxies.replace(",", " ").split() if isinstance(proxies, str) else proxies or ())}

    def _refuse(self) -> None:
        detail = f"the request's line and headers are longer than allowed: up to {LONGEST_HEAD} bytes"
        self._end(problem(431, "head_too_large", detail, _CLOSING))

    def _end(self, answer: Response) -> None:
        """Answer, whatever was asked, and close."""
        line = f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}\r\n"
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(line.encode() + headers + b"\r\n" + bytes(answer.body))
        self.transport.close()


_CLOSING = {"Connection": "close"}


def _host(connection: object) -> str | None:
    """The address that a connection, HTTP or WebSocket, comes from."""
    client = getattr(connection, "client", None)
    return None if client is None else str(client[0])


def make_server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """A server that is told to stop by its `should_exit`.

    Raises:
        InvalidValueError: certificate and key are not there, or do not belong together.
    """
    most = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES, SPARE_FILES)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", ws="websockets-sansio", ws_max_size=64 * 1024,
        ws_per_message_deflate=False, http=BoundedHttp, loop="uvloop", server_header=False,
        timeout_graceful_shutdown=3, limit_concurrency=min(MOST_CONNECTIONS, most),
        proxy_headers=settings.trusted_proxy is not None, forwarded_allow_ips=settings.trusted_proxy or "",
        ssl_certfile=settings.tls_certificate, ssl_keyfile=settings.tls_key,
    )  # fmt: skip
    try:
        config.load()  # Now, not in the server's own thread, where nobody would hear that it failed.
    except OSError as error:  # Of which an SSLError is one.
        raise InvalidValueError(
            "CRYPTOPILOT_TLS_CERTIFICATE", str(settings.tls_certificate), f"a certificate with its key ({error})"
        ) from error
    return uvicorn.Server(config)

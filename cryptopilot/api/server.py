"""Serving: the socket is taken first, so that a taken port is an error before anything else happens."""

import socket

import uvicorn
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


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 whose requests have a head of bounded length; the parser alone would keep whatever comes."""

    _in_head = False
    _waiting_for = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._waiting_for = self._waiting_for + len(data) if self._in_head else 0
        if self._waiting_for > LONGEST_HEAD and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _refuse(self) -> None:
        detail = f"the request's line and headers are longer than allowed: up to {LONGEST_HEAD} bytes"
        answer = problem(431, "head_too_large", detail, {"Connection": "close"})
        headers = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + headers + b"\r\n")
        self.transport.write(bytes(answer.body))
        self.transport.close()


def make_server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """A server that is told to stop by its `should_exit`."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", ws="websockets-sansio", ws_max_size=64 * 1024,
        ws_per_message_deflate=False, http=BoundedHttp, loop="uvloop", server_header=False,
        timeout_graceful_shutdown=3, limit_concurrency=2000,
        proxy_headers=settings.trusted_proxy is not None, forwarded_allow_ips=settings.trusted_proxy or "",
        ssl_certfile=settings.tls_certificate, ssl_keyfile=settings.tls_key,
    )  # fmt: skip
    return uvicorn.Server(config)

"""The outermost door: who may knock at all, what may be carried in, and answers that are ready before anybody asks.

What hangs on the board is handed over as it hangs there, to whoever carries a valid token: no routing, no encoding.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cryptopilot.api import bodies
from cryptopilot.api.problems import answer, our_fault, problem
from cryptopilot.domain.errors import CryptoPilotError, ServiceClosedError
from cryptopilot.runtime.front_desk import FrontDesk

Message = MutableMapping[str, Any]

_BODILESS = ("GET", "HEAD", "OPTIONS")
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": _CSP,
}
_RAW_GUARDS = [(name.lower().encode(), value.encode()) for name, value in _GUARDS.items()]
_HSTS = "max-age=31536000"

HOT: Mapping[str, str] = {
    "/api/trading-pipeline/status": "status",
    "/api/trading-pipeline/market-data": "market",
    "/api/trading-pipeline/predictions": "predictions",
    "/api/trading-pipeline/signals": "signals",
    "/api/trading-pipeline/trades": "trades",
    "/api/positions": "positions",
    "/api/account": "account",
    "/api/risk": "risk",
}
"""Paths that are answered from the board, and their topics."""


class Door:
    """An ASGI application in front of another.

    Args:
        hosts: names, besides loopback's, under which we may be spoken to.
        go_first: lets the pipeline go first while it has an instant in hand.
    """

    def __init__(
        self, app: ASGIApp, desk: FrontDesk, hosts: frozenset[str] = frozenset(),
        go_first: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._app, self._desk, self._hosts, self._go_first = app, desk, _LOOPBACK_NAMES | hosts, go_first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with suppress(ServiceClosedError):  # What is closed has nothing in hand.
            self._go_first()
        raw = dict(scope["headers"])
        stranger = self._stranger(scope, raw)
        if scope["type"] == "websocket":
            if stranger is not None:
                await send({"type": "websocket.close", "code": 4403})
            else:
                await self._app(scope, receive, send)
            return
        guarded = _Guarded(send, scope)
        if stranger is None and scope["method"] == "GET" and not scope["query_string"]:
            body = self._ready(scope["path"], raw)
            if body is not None:
                await _hand_over(send, body)
                return
        refusal = stranger or _refused_body(scope, raw)
        try:
            await (refusal or self._carry_in)(scope, receive, guarded)
        except Exception as error:
            if guarded.started:
                raise
            await our_fault(scope["path"], error)(scope, receive, guarded)

    async def _carry_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with the whole body; one without a declared length is counted as it comes."""
        if scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        try:
            body = await bodies.read(receive)
        except bodies.BodyTooLongError as error:
            await answer(error)(scope, receive, send)
        except bodies.ClientGoneError:
            pass  # Nobody is left to be answered, and nothing was done.
        else:
            await self._app(scope, bodies.replayed(body, receive), send)

    def _stranger(self, scope: Scope, raw: Mapping[bytes, bytes]) -> Response | None:
        """Why we do not speak with this one: another host's name (a rebound DNS entry), or another site's page."""
        host = raw.get(b"host", b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in self._hosts:
            return problem(421, "wrong_host", f"Host is {host[:100]!r}; allowed: {', '.join(sorted(self._hosts))}")
        origin = raw.get(b"origin")
        if origin is None:
            return None
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        if origin.decode("latin-1") != f"{scheme}://{host}":
            shown = origin[:100].decode("latin-1")
            return problem(403, "wrong_origin", f"Origin is {shown!r}; allowed: {scheme}://{host}")
        return None

    def _ready(self, path: str, raw: Mapping[bytes, bytes]) -> bytes | None:
        """A document that hangs ready for whoever carries a valid token; all else takes the long way."""
        topic = HOT.get(path)
        posted = self._desk.board.fresh() if topic is not None else None
        document = posted.documents.get(topic) if posted and topic else None
        if document is None:
            return None
        scheme, _, token = raw.get(b"authorization", b"").partition(b" ")
        try:
            self._desk.access.sign_in.authenticate(token.decode("latin-1"))
        except CryptoPilotError:
            return None
        return document.answer if scheme.lower() == b"bearer" else None


def _refused_body(scope: Scope, raw: Mapping[bytes, bytes]) -> Response | None:
    """Why a body is not even read."""
    if scope["method"] in _BODILESS:
        return None
    length = raw.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 9 or int(length) > bodies.LONGEST:
        return answer(bodies.BodyTooLongError())
    kind = raw.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if (length != b"0" or b"transfer-encoding" in raw) and kind != b"application/json":
        shown = kind.decode("latin-1")[:100] or "missing"
        return problem(415, "wrong_content_type", f"Content-Type is {shown}; allowed: application/json")
    return None


class _Guarded:
    """Sends answers with the headers that guard them."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send, self._secure, self._private = send, scope["scheme"] == "https", scope["path"].startswith("/api/")
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in _GUARDS.items():
                headers.setdefault(name, value)
            if self._private:
                headers.setdefault("Cache-Control", "no-store")
            if self._secure:
                headers["Strict-Transport-Security"] = _HSTS
            message["headers"] = headers.raw
        await self._send(message)


async def _hand_over(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_RAW_GUARDS,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

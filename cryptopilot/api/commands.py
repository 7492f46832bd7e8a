"""Commands: each is carried out once under its idempotency key, and not more often than a person could mean it."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cryptopilot.api.problems import answer, field_problem, problem, throttled
from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.domain.people import KeptAnswer
from cryptopilot.engine.clock import stopwatch_ms
from cryptopilot.runtime.front_desk import FrontDesk

_KEY = re.compile(r"[\x21-\x7e]{8,128}")
_KEY_ALLOWED = "8 to 128 visible ASCII characters, such as a UUID"

BURST, PER_S = 60, 5.0
"""Commands of one user: how many at once, and how many a second in the long run."""
FORCED_BURST, FORCED_PER_S = 20, 1.0
"""The same for forced stages."""


class Allowance:
    """Tokens that are spent by doing and come back with time."""

    def __init__(self, burst: int, per_s: float, now_ms: Callable[[], float] = stopwatch_ms) -> None:
        self._burst, self._per_ms, self._now = burst, per_s / 1000, now_ms
        self._left: dict[str, tuple[float, float]] = {}

    def wait_s(self, who: str) -> int:
        """0, and one token is spent; or the whole seconds until there is one."""
        now = self._now()
        left, since = self._left.get(who, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._per_ms)
        if left < 1:
            return int((1 - left) / self._per_ms / 1000) + 1
        self._left[who] = (left - 1, now)
        return 0


class Commands:
    """An ASGI application in front of another: looks after everything that changes something, sign-in apart."""

    def __init__(self, app: ASGIApp, desk: FrontDesk) -> None:
        self._app, self._desk = app, desk
        self._all, self._forced = Allowance(BURST, PER_S), Allowance(FORCED_BURST, FORCED_PER_S)
        self._in_hand: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_command(scope):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").partition(b" ")[2].decode("latin-1")
        try:
            user = self._desk.access.sign_in.authenticate(token).user_id
        except CryptoPilotError:
            await self._app(scope, receive, send)  # Which says what is wrong with the token.
            return
        key = headers.get(b"idempotency-key", b"").decode("latin-1") or secrets.token_hex(16)
        refusal = self._refused(scope["path"], user, key)
        if refusal is None:
            body = await _body(receive)
            refusal = _malformed(body)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._in_hand.add((user, key))
        try:
            await self._once(scope, receive, send, user, key, body)
        finally:
            self._in_hand.discard((user, key))

    def _refused(self, path: str, user: str, key: str) -> Response | None:
        if not _KEY.fullmatch(key):
            return field_problem("Idempotency-Key", key, _KEY_ALLOWED)
        if (user, key) in self._in_hand:
            return problem(409, "in_hand", "a call with this Idempotency-Key is being carried out; ask again for it")
        forced = "/force-" in path
        wait = self._all.wait_s(user) or (self._forced.wait_s(user) if forced else 0)
        return throttled(f"too many commands; try again in {wait} s", wait) if wait else None

    async def _once(self, scope: Scope, receive: Receive, send: Send, user: str, key: str, body: bytes) -> None:
        """Carry the command out, or repeat what was answered to it before."""
        answers, call = self._desk.access.answers, f"{scope['method']} {scope['path']}"
        digest = hashlib.sha256(body).hexdigest()
        try:
            kept = await asyncio.to_thread(answers.find, user, key)
        except CryptoPilotError as error:
            await answer(error)(scope, receive, send)
            return
        if kept is not None:
            await _repeated(kept, call, digest)(scope, receive, send)
            return
        status, parts = 500, [b""]

        async def keeping(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message["headers"])["Idempotency-Key"] = key
            else:
                parts.append(message.get("body", b""))
                if status < 300 and not message.get("more_body", False):
                    await asyncio.to_thread(answers.keep, user, key, call, digest, status, b"".join(parts))
            await send(message)

        await self._app(scope, _replayed(body, receive), keeping)


def _is_command(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] in ("POST", "PUT", "DELETE", "PATCH")
        and scope["path"].startswith("/api/")
        and not scope["path"].startswith("/api/auth/")
    )


def _repeated(kept: KeptAnswer, call: str, digest: str) -> Response:
    if (kept.call, kept.body_hash) != (call, digest):
        return problem(422, "key_reused", f"this Idempotency-Key was used for another call: {kept.call}")
    headers = {"Idempotency-Key": kept.key, "Idempotency-Replayed": "true"}
    return Response(kept.body, kept.status, headers, media_type="application/json")


def _malformed(body: bytes) -> Response | None:
    """Why a body is no JSON of finite numbers."""
    if not body:
        return None
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        shown = body[:100].decode("utf-8", "backslashreplace")
        return field_problem("body", shown, f"JSON ({error})", code="malformed")
    return None


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

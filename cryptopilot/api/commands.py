"""Commands: each is carried out once under its idempotency key, and not more often than a person could mean it."""

import asyncio
import hashlib
import logging
import math
import re
import secrets
from collections.abc import Callable

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cryptopilot.api import bodies
from cryptopilot.api.problems import answer, field_problem, problem, throttled
from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.domain.people import KeptAnswer
from cryptopilot.engine.clock import stopwatch_ms
from cryptopilot.runtime.front_desk import FrontDesk

log = logging.getLogger("trading_pipeline")

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
            return math.ceil((1 - left) / self._per_ms / 1000)
        self._left[who] = (left - 1, now)
        return 0


class Allowances:
    """How many commands a user may send, and how many of them may force a stage."""

    def __init__(self, every: Allowance | None = None, forced: Allowance | None = None) -> None:
        self._every, self._forced = every or Allowance(BURST, PER_S), forced or Allowance(FORCED_BURST, FORCED_PER_S)

    def wait_s(self, user: str, path: str) -> int:
        """0, and the call may go on; or the whole seconds until it may."""
        return self._every.wait_s(user) or (self._forced.wait_s(user) if "/force-" in path else 0)


class Commands:
    """An ASGI application in front of another: looks after everything that changes something, sign-in apart."""

    def __init__(self, app: ASGIApp, desk: FrontDesk, allowances: Allowances) -> None:
        self._app, self._desk, self._allowances = app, desk, allowances
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
        body = await bodies.read(receive)
        refusal = _malformed(body) or self._refused(scope["path"], user, key)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._in_hand.add((user, key))  # Nothing may be awaited since it was found not to be in it.
        try:
            await self._once(scope, receive, send, user, key, body)
        finally:
            self._in_hand.discard((user, key))

    def _refused(self, path: str, user: str, key: str) -> Response | None:
        if not _KEY.fullmatch(key):
            return field_problem("Idempotency-Key", key, _KEY_ALLOWED)
        if (user, key) in self._in_hand:
            return problem(409, "in_hand", "a call with this Idempotency-Key is being carried out; ask again for it")
        wait = self._allowances.wait_s(user, path)
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
                    await self._keep(user, key, call, digest, status, b"".join(parts))
            await send(message)

        await self._app(scope, bodies.replayed(body, receive), keeping)

    async def _keep(self, user: str, key: str, call: str, digest: str, status: int, body: bytes) -> None:
        """Keep an answer. What it tells of is done, so it is given even where it cannot be kept."""
        try:
            await asyncio.to_thread(self._desk.access.answers.keep, user, key, call, digest, status, body)
        except CryptoPilotError as error:
            log.warning("answer_not_kept", extra={"call": call, "error": str(error)})


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
    except (ValueError, RecursionError) as error:  # Of the first are its own errors and those of UTF-8.
        shown = body[:100].decode("utf-8", "backslashreplace")
        return field_problem("body", shown, f"JSON ({error})", code="malformed")
    return None

"""Every error as an RFC 9457 problem document: what is wrong, in which field, with which value, what is allowed."""

import logging
import math
import reprlib
import secrets
from typing import Any, NotRequired

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from typing_extensions import TypedDict

from cryptopilot.api import bodies
from cryptopilot.domain import errors, job, people

log = logging.getLogger("trading_pipeline")

MEDIA_TYPE = "application/problem+json"
_LONGEST = 200
_MOST = 20
"""Fields that one problem document speaks of."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Headers = dict[str, str]


class FieldProblem(TypedDict):
    """One field that is wrong."""

    field: str
    value: Any
    allowed: str


class Problem(TypedDict):
    """An RFC 9457 problem document; *field*, *value* and *allowed* where one field is to blame."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: NotRequired[str]
    value: NotRequired[Any]
    allowed: NotRequired[str]
    errors: NotRequired[list[FieldProblem]]


def problem(status: int, code: str, detail: str, headers: Headers | None = None, **more: Any) -> Response:
    """A problem document as a response."""
    document = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "detail": detail}
    body = msgspec.json.encode({**document, "code": code, **more})
    return Response(body, status, headers, media_type=MEDIA_TYPE)


def field_problem(field: str, value: Any, allowed: str, *, code: str = "invalid_value") -> Response:
    """A problem that one field is to blame for."""
    shown = _shown(field, value)
    detail = f"{field} is {shown!r}; allowed: {allowed}"
    return problem(422, code, detail, field=field, value=shown, allowed=allowed)


def handle_errors(app: FastAPI) -> None:
    """Let *app* answer every error with a problem document."""
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(HTTPException)(_by_status)
    app.exception_handler(errors.CryptoPilotError)(_ours)
    app.exception_handler(Exception)(_unexpected)


def answer(error: errors.CryptoPilotError) -> Response:
    """The problem document of one of our own errors."""
    match error:
        case errors.NotFoundError():
            return problem(404, "not_found", str(error), field=error.field, value=_shown(error.field, error.value))
        case errors.ConflictError():
            return problem(409, "conflict", str(error))
        case bodies.BodyTooLongError():
            return problem(413, "too_large", str(error))
        case people.RoleRefusedError():
            return problem(
                403, "role_refused", str(error), field="role", value=error.role, allowed=", ".join(error.needed)
            )
        case people.SetupClosedError():
            return problem(410, "setup_closed", str(error))
        case people.WrongCodeError():
            return problem(403, "wrong_code", str(error), field="code")
        case people.CredentialsRefusedError():
            return problem(401, "credentials_refused", str(error))
        case people.TokenRefusedError():
            return unauthorised(str(error))
        case people.ThrottledError():
            return throttled(str(error), error.retry_after_s)
        case job.QueueFullError():
            told = {"field": error.field, "value": error.value, "allowed": error.allowed}
            return throttled(str(error), error.retry_after_s, **told)
        case errors.InvalidValueError():
            return field_problem(error.field, error.value, error.allowed)
        case errors.UnknownSymbolError():
            return field_problem("symbol", error.symbol, ", ".join(error.known))
        case errors.TransientError():
            return problem(503, "unavailable", str(error), {"Retry-After": "1"})
        case errors.IntegrityError():
            return problem(503, "stopped", str(error))
        case _:
            return problem(409, "refused", str(error))


def unauthorised(detail: str) -> Response:
    """Nobody we know asks."""
    return problem(401, "unauthorised", detail, {"WWW-Authenticate": 'Bearer realm="cryptopilot"'})


def throttled(detail: str, retry_after_s: int, **more: Any) -> Response:
    """Too much at once."""
    return problem(429, "too_many", detail, {"Retry-After": str(retry_after_s)}, **more)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CryptoPilotError)
    return answer(error)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    private = request.url.path.startswith("/api/auth/")
    found = [_field(e, private=private) for e in error.errors()[:_MOST]]
    first = found[0]
    detail = f"{first['field']} is {first['value']!r}; allowed: {first['allowed']}"
    return problem(422, "invalid_value", detail, **first, errors=found)


async def _by_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # The framework's word for a body that it cannot decode.
        return field_problem("body", None, f"JSON ({error.detail})", code="malformed")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    codes = {404: "not_found", 405: "method_not_allowed"}
    details = {404: f"nothing is at {request.url.path}", 405: f"{request.method} is not for {request.url.path}"}
    return problem(
        error.status_code,
        codes.get(error.status_code, "refused"),
        details.get(error.status_code, str(error.detail)),
        headers,
    )


def _methods(request: Request) -> list[str]:
    """What a path is there for; the framework names the methods of its first route only."""
    routes = request.app.routes
    return [m for m in _METHODS if any(r.matches({**request.scope, "method": m})[0] is Match.FULL for r in routes)]


async def _unexpected(request: Request, error: Exception) -> Response:
    return our_fault(request.url.path, error)


def our_fault(path: str, error: Exception) -> Response:
    """What nobody foresaw: told in the log, and to whoever asked only where in it."""
    incident = secrets.token_hex(4)
    log.error("request_failed", exc_info=error, extra={"incident": incident, "path": path})
    return problem(500, "internal", f"this is our fault and is in the log as incident {incident}")


def _field(error: Any, *, private: bool) -> FieldProblem:
    """A field's problem from a validator's; the body as a whole is called `body`.

    Args:
        private: show nothing but a username: who signs in may have typed the password anywhere.
    """
    whole = error["type"] == "json_invalid"  # Its place is a position in the text.
    place = [] if whole else [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
    field = _plain(".".join(place)) or "body"
    if error["type"] == "missing":
        return {"field": field, "value": None, "allowed": "it is required"}
    allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] == "extra_forbidden":
        allowed = "no such field"
    shown = "***" if private and field != "username" else _shown(field, None if whole else error.get("input"))
    return {"field": field, "value": shown, "allowed": allowed}


def _shown(field: str, value: Any) -> Any:
    """A value as a problem may show it: short, sayable in JSON, and never a secret."""
    if value is None or isinstance(value, bool):
        return value
    if field == "code" or any(word in field.lower() for word in ("password", "token", "secret")):
        return "***"
    if isinstance(value, int):
        return value if abs(value) < 2**53 else reprlib.repr(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _plain(value if isinstance(value, str) else reprlib.repr(value))


def _plain(text: str) -> str:
    """Text from outside, short, and without the halves of characters that JSON can bring but not carry back."""
    return text[:_LONGEST].encode("utf-8", "backslashreplace").decode()

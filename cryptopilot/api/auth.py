"""Signing in: the first user's set-up, log-in, refresh, log-out."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from cryptopilot.api.asking import CHANGING, READING, Asking, Body, Desk, address_of, may_answer
from cryptopilot.domain.people import CredentialsRefusedError, Granted
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.access.sign_in import LONGEST_MS
from cryptopilot.runtime.shapes.people import GrantedAnswer, MeAnswer, SetupState
from cryptopilot.runtime.shapes.pipeline import Done

router = APIRouter(prefix="/api/auth", tags=["people"])

COOKIE = "cryptopilot_refresh"


class SetUp(Body):
    """The first user; the code stands in the terminal and in the home's `setup-code`."""

    code: str = Field(min_length=1, max_length=64)
    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=128, description="At least 12 characters, and hard to guess.")


class LogIn(Body):
    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=128)


@router.get("/setup", responses=may_answer(403, 421, 429, 503))
def setup_state(request: Request, desk: Desk) -> SetupState:
    """Where a page begins: with the first user, with a refresh, or, where no cookie is carried, with a sign-in."""
    return {"setup_needed": desk.access.sign_in.needs_setup, "may_refresh": COOKIE in request.cookies}


@router.post("/setup", status_code=201, responses={**CHANGING, **may_answer(410)})
def set_up(asked: SetUp, request: Request, response: Response, desk: Desk) -> GrantedAnswer:
    """Make the first user, an admin, by the one-time code. It works once; ever after it is gone."""
    sign_in = desk.access.sign_in
    granted = sign_in.set_up(asked.code, asked.username, asked.password, address_of(request))
    return _answer(granted, request, response)


@router.post("/login", responses=CHANGING)
def log_in(asked: LogIn, request: Request, response: Response, desk: Desk) -> GrantedAnswer:
    """Open a session. The refresh token comes as a cookie that scripts cannot read."""
    granted = desk.access.sign_in.sign_in(asked.username, asked.password, address_of(request))
    return _answer(granted, request, response)


@router.post("/refresh", responses=CHANGING)
def refresh(request: Request, response: Response, desk: Desk) -> GrantedAnswer:
    """Another access token by the refresh cookie, which is replaced."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise CredentialsRefusedError
    return _answer(desk.access.sign_in.refresh(token, address_of(request)), request, response)


@router.post("/logout", responses=CHANGING)
def log_out(asking: Asking, request: Request, response: Response, desk: Desk) -> Done:
    """End this session; its tokens count no more."""
    desk.access.sign_in.sign_out(asking.session_id, asking.username)
    response.delete_cookie(COOKIE, path="/api/auth", httponly=True, samesite="strict", secure=_is_secure(request))
    return {"success": True, "message": "signed out"}


@router.get("/me", responses=READING)
def me(asking: Asking) -> MeAnswer:
    """Who is signed in."""
    return {
        "success": True,
        "user": {"id": asking.user_id, "username": asking.username, "role": asking.role.value},
        "session_id": asking.session_id,
        "expires_at": iso(asking.expires_at),
    }


def _answer(granted: Granted, request: Request, response: Response) -> GrantedAnswer:
    response.set_cookie(
        COOKIE, granted.refresh_token, max_age=LONGEST_MS // 1000, path="/api/auth", httponly=True,
        samesite="strict", secure=_is_secure(request),
    )  # fmt: skip
    identity = granted.identity
    return {
        "access_token": granted.access_token,
        "token_type": "bearer",
        "expires_in": granted.expires_in,
        "user": {"id": identity.user_id, "username": identity.username, "role": identity.role.value},
    }


def _is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS to us: over plain HTTP, which is loopback only, it would not send the cookie."""
    return request.url.scheme == "https"

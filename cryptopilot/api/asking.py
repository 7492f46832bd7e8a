"""What handlers ask of a request: who sends it, through which desk, and which part of a list is wanted."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from cryptopilot.adapters.storage.pages import Cursor, Page, Wanted
from cryptopilot.api.problems import Problem
from cryptopilot.domain.errors import InvalidValueError, UnknownSymbolError
from cryptopilot.domain.people import Identity, Role, RoleRefusedError, TokenRefusedError
from cryptopilot.domain.timeframe import parse_time
from cryptopilot.runtime.control import Who
from cryptopilot.runtime.front_desk import FrontDesk


class Body(BaseModel):
    """A request's body: no unknown fields, no texts for numbers, nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Listed(BaseModel):
    """Which part of a list: times are market time, a date or ISO 8601; *until* is excluded."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=100)
    symbol: str | None = Field(None, max_length=40)
    since: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)

    def wanted(self, desk: FrontDesk) -> Wanted:
        """The same, understood.

        Raises:
            InvalidValueError, UnknownSymbolError: a value is none that the market or a page knows.
        """
        known = desk.service.assembly.instruments
        if self.symbol is not None and self.symbol not in known:
            raise UnknownSymbolError(self.symbol, tuple(sorted(known)))
        after = None if self.cursor is None else Cursor.parse(self.cursor)
        since, until = moment("since", self.since), moment("until", self.until)
        if since is not None and until is not None and since >= until:
            raise InvalidValueError("until", self.until, f"a time after since ({self.since})")
        return Wanted(self.limit, self.symbol, since, until, after)


def moment(field: str, text: str | None) -> int | None:
    """A time in ms UTC; None where none was given.

    Raises:
        InvalidValueError: it is none, or beyond the years 1970 to 2100.
    """
    if text is None:
        return None
    time = parse_time(field, text)
    if not 0 <= time <= 4_102_444_800_000:
        raise InvalidValueError(field, text, "a time from 1970 to 2100")
    return time


def the_desk(request: Request) -> FrontDesk:
    """The desk that the application stands in front of."""
    desk: FrontDesk = request.app.state.desk
    return desk


Desk = Annotated[FrontDesk, Depends(the_desk)]


def bearer(request: Request) -> str:
    """The access token of a request.

    Raises:
        TokenRefusedError: there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefusedError("missing; send it as Authorization: Bearer <access token>")
    return token.strip()


_documented = HTTPBearer(auto_error=False, scheme_name="bearer")
"""Says in the OpenAPI document that a route takes a token; `bearer` is what reads it."""


def signed_in(request: Request, desk: Desk, _token: Annotated[object, Depends(_documented)] = None) -> Identity:
    """Who asks.

    Raises:
        TokenRefusedError: nobody that we know.
    """
    return desk.access.sign_in.authenticate(bearer(request))


Asking = Annotated[Identity, Depends(signed_in)]


def acting(request: Request, asking: Asking) -> Who:
    """Who asks for something to be done.

    Raises:
        RoleRefusedError: somebody who may only look.
    """
    if asking.role is Role.VIEWER:
        raise RoleRefusedError(asking.role, Role.OPERATOR, Role.RISK_OFFICER, Role.ADMIN)
    return Who(asking.username, address_of(request))


Acting = Annotated[Who, Depends(acting)]
Part = Annotated[Listed, Query()]


def address_of(request: Request) -> str:
    """Where a request comes from; behind a declared proxy, as the proxy says."""
    return request.client.host if request.client else ""


def hot(request: Request, topic: str) -> Response:
    """A document of the board, renewed first if something has changed."""
    posted = the_desk(request).board.posted()
    return Response(posted.documents[topic].answer, media_type="application/json")


def next_cursor(page: Page) -> str | None:
    return None if page.next is None else str(page.next)


_PROBLEM: dict[str, Any] = {"model": Problem, "content": {"application/problem+json": {}}}


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with besides its success, for the OpenAPI document."""
    words = {
        401: "No valid access token.", 403: "Not allowed.", 404: "Nothing has that id.", 409: "Not now.",
        410: "Closed for ever.", 413: "The body is too large.", 415: "Not JSON.", 421: "Another host's name.",
        422: "A field is wrong.", 429: "Too much at once.", 503: "Not available now.",
    }  # fmt: skip
    return {status: {**_PROBLEM, "description": words[status]} for status in statuses}


READING = may_answer(401, 403, 421, 422, 429, 503)
CHANGING = may_answer(401, 403, 404, 409, 413, 415, 421, 422, 429, 503)

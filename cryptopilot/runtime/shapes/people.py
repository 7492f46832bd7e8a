"""Who is signed in."""

from typing import Literal

from typing_extensions import TypedDict


class UserShape(TypedDict):
    id: str
    username: str
    role: Literal["viewer", "operator", "risk_officer", "admin"]


class GrantedAnswer(TypedDict):
    """A bearer token for *expires_in* seconds; the refresh token travels in its cookie only."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    user: UserShape


class MeAnswer(TypedDict):
    success: bool
    user: UserShape
    session_id: str
    expires_at: str


class SetupState(TypedDict):
    """Whether the first user is still to be made, and whether this browser carries a refresh cookie.

    A cookie that is carried may be refused all the same: only its refresh says whether it still counts.
    """

    setup_needed: bool
    may_refresh: bool

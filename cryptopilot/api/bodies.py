"""Bodies of requests: read whole and bounded before anything looks at them, then handed on as they came."""

from starlette.types import Message, Receive

from cryptopilot.domain.errors import RejectedError

LONGEST = 64 * 1024
"""Bytes of a request's body: the largest honest one is a few hundred."""


class BodyTooLongError(RejectedError):
    """A body of more than LONGEST bytes."""

    def __init__(self) -> None:
        super().__init__(f"the body is longer than allowed: up to {LONGEST} bytes")


class ClientGoneError(Exception):
    """The client has left before its body was whole: what there is of it may not be acted upon."""


async def read(receive: Receive) -> bytes:
    """The whole body.

    Raises:
        BodyTooLongError: as soon as it is; ClientGoneError.
    """
    parts, seen, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        seen, more = seen + len(parts[-1]), message.get("more_body", False)
        if seen > LONGEST:
            raise BodyTooLongError
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """*receive* as if *body* had not been read yet."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

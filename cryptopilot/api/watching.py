"""Health and metrics, for those who watch."""

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse
from typing_extensions import TypedDict

from cryptopilot import __version__
from cryptopilot.api.asking import Desk, address_of, may_answer, signed_in
from cryptopilot.runtime.metrics import exposition

router = APIRouter(tags=["watching"])

_LOOPBACK = ("127.0.0.1", "::1")


class Alive(TypedDict):
    status: str
    version: str


class Ready(TypedDict):
    """Whether the pipeline may decide, and why not."""

    ready: bool
    problems: list[str]


@router.api_route("/health/live", methods=["GET", "HEAD"], responses=may_answer(421), include_in_schema=False)
@router.get("/health/live", responses=may_answer(421))
async def live() -> Alive:
    """Whether the process answers."""
    return {"status": "alive", "version": __version__}


@router.api_route("/health/ready", methods=["GET", "HEAD"], include_in_schema=False)
@router.get(
    "/health/ready",
    responses={**may_answer(421), 503: {"model": Ready, "description": "Not ready, with the reasons."}},
)
def ready(desk: Desk) -> Ready:
    """Whether the pipeline may decide; 503 with the reasons when not."""
    problems = desk.service.ready()
    answer: Ready = {"ready": not problems, "problems": problems}
    return JSONResponse(answer, 503) if problems else answer  # type: ignore[return-value]


@router.get("/metrics", responses=may_answer(401, 421), response_class=Response)
def metrics(request: Request, desk: Desk) -> Response:
    """Prometheus' text format: from this machine without a token, from elsewhere with one."""
    require_nearness(request, desk)
    return Response(exposition(desk.service), media_type="text/plain; version=0.0.4; charset=utf-8")


def require_nearness(request: Request, desk: Desk) -> None:
    """Let this machine look without a token; a proxy's loopback address is not its client's.

    Raises:
        TokenRefusedError: somebody from elsewhere who is not signed in.
    """
    if address_of(request) not in _LOOPBACK or "x-forwarded-for" in request.headers:
        signed_in(request, desk)

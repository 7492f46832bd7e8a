"""The web page and the API's documentation: files that the set-up has built."""

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from cryptopilot import __version__
from cryptopilot.api.asking import Desk
from cryptopilot.api.problems import problem
from cryptopilot.api.watching import require_nearness

BUILT = Path(__file__).parent / "page"

router = APIRouter(include_in_schema=False)


@router.get("/api/openapi.json")
def openapi(request: Request, desk: Desk) -> JSONResponse:
    """The whole API, the stream's messages included."""
    require_nearness(request, desk)
    return JSONResponse(request.app.openapi())


@router.get("/api/docs")
def documentation(request: Request, desk: Desk) -> Response:
    """The API to read and to try, without any outside host."""
    require_nearness(request, desk)
    page = BUILT / "docs" / "index.html"
    return FileResponse(page) if page.is_file() else _not_built()


def serve_page(app: FastAPI) -> None:
    """Serve the built page at `/`; where there is none, say what makes one."""
    if (BUILT / "index.html").is_file():
        app.router.default = _Page()  # What no route knows; mounted, it would hide that a path knows other methods.
        return

    @app.get("/", include_in_schema=False)
    def missing() -> JSONResponse:
        return JSONResponse(
            {
                "name": "CryptoPilot",
                "version": __version__,
                "page": "not built; run: make setup",
                "health": ["/health/live", "/health/ready"],
                "docs": "/api/docs",
            }
        )


class _Page:
    """The built files."""

    def __init__(self) -> None:
        self._files = StaticFiles(directory=BUILT, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(404)  # No route has it; that there are files to be read changes nothing for others.
        else:
            await self._files(scope, receive, send)


def _not_built() -> Response:
    return problem(503, "not_built", "the documentation's files are not built; run: make setup")

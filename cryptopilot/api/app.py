"""The HTTP application: health for now; what it serves grows with the sign-in."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from cryptopilot import __version__
from cryptopilot.runtime.service import PipelineService

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})


def create_app(service: PipelineService) -> FastAPI:
    """The application in front of *service*, which need not be open yet."""
    app = FastAPI(title="CryptoPilot", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer only to names of this machine, so that no other site's page can reach us by rebinding DNS."""
        host = request.headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in _LOOPBACK_NAMES:
            return _problem(421, "wrong_host", f"Host is {host!r}; allowed: {', '.join(sorted(_LOOPBACK_NAMES))}")
        response = await call_next(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return response

    @app.get("/health/live")
    async def live() -> JSONResponse:
        """Whether the process answers."""
        return JSONResponse({"status": "alive", "version": __version__})

    @app.get("/health/ready")
    async def ready() -> JSONResponse:
        """Whether the pipeline may decide; 503 with the reasons when not."""
        problems = service.ready()
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    @app.get("/")
    async def root() -> JSONResponse:
        return JSONResponse(
            {
                "name": "CryptoPilot",
                "version": __version__,
                "health": ["/health/live", "/health/ready"],
                "page": "this version has no web page; watch the pipeline with: cryptopilot serve",
            }
        )

    @app.exception_handler(404)
    async def missing(request: Request, _error: Exception) -> JSONResponse:
        return _problem(404, "not_found", f"nothing is at {request.url.path}")

    return app


def _problem(status: int, code: str, detail: str) -> JSONResponse:
    """An RFC 9457 problem document."""
    body = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return JSONResponse(body, status, media_type="application/problem+json")

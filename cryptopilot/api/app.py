"""The HTTP application: routes behind one door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from cryptopilot import __version__
from cryptopilot.api import auth, backtests, books, decisions, page, pipeline, stream, watching
from cryptopilot.api.commands import Allowances, Commands
from cryptopilot.api.door import Door
from cryptopilot.api.precedence import Precedence
from cryptopilot.api.problems import handle_errors
from cryptopilot.api.schema import openapi_with_stream
from cryptopilot.runtime.front_desk import FrontDesk


def create_app(desk: FrontDesk, hosts: frozenset[str] = frozenset(), allowances: Allowances | None = None) -> ASGIApp:
    """The application in front of *desk*.

    Args:
        hosts: names, besides loopback's, under which we may be spoken to.
        allowances: how many commands a user may send, where that is not the usual number.
    """
    app = bare_app(desk)
    return Door(Commands(app, desk, allowances or Allowances()), desk, hosts, Precedence(desk.service).give_way)


def bare_app(desk: FrontDesk) -> FastAPI:
    """The routes without their door: what the OpenAPI document describes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(desk.jobs.open)
        try:
            async with stream.open_hub(app, desk).open():
                yield
        finally:
            await asyncio.to_thread(desk.jobs.close)

    app = FastAPI(
        title="CryptoPilot", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.desk = desk
    handle_errors(app)
    for module in (auth, pipeline, books, decisions, backtests, stream, watching, page):
        app.include_router(module.router)
    page.serve_page(app)
    openapi_with_stream(app)
    return app

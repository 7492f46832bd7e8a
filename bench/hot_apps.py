"""One endpoint in three ways, each in a process of its own: ``python -m bench.hot_apps NAME PORT``.

GET /rows (ours: where trades are) answers a hundred typed rows to whoever carries a valid token (HS256). `ours` is the
product's application: its door, its board, its tokens; only what hangs on the board is the rows. The peers verify the
token with PyJWT and hold the rows as objects, ready to be answered.
"""

import datetime as dt
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import jwt
import msgspec
import uvicorn
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel

from cryptopilot.api.app import create_app
from cryptopilot.runtime.access.passwords import Passwords
from cryptopilot.runtime.board import Board, Document, Posted
from cryptopilot.runtime.front_desk import open_front_desk
from cryptopilot.runtime.moment import Moment
from cryptopilot.runtime.service import PipelineService
from cryptopilot.runtime.settings import load_settings

PATHS = {"ours": "/api/trading-pipeline/trades", "response_model": "/rows", "msgspec": "/rows"}
KEY = "k" * 32
_FIRST = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


class ModelRow(BaseModel):
    id: int
    pair: str
    side: str
    open_rate: float
    amount: float
    open_date: dt.datetime
    profit: float
    is_open: bool


class StructRow(msgspec.Struct):
    id: int
    pair: str
    side: str
    open_rate: float
    amount: float
    open_date: dt.datetime
    profit: float
    is_open: bool


def rows() -> list[dict[str, Any]]:
    return [
        {
            "id": n, "pair": "BTC/USDT", "side": "long", "open_rate": 100.5 + n, "amount": 0.25 * n,
            "open_date": _FIRST + dt.timedelta(minutes=n), "profit": 0.001 * n, "is_open": bool(n % 2),
        }
        for n in range(100)
    ]  # fmt: skip


def signed_in(authorization: Annotated[str, Header()] = "") -> None:
    try:
        jwt.decode(authorization.removeprefix("Bearer "), KEY, algorithms=["HS256"])
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error


def response_model() -> tuple[Any, str]:
    app, found = FastAPI(), [ModelRow(**row) for row in rows()]

    async def guard(authorization: Annotated[str, Header()] = "") -> None:
        signed_in(authorization)

    @app.get("/rows", response_model=list[ModelRow], dependencies=[Depends(guard)])
    async def get() -> Any:
        return found

    return app, jwt.encode({"sub": "u", "exp": 4_000_000_000}, KEY, algorithm="HS256")


def with_msgspec() -> tuple[Any, str]:
    app, found, encode = FastAPI(), [StructRow(**row) for row in rows()], msgspec.json.Encoder().encode

    async def guard(authorization: Annotated[str, Header()] = "") -> None:
        signed_in(authorization)

    @app.get("/rows", dependencies=[Depends(guard)])
    async def get() -> Response:
        return Response(encode(found), media_type="application/json")

    return app, jwt.encode({"sub": "u", "exp": 4_000_000_000}, KEY, algorithm="HS256")


class RowsBoard(Board):
    """The board, with the rows in the place of trades."""

    def _put_up(self, moment: Moment) -> Posted:
        posted = super()._put_up(moment)
        body = msgspec.json.encode(rows())
        posted.documents["trades"] = Document(rows(), body, body)
        return posted


def ours(home: Path) -> tuple[Any, str]:
    service = PipelineService(load_settings(CRYPTOPILOT_HOME=str(home)))
    service.open()
    desk = open_front_desk(service, Passwords(PasswordHasher(1, 8, 1)))
    code = str(service.home.setup_code())
    granted = desk.access.sign_in.set_up(code, "bench", "marigold kettle thunder", "127.0.0.1")
    return create_app(replace(desk, board=RowsBoard(service))), granted.access_token


def main(name: str, port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app, token = {
            "ours": lambda: ours(Path(folder) / "home"), "response_model": response_model, "msgspec": with_msgspec,
        }[name]()  # fmt: skip
        print(token, flush=True)
        uvicorn.run(app, port=port, http="httptools", loop="uvloop", access_log=False, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

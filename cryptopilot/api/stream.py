"""`/api/stream`: signs a client in by its first message, then sends the topics that it asked for.

One task writes to each client from a queue of its own. A client that does not read has its queue filled, and is
dropped: neither the pipeline nor anybody else waits for it.

Turns of the feed and what they change here happen one after the other: between a client's snapshot and the first
update that it hears nothing is missed, and nothing is told twice.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from pydantic import TypeAdapter, ValidationError

from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.domain.people import Identity
from cryptopilot.domain.timeframe import iso
from cryptopilot.engine.clock import stopwatch_ms, wall_ms
from cryptopilot.runtime.feed import OWN, TOPICS, Said
from cryptopilot.runtime.front_desk import FrontDesk
from cryptopilot.runtime.shapes.stream import Authenticate, FromClient, FromServer, Subscribe, Topic

log = logging.getLogger("trading_pipeline")
router = APIRouter()

WAITING = 256
"""Messages that may wait for one client."""
WAITING_BYTES = 4 * 1024 * 1024
PATIENCE_S = 10.0
"""How long a client may take to sign in."""
BEAT_S = 1.0
HEARTBEAT_BEATS = 5
"""Beats between two signs of life; clients take fifteen seconds of silence for a dead connection."""
SPACING_S = 0.02
"""The least time between two turns of the feed: a market at full speed is shown fifty times a second at most."""
LONGEST_MESSAGE = 16 * 1024
MOST_CLIENTS = 1000
MOST_STRANGERS = 100
"""Clients of one address that have yet to sign in: whoever cannot does not keep out those who can."""
BURST, PACE_S = 20, 0.1
"""Messages that a client may send at once, and how long it waits for each beyond: what it asks for is not free."""

UNAUTHORISED, REVOKED, TOO_SLOW, TOO_MANY, GOING_AWAY, FAILED = 4401, 4403, 4408, 4429, 1012, 1011

_encode = msgspec.json.Encoder().encode
_from_client: TypeAdapter[Any] = TypeAdapter(FromClient)


class Client:
    """One listener: what it hears, what waits for it, and until when it may stay."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.topics: set[Topic] = set()
        self.identity: Identity | None = None
        self.address = socket.client.host if socket.client else ""
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self.waiting_bytes = 0
        self._owes_until_ms = 0.0
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def put(self, text: bytes) -> None:
        """Let *text* wait to be sent; a client for whom too much waits already is dropped."""
        if self.waiting.full() or self.waiting_bytes + len(text) > WAITING_BYTES:
            self.end(TOO_SLOW)
            return
        self.waiting_bytes += len(text)
        self.waiting.put_nowait(text)

    def may_hear(self, said: Said) -> bool:
        """Whether a message is for everybody, or for this one."""
        return said.owner is None or (self.identity is not None and self.identity.user_id == said.owner)

    def end(self, code: int) -> None:
        """Close, for the reason that *code* says; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(code)

    async def read(self) -> str:
        """Its next message; one that comes too fast is left in the socket for a while, which slows its sender down.

        Raises:
            ValueError: it is binary. WebSocketDisconnect: the client has gone.
        """
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        now = stopwatch_ms()
        self._owes_until_ms = max(self._owes_until_ms, now) + PACE_S * 1000
        await asyncio.sleep(max(0.0, self._owes_until_ms - now - BURST * PACE_S * 1000) / 1000)
        text = message.get("text")
        if text is None:
            raise ValueError("a binary message; allowed: JSON as text")
        return str(text)

    async def write(self) -> None:
        """Send what waits, for ever."""
        while True:
            text = await self.waiting.get()
            await self.socket.send_text(text.decode())
            self.waiting_bytes -= len(text)


class Hub:
    """All listeners of one application."""

    def __init__(self, desk: FrontDesk) -> None:
        self._desk = desk
        self.clients: set[Client] = set()
        self.dropped = 0
        self._wake = asyncio.Event()
        self._turning = asyncio.Lock()
        self._joining: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve while the application runs."""
        self._loop = asyncio.get_running_loop()
        self._desk.feed.wake = lambda: self._call(self._wake.set)
        self._desk.access.sign_in.on_revoked.append(self._revoked)
        tasks = [asyncio.create_task(self._turns()), asyncio.create_task(self._beat())]
        try:
            yield
        finally:
            self._desk.feed.wake = lambda: None
            self._desk.access.sign_in.on_revoked.remove(self._revoked)
            for client in list(self.clients):
                client.end(GOING_AWAY)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(self, socket: WebSocket) -> None:
        """One client, from its first message to its end."""
        await socket.accept()
        client = Client(socket)
        strangers = sum(c.identity is None and c.address == client.address for c in self.clients)
        if len(self.clients) >= MOST_CLIENTS or strangers >= MOST_STRANGERS:
            await socket.close(TOO_MANY)
            return
        self.clients.add(client)
        tasks = [asyncio.create_task(self._read(client)), asyncio.create_task(client.write())]
        try:
            ends: list[asyncio.Future[Any]] = [client.ended, *tasks]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if client.ended.done():
                await self._farewell(client, client.ended.result())
        finally:
            self.clients.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _farewell(self, client: Client, code: int) -> None:
        self.dropped += code == TOO_SLOW
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(1.0):  # Who does not read does not read our farewell either.
                await client.socket.close(code)

    async def _read(self, client: Client) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._hear(client)
            while True:
                await self._hear(client)
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            client.end(UNAUTHORISED)
        except Exception:  # The end of this client; the others go on.
            log.exception("stream_client_failed")
            client.end(FAILED)

    async def _hear(self, client: Client) -> None:
        """One message of a client; the first one must sign it in."""
        try:
            message = _from_client.validate_python(_parsed(await client.read()))
        except (ValidationError, msgspec.DecodeError, RecursionError, ValueError) as error:
            self._complain(client, error)
            return
        if message["type"] == "auth":
            self._sign_in(client, message)
        elif client.identity is None:
            client.end(UNAUTHORISED)
        elif message["type"] == "subscribe":
            await self._subscribe(client, message)
        elif message["type"] == "unsubscribe":
            client.topics -= set(message["topics"])
            _say(client, {"type": "subscribed", "topics": sorted(client.topics), "resumed": []})
        else:
            _say(client, {"type": "pong", "at": iso(wall_ms())})

    def _complain(self, client: Client, error: Exception) -> None:
        if client.identity is None:
            client.end(UNAUTHORISED)
        else:
            field, detail = _words(error)
            _say(client, {"type": "problem", "code": "malformed", "detail": detail, "field": field})

    def _sign_in(self, client: Client, message: Authenticate) -> None:
        try:
            identity = self._desk.access.sign_in.authenticate(message["token"])
        except CryptoPilotError:
            client.end(UNAUTHORISED)
            return
        if client.identity is not None and client.identity.user_id != identity.user_id:
            client.topics -= set(OWN)  # These begin anew: they were somebody else's.
        client.identity = identity
        _say(
            client,
            {
                "type": "welcome", "stream_id": self._desk.feed.stream_id, "username": identity.username,
                "expires_at": iso(identity.expires_at), "topics": list(TOPICS),
            },
        )  # fmt: skip

    async def _subscribe(self, client: Client, message: Subscribe) -> None:
        """Bring the client to where every topic stands; should it leave meanwhile, the others still hear the turn."""
        joining = asyncio.create_task(self._join(client, message))
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)
        await asyncio.shield(joining)

    async def _join(self, client: Client, message: Subscribe) -> None:
        """Let a client hear on from where every topic stands; nothing can come in between."""
        async with self._turning:
            await self._turn()
            assert client.identity is not None  # `_hear` lets nobody else subscribe.
            resumed, texts = self._caught_up(message, client.identity.user_id)
            client.topics |= set(message["topics"])
            _say(client, {"type": "subscribed", "topics": sorted(client.topics), "resumed": resumed})
            for text in texts:
                client.put(text)

    def _caught_up(self, message: Subscribe, user_id: str) -> tuple[list[Topic], list[bytes]]:
        """The topics that go on where the client was, and what brings it to where every topic stands."""
        feed, resumed, texts = self._desk.feed, list[Topic](), list[bytes]()
        after = message.get("after", {}) if message.get("stream_id") == feed.stream_id else {}
        for topic in dict.fromkeys(message["topics"]):
            missed = feed.missed(topic, after[topic], user_id) if topic in after else None
            if missed is not None:
                resumed.append(topic)
                texts += [said.text for said in missed]
            elif (whole := feed.snapshot(topic, user_id)) is not None:
                texts.append(whole.text)
        return resumed, texts

    async def _turn(self) -> None:
        """One turn of the feed, made elsewhere, told here; to be called while nobody else is at it."""
        self._tell(await asyncio.to_thread(self._desk.feed.turn))

    async def _turns(self) -> None:
        rested_ms = 0.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = stopwatch_ms()
            try:
                async with self._turning:
                    if any(client.topics for client in self.clients):
                        await self._turn()
                    elif began - rested_ms >= 1000 * BEAT_S:
                        rested_ms = began
                        await asyncio.to_thread(self._desk.feed.rest)
            except CryptoPilotError:
                pass  # The service is being closed.
            except Exception:  # The outermost loop: the stream goes on with the next turn.
                log.exception("stream_turn_failed")
                await asyncio.sleep(BEAT_S)
            await asyncio.sleep(max(SPACING_S, 5 * (stopwatch_ms() - began) / 1000))

    def _tell(self, said: Iterable[Said]) -> None:
        for one in said:
            for client in self.clients:
                if one.topic in client.topics and client.may_hear(one):
                    client.put(one.text)

    async def _beat(self) -> None:
        """Look after what no commit tells: agents' beats, a silent database, leaves that end, silent connections."""
        for beat in itertools.count(1):
            await asyncio.sleep(BEAT_S)
            self._desk.board.mark()
            self._wake.set()
            for client in list(self.clients):
                if client.identity is not None and client.identity.expires_at <= wall_ms():
                    client.end(UNAUTHORISED)
                elif client.identity is not None and beat % HEARTBEAT_BEATS == 0:
                    _say(client, {"type": "pong", "at": iso(wall_ms())})

    def _revoked(self, session_id: str) -> None:
        self._call(self._end_session, session_id)

    def _end_session(self, session_id: str) -> None:
        for client in list(self.clients):
            if client.identity is not None and client.identity.session_id == session_id:
                client.end(REVOKED)

    def _call(self, function: Any, *args: Any) -> None:
        """Do it in the loop's thread, from any thread; a loop that has ended has nobody left to tell."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)


@router.websocket("/api/stream")
async def stream(socket: WebSocket) -> None:
    """The stream; see its messages among the schemas."""
    await socket.app.state.hub.serve(socket)


def open_hub(app: FastAPI, desk: FrontDesk) -> Hub:
    """The hub of *app*."""
    app.state.hub = Hub(desk)
    return app.state.hub  # type: ignore[no-any-return]


def _say(client: Client, message: FromServer) -> None:
    client.put(_encode(message))


def _parsed(text: str) -> Any:
    if len(text) > LONGEST_MESSAGE:
        raise ValueError(f"a message of {len(text)} characters; allowed: up to {LONGEST_MESSAGE}")
    return msgspec.json.decode(text)


def _words(error: Exception) -> tuple[str | None, str]:
    """The field that was wrong, if it was one, and what was, in one line and without the message's content."""
    if not isinstance(error, ValidationError):
        return None, str(error)[:200]
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part)[:40] for part in first["loc"])[:200] or None
    if first["type"] == "union_tag_invalid":
        return "type", f"type: allowed: {first['ctx']['expected_tags']}"
    return field, f"{field or 'message'}: {first['msg']}"[:400]

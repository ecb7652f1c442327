"""The monitor as a web application: the page, its WebSocket, corrections, export."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from neurolect.errors import NeurolectError, in_a_line
from neurolect.online.live_answers import Correction
from neurolect.online.live_streams import LiveStreams
from neurolect.online.monitor.feed import Feed, Said
from neurolect.online.monitor.guard import Guard, Token, cookie_name
from neurolect.online.monitor.hub import Hub
from neurolect.online.monitor.outbox import Outbox
from neurolect.online.monitor.page_requests import RefusalError, body_of, refusal, sentence_in

if TYPE_CHECKING:
    from redis import Redis

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_VALIDATION_SHARE = 0.2
"""Of what is exported."""


@dataclass(frozen=True)
class MonitorSettings:
    """What the page may do, and for whom.

    Args:
        streams: what is shown.
        recordings: folder that can be exported; None offers no export.
        token: what browsers must know; None asks for nothing.
        allowed_hosts: names that the monitor may be called by, besides loopback and its own address.
    """

    streams: LiveStreams
    recordings: Path | None = None
    token: Token | None = None
    allowed_hosts: tuple[str, ...] = ()


def application(client: Redis, settings: MonitorSettings) -> ASGIApp:
    """The monitor of one live decoder.

    Args:
        client: of the server that the decoder speaks to.
        settings: what the page may do, and for whom.
    """
    service = _Service(client, settings)
    routes = [
        Route("/", service.file),
        Route("/session", service.session),
        Route("/sign-in", service.sign_in, methods=["POST"]),
        Route("/corrections", service.correct, methods=["POST"]),
        Route("/export", service.export, methods=["POST"]),
        WebSocketRoute("/live", service.live),
        Route("/{name}", service.file),
    ]
    handlers: Any = {RefusalError: refusal}
    return Guard(
        Starlette(routes=routes, exception_handlers=handlers, lifespan=service.reading), settings.allowed_hosts
    )


class _Service:
    def __init__(self, client: Redis, settings: MonitorSettings) -> None:
        self._client, self._settings = client, settings
        self._hub = Hub(exports=settings.recordings is not None)
        self._files = {
            each.name: (each.read_bytes(), _TYPES[Path(each.name).suffix])
            for each in resources.files("neurolect.online.monitor").joinpath("page").iterdir()
            if Path(each.name).suffix in _TYPES
        }
        self._exporting = False

    @contextlib.asynccontextmanager
    async def reading(self, _: Starlette) -> AsyncIterator[None]:
        """Read Redis in a thread for as long as the application runs."""
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def say(said: Said) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches any more
                loop.call_soon_threadsafe(self._hub.take, said)

        reader = threading.Thread(target=Feed(self._client, self._settings.streams, say).run, args=(stop,), daemon=True)
        reader.start()
        try:
            yield
        finally:
            stop.set()
            await run_in_threadpool(reader.join)

    async def file(self, request: Request) -> Response:
        """The page and what it is made of, which is no secret."""
        name = request.path_params.get("name", "index.html")
        if name not in self._files:
            raise RefusalError(404, "there is no such file")
        content, media_type = self._files[name]
        return Response(content, media_type=media_type)

    async def session(self, request: Request) -> Response:
        """Whether this browser may see anything yet."""
        return JSONResponse({"signed_in": self._admits(request)})

    async def sign_in(self, request: Request) -> Response:
        """Take the token, and give the cookie that stands for it."""
        token, given = self._settings.token, (await body_of(request)).get("token")
        if token is None:
            return JSONResponse({})
        if not isinstance(given, str) or not token.opens(given):
            raise RefusalError(403, "this is not the token")
        answer = JSONResponse({})
        secure = request.url.scheme == "https"
        answer.set_cookie(cookie_name(request), token.cookie, httponly=True, samesite="strict", secure=secure)
        return answer

    async def live(self, websocket: WebSocket) -> None:
        """Send what the hub says for as long as the browser is there; what it says itself is not listened to."""
        if not self._admits(websocket) or self._hub.is_full:
            await websocket.close(1008)
            return
        with self._hub.joined() as outbox:
            await websocket.accept()
            both = [asyncio.create_task(_send_all(websocket, outbox)), asyncio.create_task(_ignore_all(websocket))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)

    async def correct(self, request: Request) -> Response:
        """Store what a person says was said; an empty text says that nothing was."""
        self._require_admission(request)
        body = await body_of(request)
        utterance = body.get("utterance")
        if type(utterance) is not int or utterance not in self._hub.sentences:
            raise RefusalError(404, "there is no such sentence")
        await run_in_threadpool(self._store, Correction(utterance, sentence_in(body.get("text")), time.time()))
        return JSONResponse({})

    async def export(self, request: Request) -> Response:
        """Write what was recorded and corrected so far as a dataset beside the recordings."""
        self._require_admission(request)
        recordings = self._settings.recordings
        if recordings is None:
            raise RefusalError(404, "the monitor was started without --recordings")
        if self._exporting:
            raise RefusalError(409, "an export is under way")
        self._exporting = True
        try:
            # In full, since '.' has no name.
            recordings = recordings.resolve()
            out = recordings.with_name(f"{recordings.name}-t15")
            n_trials = await run_in_threadpool(_export, recordings, out)
        except (NeurolectError, OSError) as error:
            raise RefusalError(422, str(error)) from None
        finally:
            self._exporting = False
        return JSONResponse({"trials": n_trials, "folder": str(out)})

    def _store(self, correction: Correction) -> None:
        from redis.exceptions import ConnectionError, RedisError

        fields: Any = correction.to_fields()
        try:
            try:
                self._client.xadd(self._settings.streams.corrections, fields)
            except ConnectionError:
                # The connection may be older than the server; said twice, a correction is the same correction.
                self._client.xadd(self._settings.streams.corrections, fields)
        except RedisError as error:
            raise RefusalError(503, f"not stored, try again: {in_a_line(error)}") from None

    def _admits(self, connection: Request | WebSocket) -> bool:
        return self._settings.token is None or self._settings.token.admits(connection)

    def _require_admission(self, request: Request) -> None:
        if not self._admits(request):
            raise RefusalError(403, "give the token first")


async def _send_all(websocket: WebSocket, outbox: Outbox) -> None:
    while True:
        payload = await outbox.next()
        if isinstance(payload, bytes):
            await websocket.send_bytes(payload)
        else:
            await websocket.send_text(payload)


async def _ignore_all(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass


def _export(recordings: Path, out: Path) -> int:
    from neurolect.online.recording_export import export_recordings

    return export_recordings(recordings, out, validation_share=_VALIDATION_SHARE).total()

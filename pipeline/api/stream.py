"""Sends events to one who listens, for as long as they listen (server-sent events).

Source: HTML Living Standard, 9.2 "Server-sent events".
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.api.hub import Gone, Hub
from pipeline.errors import Retry
from pipeline.store.feed import Wanted

RETRY_MS = 2000
"""When a listener shall come back whose connection broke."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_log = structlog.get_logger()


class EventStream(Response):
    """The answer that goes on: all that is wanted past `after`, a comment where nothing happens.

    It ends when the listener goes, when `may_stay` says no, when what comes next is not kept any more, and when the
    process ends; the id that was sent last says where to go on.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, wanted: Wanted, after: int, may_stay: Callable[[], Awaitable[bool]], who: str) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._hub = hub
        self._wanted = wanted
        self._cursor = after
        self._may_stay = may_stay
        self._who = who
        self._gone = False
        self._sent_at = hub.clock()
        self._told = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until something ends it."""
        sending = asyncio.create_task(self._send_all(Request(scope), send))
        leaving = asyncio.create_task(self._until_gone(receive))
        try:
            await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True

    async def _send_all(self, request: Request, send: Send) -> None:
        def cut() -> None:
            _log.warning("api.events_cut", token=self._who, after=self._cursor, reason="takes nothing")
            self._gone = True
            abort(request)

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with self._hub.listening(cut, self._who) as listener:
            _log.info("api.events_begin", token=self._who, after=self._cursor)

            async def write(body: bytes) -> None:
                listener.waits_since = self._sent_at = self._hub.clock()
                await send({"type": "http.response.body", "body": body, "more_body": True})
                listener.waits_since = None

            with suppress(Gone, OSError):
                await write(b"retry: %d\nid: %d\n\n" % (RETRY_MS, self._cursor))
                await self._follow(write)
            _log.info("api.events_end", token=self._who, after=self._cursor)
        if not self._gone:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        checked_at = self._hub.clock()
        while not (self._gone or self._hub.closed):
            signal = self._hub.signal()
            try:
                piece = await self._hub.next(self._cursor, self._wanted)
            except Retry:
                await signal.wait()
                continue
            if piece.body:
                await write(piece.body)
                self._told = piece.frames[-1].pos
            moved, self._cursor = piece.upto > self._cursor, piece.upto
            now = self._hub.clock()
            if not moved:
                if now - self._sent_at >= self._hub.limits.heartbeat_s:
                    await write(self._heartbeat())
                await signal.wait()
            if now - checked_at >= self._hub.limits.beat_s:
                checked_at = now
                if not await self._may_stay():
                    return

    def _heartbeat(self) -> bytes:
        """A comment; and when others' events went by meanwhile, the number to go on at."""
        if self._cursor == self._told:
            return b":\n\n"
        self._told = self._cursor
        return b":\nid: %d\n\n" % self._cursor


def abort(request: Request) -> None:
    """Cut the connection of a request at once; what waits to be taken there is let go."""
    transport = request.scope.get("casestream.transport")
    if transport is not None:
        transport.abort()

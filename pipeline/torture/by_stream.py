"""The desk of a trial, whose stream breaks now and then."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.responses import StreamingResponse

from pipeline.api.port import serving
from pipeline.errors import Stop
from pipeline.torture.plan import PAUSE_S, Cut, Pause, Step, Tell

COMES_WITHIN_S = 60.0
BACK_WITHIN_S = 5.0
_HALF_AN_EVENT = b"id: 1\nevent: dev.casestream.case.upd"


class _Listener:
    """One connection: how much it was sent, and whether it is to break."""

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self.breaks = False


class ByStream:
    """`GET /events` and `GET /cases/state` of a desk on which nothing had happened before."""

    def __init__(self, listen: str) -> None:
        self.address = ""
        self._listen = listen
        self._tape: list[tuple[int, bytes]] = []
        self._listeners: set[_Listener] = set()
        self._moved = asyncio.Event()
        self._may_come = True

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The desk, until the block ends."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_api_route("/events", self._events, methods=["GET"], response_model=None)
        app.add_api_route("/cases/state", self._states, methods=["GET"], response_model=None)
        async with serving(app, self._listen) as self.address:
            try:
                yield
            finally:
                await self._break()

    async def deliver(self, steps: list[Step]) -> None:
        """All of them; what follows a break happens before the consumer is back. Raises Stop when nobody comes."""
        if not await self._until(lambda: bool(self._listeners), COMES_WITHIN_S):
            raise Stop(f"nobody asked http://{self.address}/events for its stream within {COMES_WITHIN_S:.0f} s")
        for step in steps:
            match step:
                case Tell():
                    told = step.telling
                    frame = b"id: %d\nevent: %s\ndata: %s\n\n" % (told.position, told.type.encode(), told.json())
                    self._tape.append((told.position, frame))
                    self._wake()
                case Pause():
                    await asyncio.sleep(PAUSE_S)
                case Cut():
                    await self._let_in()
                    self._may_come = False
                    await self._break()
        await self._let_in()

    async def _let_in(self) -> None:
        """Return once whoever listens has all there is."""
        self._may_come = True
        self._wake()
        await self._until(self._all_sent, BACK_WITHIN_S)

    def _all_sent(self) -> bool:
        return bool(self._listeners) and all(one.cursor == len(self._tape) for one in self._listeners)

    async def _break(self) -> None:
        for listener in self._listeners:
            listener.breaks = True
        self._wake()
        await self._until(lambda: not self._listeners, BACK_WITHIN_S)

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def _events(self, request: Request) -> Response:
        while not self._may_come:
            await self._moved.wait()
        after = request.headers.get("last-event-id") or request.query_params.get("after", "end")
        return StreamingResponse(self._stream(_Listener(self._place(after))), media_type="text/event-stream")

    async def _states(self) -> Response:
        return JSONResponse({"cases": [], "next": None, "position": 0})

    def _place(self, after: str) -> int:
        """Where in the tape what comes after a position begins."""
        if not after.isdecimal():
            return 0 if after == "start" else len(self._tape)
        return next((place for place, (position, _) in enumerate(self._tape) if position > int(after)), len(self._tape))

    async def _stream(self, listener: _Listener) -> AsyncIterator[bytes]:
        self._listeners.add(listener)
        self._wake()
        try:
            yield b"retry: 100\n\n"
            while not listener.breaks:
                moved = self._moved
                if listener.cursor == len(self._tape):
                    await moved.wait()
                    continue
                yield self._tape[listener.cursor][1]
                listener.cursor += 1
                self._wake()
            yield _HALF_AN_EVENT
        finally:
            self._listeners.discard(listener)
            self._wake()

"""`GET /events`: what happened, as it happens or as one answer."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from pipeline.api.answer import MOST_BYTES, JsonAnswer
from pipeline.api.asked import Asked, read_request
from pipeline.api.auth import Granted, gate_of, require
from pipeline.api.hub import Crowded, Gone, Hub
from pipeline.api.ring import Frame
from pipeline.api.stream import EventStream
from pipeline.problems import problem

SCOPE = "events:read"


class EventRoutes:
    """The events of a desk for who has a token with `events:read`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def router(self) -> APIRouter:
        """The routes, to be mounted into the application."""
        router = APIRouter()
        router.add_api_route("/events", self.events, methods=["GET"], response_model=None)
        return router

    async def events(self, request: Request, granted: Annotated[Granted, Depends(require(SCOPE))]) -> Response:
        """The stream, or with `wait` or `Accept: application/json` what there is by then."""
        asked = read_request(request)
        gate = gate_of(request)
        try:
            after = await self._hub.start() if asked.after == "start" else asked.after
            after = await self._hub.place(after)
            self._hub.admit(granted.name)
            if asked.wait is None:
                return EventStream(self._hub, asked.wanted, after, lambda: gate.still(granted, SCOPE), granted.name)
            return await self._answer(asked, after, asked.wait, granted.name)
        except Gone as gone:
            return _not_there(gone, after)
        except Crowded as crowded:
            return too_many(crowded)

    async def _answer(self, asked: Asked, after: int, wait: float, who: str) -> Response:
        """Whatever there is at once, else what comes first while they wait; `next` is where to ask on."""
        frames: list[Frame] = []
        size = 0
        with self._hub.listening(lambda: None, who):
            deadline = asyncio.get_running_loop().time() + wait
            while not self._hub.closed:
                signal = self._hub.signal()
                piece = await self._hub.next(after, asked.wanted)
                moved = piece.upto > after
                room = asked.limit - len(frames)
                frames += piece.frames[:room]
                after = frames[-1].pos if len(piece.frames) > room else piece.upto
                size += len(piece.body)
                if len(frames) >= asked.limit or size >= MOST_BYTES or (frames and not moved):
                    break
                if not moved and not await _set_by(signal, deadline):
                    break
        body = b'{"events":[' + b",".join(frame.json for frame in frames) + b'],"next":%d}' % after
        return JsonAnswer(self._hub, body, who)


async def _set_by(signal: asyncio.Event, deadline: float) -> bool:
    try:
        async with asyncio.timeout_at(deadline):
            await signal.wait()
    except TimeoutError:
        return False
    return True


def too_many(crowded: Crowded) -> Response:
    """429: one token does not take the places of all."""
    return problem(429, str(crowded), headers={"Retry-After": "10"})


def _not_there(gone: Gone, after: int | None) -> Response:
    """410 when it is not kept any more, 409 when it was never told; both say what there is."""
    kept = gone.kept
    more = {"oldest": kept.oldest, "last": kept.head}
    if after is not None and after > kept.head:
        detail = f"no event has the position {after} yet; the last one is {kept.head}"
        return problem(409, f"{detail}. Was the desk restored from a backup? Begin anew", more=more)
    detail = f"what came after {after} is not kept any more; the oldest event is {kept.oldest}"
    return problem(410, f"{detail}. Begin anew with the states of all cases", more=more)

"""An answer of many bytes to one who may not read it: counted while it is written, cut off when nobody takes it."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.api.hub import Hub
from pipeline.api.stream import abort

MOST_BYTES = 1024 * 1024
"""About so much is in one answer; its `next` carries on."""

_log = structlog.get_logger()


class JsonAnswer(Response):
    """JSON that is written piece by piece; whoever gets it listens until they took it."""

    media_type = "application/json"

    def __init__(self, hub: Hub, body: bytes, who: str) -> None:
        super().__init__(body, headers={"Cache-Control": "no-store"})
        self._hub = hub
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it all, or as much as they take."""
        del receive
        request = Request(scope)
        body = bytes(self.body)

        def cut() -> None:
            _log.warning("api.answer_cut", token=self._who, reason="takes nothing")
            abort(request)

        with self._hub.listening(cut, self._who) as listener:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, len(body), self._hub.limits.piece):
                listener.waits_since = self._hub.clock()
                piece = body[start : start + self._hub.limits.piece]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            listener.waits_since = self._hub.clock()
            await send({"type": "http.response.body", "body": b"", "more_body": False})  # which waits for the rest

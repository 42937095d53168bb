"""The body of a request over HTTP, bounded in size and time."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from pipeline.errors import Reject

BODY_SECONDS = 60.0
"""How long a body may take, and a second more for every BYTES_PER_SECOND of it."""

BYTES_PER_SECOND = 16_384


class BodyRefused(Reject):
    """A body that was not taken; `reason` is what the connector counts it under."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(status, message)
        self.reason = reason


async def read_body(request: Request, max_size: int, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body. Raises BodyRefused when compressed, too large, too slow or cut off, whatever it announces."""
    if _is_compressed(request):
        raise BodyRefused(415, "content type", "send it uncompressed")
    too_large = BodyRefused(413, "too large", "the body is larger than we take")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > max_size:
        raise too_large
    body = bytearray()
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds) as deadline:
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_size:
                    raise too_large
                deadline.reschedule(began + seconds + len(body) / BYTES_PER_SECOND)
    except TimeoutError as error:
        raise BodyRefused(408, "too slow", "the body did not arrive in time") from error
    except ClientDisconnect as error:
        raise BodyRefused(400, "cut off", "the body ended before its length") from error
    return bytes(body)


def closing(status: int) -> dict[str, str]:
    """After a body that was not read to its end, the connection cannot be used again."""
    return {"Connection": "close"} if status in {403, 404, 408, 413, 415, 429} else {}


def _is_compressed(request: Request) -> bool:
    """Whether the body came compressed, which nothing here inflates."""
    return request.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}

"""Events over HTTP: the states of all cases first if that is wanted, then the stream, or polls."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Literal

import httpx

from pipeline.client.errors import Away, Gone, Refused
from pipeline.client.event import Event
from pipeline.client.sources import Heard

Begin = Literal["states", "start", "end"]

POSITION, STATES = "position", "states"
"""The parts of a place: the number of the last event; the last case, as long as not all states came."""

_SILENCE_S = 45.0
"""After so long without even a comment, of which one comes every 15 s, the connection is given up."""
_LONGEST = 4 * 1024 * 1024
"""So many bytes a block may have; of a stream that has no end of one, no more is held."""
_POLL_S = 30
_PAGE = 500


class EventsOverHttp:
    """A desk's API."""

    def __init__(
        self, url: str, token: str, *, types: Sequence[str], case: str | None, begin: Begin, poll: bool
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._asked: dict[str, Any] = {"type": ",".join(types)} if types else {}
        if case is not None:
            self._asked["case"] = case
        self._begin = begin
        self._poll = poll

    async def batches(self, places: Mapping[str, str]) -> AsyncGenerator[Sequence[Heard], None]:
        """What comes from these places on. Raises Away, Refused, Gone."""
        timeout = httpx.Timeout(10.0, read=_SILENCE_S)
        async with httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            timeout=timeout,
            trust_env=False,  # a proxy that the environment names would be given the token
            transport=httpx.AsyncHTTPTransport(),  # which still knows the authorities of SSL_CERT_FILE
        ) as http:
            after = places.get(POSITION)
            if STATES in places or (after is None and self._begin == "states"):
                async with aclosing(self._states(http, after, places.get(STATES))) as pages:
                    async for page in pages:
                        after = page[-1].places[POSITION]
                        yield page
            wanted = after if after is not None else "start" if self._begin == "start" else "end"
            async with aclosing(self._polls(http, wanted) if self._poll else self._stream(http, wanted)) as batches:
                async for batch in batches:
                    yield batch

    async def _states(
        self, http: httpx.AsyncClient, position: str | None, last: str | None
    ) -> AsyncGenerator[Sequence[Heard], None]:
        """Every case as it is now; what happened after the first page was read is told by the events after it."""
        while True:
            asked = {"limit": str(_PAGE), **({"after": last} if last else {})}
            with _explained():
                answer = await http.get("/cases/state", params=asked)
            told = _told(answer)
            position = position if position is not None else str(told["position"])
            last = told["next"]
            found = [Heard(Event.of_state(one), {POSITION: position}) for one in told["cases"]]
            yield [*found, Heard(None, {POSITION: position, STATES: last})]
            if last is None:
                return

    async def _stream(self, http: httpx.AsyncClient, after: str) -> AsyncGenerator[Sequence[Heard], None]:
        asked = {**self._asked, "after": after}
        with _explained():
            async with _streamed(http, asked) as answer:
                blocks = Blocks()
                async for chunk in answer.aiter_bytes():
                    if found := [heard for block in blocks.feed(chunk) if (heard := _heard(block)) is not None]:
                        yield found
        raise Away("the desk ended the stream")

    async def _polls(self, http: httpx.AsyncClient, after: str) -> AsyncGenerator[Sequence[Heard], None]:
        while True:
            asked = {**self._asked, "after": after, "wait": _POLL_S, "limit": _PAGE}
            with _explained():
                answer = await http.get("/events", params=asked)
            told = _told(answer)
            after = str(told["next"])
            events = [Event.of_told(one) for one in told["events"]]
            yield [*(Heard(event, {POSITION: str(event.position)}) for event in events), Heard(None, {POSITION: after})]


class Blocks:
    """Cuts a stream of server-sent events into blocks, wherever the pieces end in which it comes.

    Source: HTML Living Standard, 9.2.5 "Parsing an event stream": a line ends with LF, CR, or both.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._held = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks that are whole by now, their lines ended by LF. Raises Away when one does not end."""
        text = self._held + chunk
        self._held = text[-1:] if text.endswith(b"\r") else b""  # an LF may follow that belongs to it
        seen = max(len(self._rest) - 1, 0)
        self._rest += text.removesuffix(self._held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        blocks: list[bytes] = []
        if self._rest.find(b"\n\n", seen) >= 0:
            *blocks, rest = bytes(self._rest).split(b"\n\n")
            self._rest = bytearray(rest)
        if len(self._rest) > _LONGEST:
            raise Away(f"the stream has an event of more than {_LONGEST >> 20} MiB")
        return blocks


@asynccontextmanager
async def _streamed(http: httpx.AsyncClient, asked: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
    async with http.stream("GET", "/events", params=dict(asked), headers={"Accept": "text/event-stream"}) as answer:
        if answer.status_code != httpx.codes.OK:
            await answer.aread()
            _told(answer)
        yield answer


@contextmanager
def _explained() -> Iterator[None]:
    """Whatever breaks on the way is for another time; what cannot even be sent is not."""
    try:
        yield
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
        raise Refused(str(error)) from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise Away(f"{type(error).__name__}: {error}") from error


def _heard(block: bytes) -> Heard | None:
    """What a block of the stream says; None when it is a comment. An event that is none of ours is passed over."""
    fields: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        if name:
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
    if "data" not in fields:
        return Heard(None, {POSITION: fields["id"]}) if "id" in fields else None
    place = {POSITION: fields["id"]} if "id" in fields else {}
    try:
        return Heard(Event.of_json(fields["data"]), place)
    except ValueError:
        return Heard(None, place)


def _told(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON, else the error that its status is."""
    if answer.status_code == httpx.codes.OK:
        told: dict[str, Any] = answer.json()
        return told
    detail = _detail(answer)
    if answer.status_code in {httpx.codes.GONE, httpx.codes.CONFLICT}:
        raise Gone(detail)
    if answer.status_code in {429, 503} or answer.is_server_error:
        after = answer.headers.get("retry-after", "")
        raise Away(detail, float(after) if after.isdecimal() else None)
    raise Refused(f"{answer.status_code} {detail}")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase

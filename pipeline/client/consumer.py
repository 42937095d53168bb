"""Events one by one, each once and in order per case, through lost connections and restarts."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pipeline.client.checkpoint import Checkpoint
from pipeline.client.errors import Away
from pipeline.client.event import Event
from pipeline.client.over_http import Begin, EventsOverHttp
from pipeline.client.over_kafka import EventsFromKafka
from pipeline.client.sources import Heard, Source

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 15.0


class Consumer:
    """Iterate over it.

    `url` is a desk (`http://HOST:PORT`, with a `token`) or a topic (`kafka://HOST:PORT/case.events`). `begin` says what
    comes at the first time: `states` (every case as it is now, then what happens; over HTTP, with a token for
    `cases:read` too), `start` (all that is kept), or `end` (only what happens from now on). `poll` asks for answers
    instead of a stream; `kafka` are more settings of aiokafka's clients, such as `security_protocol`; `away` is told
    whenever nobody answers.

    When the loop asks for the next event, the last one is done: its effects in the checkpoint's database and its place
    are committed, a few events at a time. Events that the program was at when it ended come again.
    """

    def __init__(  # noqa: PLR0913  # each has a default
        self,
        url: str,
        token: str = "",
        *,
        checkpoint: Checkpoint,
        types: Sequence[str] = (),
        case: str | None = None,
        begin: Begin = "states",
        poll: bool = False,
        kafka: Mapping[str, Any] | None = None,
        away: Callable[[Away], None] = lambda _: None,
    ) -> None:
        parts = urlsplit(url)
        self._source: Source
        if parts.scheme == "kafka":
            at_end, topic = begin == "end", parts.path.strip("/")
            self._source = EventsFromKafka(
                parts.netloc, topic, types=types, case=case, at_end=at_end, settings=kafka or {}
            )
        elif parts.scheme in {"http", "https"}:
            self._source = EventsOverHttp(url, token, types=types, case=case, begin=begin, poll=poll)
        else:
            raise ValueError(f"{url} is no address; write http://HOST:PORT or kafka://HOST:PORT/TOPIC")
        self._checkpoint = checkpoint
        self._away = away
        self._iterating: AsyncGenerator[Event, None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._iterating is not None:
            await self._iterating.aclose()

    def __aiter__(self) -> AsyncIterator[Event]:
        self._iterating = self._events()
        return self._iterating

    async def _events(self) -> AsyncGenerator[Event, None]:
        """For ever; whoever is away is asked again, the longer the more often that was in vain."""
        pause = FIRST_PAUSE_S
        try:
            while True:
                try:
                    async with aclosing(self._source.batches(await self._checkpoint.places())) as batches:
                        async for batch in batches:
                            if any(heard.event for heard in batch):
                                pause = FIRST_PAUSE_S
                            async with aclosing(self._one_by_one(batch)) as events:
                                async for event in events:
                                    yield event
                            await self._checkpoint.commit()
                except Away as error:
                    self._away(error)
                    await asyncio.sleep(error.seconds or random.uniform(pause / 2, pause))  # noqa: S311  # not all at once
                    pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            await self._checkpoint.rollback()

    async def _one_by_one(self, batch: Sequence[Heard]) -> AsyncGenerator[Event, None]:
        """What is new of a batch; when the next one is asked for, the last one is done."""
        for heard in batch:
            if heard.event is not None and await self._is_new(heard.event):
                yield heard.event
                await self._checkpoint.note(heard.event.key, heard.event.sequence)
            await self._moved(heard)

    async def _is_new(self, event: Event) -> bool:
        """An event has a sequence above all that were heard of its key; a state may be the same again, never older."""
        if event.data is None or not event.sequence:
            return True
        heard = await self._checkpoint.heard(event.key)
        return event.sequence >= heard if event.is_state else event.sequence > heard

    async def _moved(self, heard: Heard) -> None:
        for part, place in heard.places.items():
            await self._checkpoint.move(part, place)

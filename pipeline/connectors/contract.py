"""What every connector keeps to: receive, publish, and only then settle."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol, Self

from pipeline.blobs import BlobStore
from pipeline.connectors.space import FreeSpace
from pipeline.crash import crash_point
from pipeline.errors import Reject, Retry
from pipeline.log import Log
from pipeline.wire import Envelope

INLINE_LIMIT = 262_144
"""Bytes up to which a message travels in its record; a larger one lies in the blob store."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the source is told when its message is ours."""

    id: str


@dataclass(slots=True)
class Health:
    """What a connector did since it started; `refused` counts by reason.

    `lag` counts the messages that are known to wait at the source, `state` says what it does now or what is in its
    way, `parts` tells the same of each source that it asks.
    """

    received: int = 0
    published: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    last_success: datetime | None = None
    lag: int = 0
    state: str = ""
    parts: Mapping[str, "Health"] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, parts: Mapping[str, "Health"]) -> Self:
        """The sums of what each part tells, and the latest of their successes."""
        all_of_them = parts.values()
        return cls(
            received=sum(part.received for part in all_of_them),
            published=sum(part.published for part in all_of_them),
            refused=sum((part.refused for part in all_of_them), Counter()),
            last_success=max((part.last_success for part in all_of_them if part.last_success), default=None),
            lag=sum(part.lag for part in all_of_them),
            parts=parts,
        )


class Connector(Protocol):
    """Takes messages from one kind of source and settles each once the log holds it."""

    @property
    def health(self) -> Health:
        """What it did since it started."""

    async def start(self) -> str:
        """Begin; returns the address it listens on as HOST:PORT, or the names of what it reads."""

    async def stop(self) -> None:
        """Take nothing new, finish what was begun, then return."""


class Publisher:
    """Puts envelopes on the log, the large ones through the blob store, as long as the disk has room."""

    def __init__(self, log: Log, blobs: BlobStore, space: FreeSpace) -> None:
        self._log = log
        self._blobs = blobs
        self._space = space

    async def publish(self, envelope: Envelope, health: Health) -> Receipt:
        """The receipt, once the envelope is durable. Raises Retry when it cannot be now, Reject when never."""
        health.received += envelope.count
        try:
            self._space.check()
            if len(envelope.raw) > INLINE_LIMIT:
                envelope = await self._outsourced(envelope)
            await self._log.publish(envelope)
            crash_point("after_publish")
        except Retry:
            health.refused["retry"] += 1
            raise
        except Reject:
            health.refused["too large for the log"] += 1
            raise
        health.published += envelope.count
        health.last_success = envelope.time
        return Receipt(envelope.id)

    async def _outsourced(self, envelope: Envelope) -> Envelope:
        try:
            digest = await asyncio.to_thread(self._blobs.put, envelope.raw)
        except OSError as error:
            raise Retry(f"the blob store refuses: {error.strerror}") from error
        return replace(envelope, raw=b"", dataref=digest)


def utc_now() -> datetime:
    """The clock of every connector, unless a test gives it another."""
    return datetime.now(UTC)

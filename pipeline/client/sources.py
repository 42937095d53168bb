"""What every way to events has in common."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.client.event import Event


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, or nothing new, and where to go on after it: by part of the source, None where a part is over."""

    event: Event | None
    places: Mapping[str, str | None]


class Source(Protocol):
    """A way on which events come."""

    def batches(self, places: Mapping[str, str]) -> AsyncGenerator[Sequence[Heard], None]:
        """What comes from these places on. Raises Away, Refused, Gone."""

"""What every platform's webhook is asked: to know us by a challenge, and to be known by a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform wants to hear."""

    body: str
    media_type: str


class Door(Protocol):
    """Speaks one platform's way of proving who is who."""

    def answer(self, query: Mapping[str, str]) -> Answer:
        """What proves to the platform that the address is ours. Raises Reject when somebody else asks."""

    def is_authentic(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the platform itself sent these very bytes."""

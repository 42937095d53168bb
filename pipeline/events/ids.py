"""By what an event and a queue are known everywhere: the same id whenever and wherever it is made."""

from functools import lru_cache
from uuid import NAMESPACE_URL, UUID

from uuid_utils.compat import uuid5

_EVENTS = uuid5(NAMESPACE_URL, "https://casestream.dev/event")
_QUEUES = uuid5(NAMESPACE_URL, "https://casestream.dev/queue")


def event_id(key: str, seq: int) -> UUID:
    """The id of an event: the same whenever and however often it is made or published."""
    return uuid5(_EVENTS, f"{key}\0{seq}")


@lru_cache(maxsize=1024)
def queue_id(name: str) -> UUID:
    """The id of the queue of that name."""
    return uuid5(_QUEUES, name)

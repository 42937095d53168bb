"""The order of acknowledgements: that in which the messages came (MQTT-4.6.0-2), in whatever order they are settled."""

from collections import deque
from collections.abc import Iterator


class Acks:
    """The messages of one connection that are not acknowledged yet."""

    def __init__(self) -> None:
        self._waiting: deque[list[int]] = deque()
        self._known: dict[int, list[int]] = {}

    def arrived(self, packet_id: int) -> None:
        """A message came that wants to be acknowledged."""
        entry = [packet_id, 0]
        self._waiting.append(entry)
        self._known[packet_id] = entry

    def settle(self, packet_id: int) -> Iterator[int]:
        """Those that may be acknowledged now that this one is settled; it may have to wait for one before it."""
        entry = self._known.pop(packet_id, None)
        if entry is None:
            return
        entry[1] = 1
        while self._waiting and self._waiting[0][1]:
            yield self._waiting.popleft()[0]

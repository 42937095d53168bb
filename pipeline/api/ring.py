"""The newest events, each serialised once for all who listen."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.events.cloudevents import structured
from pipeline.store.feed import Wanted
from pipeline.store.outbox import Published

_DATA = b"\ndata: "
_JOINED = 64
"""So many joins are remembered, which is for those who listen side by side; who lags has a join of their own."""
_ROOM = 0.75
"""How much of it stays when it is full: to make room event by event would move the whole list each time."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it goes over the wire."""

    pos: int
    type: str
    key: str
    subject: str | None
    body: bytes

    @classmethod
    def of(cls, event: Published, source: str) -> "Frame":
        """The event as one of a stream: its number is the id to resume at."""
        text = structured(
            event_id=event.id, source=source, kind=event.type, subject=event.subject, at=event.at, key=event.key,
            seq=event.seq, pos=event.pos, data=event.data.encode(),
        )  # fmt: skip
        body = b"id: %d\nevent: %s\ndata: %s\n\n" % (event.pos, event.type.encode(), text)
        return cls(event.pos, event.type, event.key, event.subject, body)

    @property
    def json(self) -> bytes:
        """The event alone."""
        return self.body[self.body.index(_DATA) + len(_DATA) : -2]


@dataclass(frozen=True, slots=True)
class Piece:
    """What someone who wants some events gets next; with it they have all that they want up to `upto`."""

    frames: tuple[Frame, ...]
    body: bytes
    upto: int

    @classmethod
    def of(cls, frames: Iterable[Frame], upto: int, limit: int) -> "Piece":
        """As many of these as `limit` bytes hold, at least one; they are all there are up to `upto`."""
        found: list[Frame] = []
        size = 0
        for frame in frames:
            if found and size + len(frame.body) > limit:
                upto = found[-1].pos
                break
            found.append(frame)
            size += len(frame.body)
        return cls(tuple(found), b"".join(frame.body for frame in found), upto)


class Ring:
    """Holds so many events and so many bytes of them at most; `head` is the number of the newest."""

    def __init__(self, head: int, *, frames: int, size: int) -> None:
        self.head = head
        self._base = head
        self._most = frames
        self._most_bytes = size
        self._bytes = 0
        self._positions: list[int] = []
        self._frames: list[Frame] = []
        self._pieces: dict[tuple[int, Wanted, int], Piece] = {}

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size(self) -> int:
        """The bytes of all that it holds."""
        return self._bytes

    def push(self, frames: Iterable[Frame], head: int) -> None:
        """Take all newer events up to the number `head`; the oldest go when it is full."""
        for frame in frames:
            self._positions.append(frame.pos)
            self._frames.append(frame)
            self._bytes += len(frame.body)
        self.head = head
        self._pieces.clear()
        if len(self._frames) > self._most or self._bytes > self._most_bytes:
            self._make_room()

    def after(self, cursor: int, wanted: Wanted, limit: int) -> Piece | None:
        """What is wanted of the events past the cursor, up to about `limit` bytes; None when it does not reach there.

        Those who want the same get the same bytes, joined once.
        """
        if cursor < self._base:
            return None
        known = (cursor, wanted, limit)
        if (piece := self._pieces.get(known)) is None:
            piece = self._piece(cursor, wanted, limit)
            if len(self._pieces) < _JOINED:
                self._pieces[known] = piece
        return piece

    def _piece(self, cursor: int, wanted: Wanted, limit: int) -> Piece:
        first = bisect_right(self._positions, cursor)
        newer = (self._frames[index] for index in range(first, len(self._frames)))
        found = (frame for frame in newer if wanted.admits(frame.type, frame.key, frame.subject))
        return Piece.of(found, max(cursor, self.head), limit)

    def _make_room(self) -> None:
        count, size = int(self._most * _ROOM), int(self._most_bytes * _ROOM)
        gone = max(0, len(self._frames) - count)
        left = self._bytes - sum(len(frame.body) for frame in self._frames[:gone])
        while left > size and gone < len(self._frames):
            left -= len(self._frames[gone].body)
            gone += 1
        if gone:
            self._base = self._positions[gone - 1]
            self._bytes = left
            del self._positions[:gone]
            del self._frames[:gone]

"""Follows the packets in a stream of MQTT, so that no message is ever taken in whole that is larger than allowed.

Source: MQTT 5.0, 2.1 (fixed header) with 3.3 (PUBLISH); 3.1.1 has the same but the properties.
"""

_PUBLISH, _TYPE, _QOS = 0x30, 0xF0, 0x06
_MAX_VARINT = 4
_UNDECIDED = -1


class BrokenStreamError(Exception):
    """What comes is no MQTT."""


class Frames:
    """Passes packets on; of a message larger than `limit` bytes all but its payload, with its size kept in `cut`.

    `cut` tells the size by packet id with topic (the id is 0 for QoS 0). A broker of MQTT 5 has been told the limit
    and sends no such message; one of 3.1.1 cannot be told. `properties` says that it is MQTT 5.
    """

    def __init__(self, limit: int, *, properties: bool) -> None:
        self.cut: dict[tuple[int, bytes], int] = {}
        self._limit = limit
        self._properties = properties
        self._head = b""
        self._pass = 0
        self._skip = 0

    def pass_on(self, data: bytes) -> bytes:
        """What of these bytes is to be read. Raises BrokenStreamError."""
        if self._pass >= len(data):
            self._pass -= len(data)
            return data
        if self._head:
            data, self._head = self._head + data, b""
        out, place = bytearray(), 0
        while place < len(data):
            if self._pass or self._skip:
                end = min(len(data), place + self._pass + self._skip)  # one of them is 0
                if self._pass:
                    out += data[place:end]
                    self._pass -= end - place
                else:
                    self._skip -= end - place
                place = end
            elif (begun := self._begin(data, place, out)) == _UNDECIDED:
                self._head = data[place:]
                break
            else:
                place = begun
        return bytes(out)

    def _begin(self, data: bytes, place: int, out: bytearray) -> int:
        """Decide on the packet that begins here; the place from which on its bytes are passed or skipped."""
        length = _length(data, place + 1)
        if length is None:
            return _UNDECIDED
        size, start = length
        if size <= self._limit or data[place] & _TYPE != _PUBLISH:
            out += data[place:start]
            self._pass = size
            return start
        topic = start + 2
        end = topic + int.from_bytes(data[start:topic], "big")
        body = end + (2 if data[place] & _QOS else 0)
        if len(data) < topic or len(data) < body:
            return _UNDECIDED
        if body - start > size:
            raise BrokenStreamError("a topic is longer than its packet")
        self.cut[int.from_bytes(data[end:body], "big"), data[topic:end]] = size
        self._skip = size - (body - start)
        kept = data[start:body] + (b"\0" if self._properties else b"")
        out += data[place : place + 1] + _varint(len(kept)) + kept
        return body


def _length(data: bytes, place: int) -> tuple[int, int] | None:
    """A variable byte integer with the place after it; None when it is not whole yet."""
    size = 0
    for number, byte in enumerate(data[place : place + _MAX_VARINT]):
        size |= (byte & 0x7F) << (7 * number)
        if not byte & 0x80:
            return size, place + number + 1
    if len(data) >= place + _MAX_VARINT:
        raise BrokenStreamError("the length of a packet never ends")
    return None


def _varint(size: int) -> bytes:
    found = bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        found.append(low | (0x80 if size else 0))
        if not size:
            return bytes(found)

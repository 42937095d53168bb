"""Carries the bytes of paho's client over asyncio: no thread, few system calls, TLS as asyncio does it.

paho reads a packet in three or more pieces from its socket, each a system call, and writes each acknowledgement by one
of its own. Here a chunk of any number of packets comes from one read, and what is answered leaves together.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import MQTTErrorCode

from pipeline.connectors.mqtt_frames import Frames

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

_RETAIN, _QOS, _DUP = 0x01, 0x06, 0x08


class Wire(asyncio.Protocol):
    """A connection that looks like a socket which never blocks.

    `arrived` is called when there are bytes to read, `lost` once when nothing comes any more. Messages larger than
    `frames` allows reach paho without their payload.
    """

    def __init__(self, frames: Frames, arrived: Callable[[], None], lost: Callable[[Exception | None], None]) -> None:
        self.frames = frames
        self._arrived = arrived
        self._lost = lost
        self._transport: asyncio.WriteTransport | None = None
        self._reading: asyncio.ReadTransport | None = None
        self._ready = bytearray()
        self._place = 0
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport that asyncio made."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._reading = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Offer the bytes to paho."""
        self._ready += self.frames.pass_on(data)
        self._arrived()

    def eof_received(self) -> bool:
        """The broker closes, so do we."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell that nothing comes any more."""
        self._closed = True
        self._lost(error)

    def pause(self) -> None:
        """Read nothing more; the broker then waits as TCP has it."""
        if self._reading and not self._closed:
            self._reading.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._reading and not self._closed:
            self._reading.resume_reading()

    @property
    def waiting(self) -> int:
        """How many bytes paho has not read."""
        return len(self._ready) - self._place

    def recv(self, buffer_size: int) -> bytes:
        """The next bytes, as a socket gives them. Raises BlockingIOError when there are none."""
        found = bytes(self._ready[self._place : self._place + buffer_size])
        if found:
            self._place += len(found)
            if self._place == len(self._ready):
                self._ready.clear()
                self._place = 0
            return found
        if self._closed:
            return b""
        raise BlockingIOError

    def send(self, buffer: bytes | bytearray) -> int:
        """Write, as a socket does that has room for all. Raises ConnectionError when the connection is gone."""
        if self._transport is None or self._closed:
            raise ConnectionError("the connection is gone")
        self._transport.write(bytes(buffer))
        return len(buffer)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # as a socket has it
        """It never blocks."""

    def fileno(self) -> int:
        """No file of its own."""
        return -1

    def close(self) -> None:
        """Send what was written, then end."""
        if self._transport:
            self._transport.close()


@dataclass(slots=True)
class Publication:
    """A message as it was delivered; `packet_id` is 0 for QoS 0."""

    topic: bytes
    payload: bytes
    retained: bool
    dup: bool
    packet_id: int


class WiredClient(Client):
    """paho's client on a wire that is connected already; it hands most messages to `on_publication`.

    paho spends most of its time on each message with properties that are not there, a condition for threads and a tree
    of callbacks. A message without properties goes past all that; any other comes by `on_message` as usual.
    """

    wire: Wire
    on_publication: Callable[[Publication], None]

    def _create_socket(self) -> "SocketLike":
        return self.wire

    def _handle_publish(self) -> MQTTErrorCode:
        packet, command = self._in_packet["packet"], self._in_packet["command"]
        qos = (command & _QOS) >> 1
        end = 2 + int.from_bytes(packet[:2], "big")
        start = end + (2 if qos else 0)
        if qos > 1 or len(packet) < start or (self._protocol == MQTTv5 and packet[start : start + 1] != b"\0"):
            return super()._handle_publish()
        packet_id = int.from_bytes(packet[end:start], "big")
        payload = bytes(packet[start + (self._protocol == MQTTv5) :])
        found = Publication(bytes(packet[2:end]), payload, bool(command & _RETAIN), bool(command & _DUP), packet_id)
        self.on_publication(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

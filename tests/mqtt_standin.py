"""An MQTT broker that a test scripts: one client at a time, packets written by hand, so that they may be wrong."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from mqtt_devices import packet, text, varint

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 2, 3, 4, 8, 10, 12, 14
TAKEN_OVER = 0x8E


class Broker:
    """Takes a client in, acknowledges its subscriptions, and delivers what the test says."""

    def __init__(self, version: int = 5) -> None:
        self.version = version
        self.refusal = 0
        self.refused_filter = ""
        self.session_present = False
        self.connects: list[bytes] = []
        self.filters: list[str] = []
        self.acknowledged: list[int] = []
        self.goodbyes = 0
        self._changed = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._next_id = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self._server.close()
        await self.drop()

    async def drop(self) -> None:
        """Cut the connection."""
        if self._writer:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is asked anew after every packet, and now and then."""
        async with asyncio.timeout(10):
            while not condition():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02), self._changed:
                        await self._changed.wait()

    async def notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def subscribed(self, connects: int = 1) -> None:
        await self.until(lambda: len(self.connects) >= connects and bool(self.filters))

    def publish(  # as many as a packet has parts
        self,
        topic: str | bytes,
        payload: bytes,
        *,
        qos: int = 1,
        dup: bool = False,
        retained: bool = False,
        packet_id: int | None = None,
        subscription: int | None = None,
    ) -> int:
        """Deliver a message; returns its packet id."""
        if packet_id is None:
            self._next_id += 1
            packet_id = self._next_id
        properties = bytes([0x0B, subscription]) if subscription else b""
        body = text(topic if isinstance(topic, bytes) else topic.encode())
        body += packet_id.to_bytes(2, "big") if qos else b""
        body += varint(len(properties)) + properties if self.version == 5 else b""
        self.write(packet(PUBLISH, body + payload, dup << 3 | qos << 1 | retained))
        return packet_id

    async def settles(self, packet_id: int) -> None:
        await self.until(lambda: packet_id in self.acknowledged)

    def write(self, raw: bytes) -> None:
        assert self._writer is not None
        self._writer.write(raw)

    async def drain(self) -> None:
        assert self._writer is not None
        await self._writer.drain()

    def take_over(self) -> None:
        """Tell the client that another has its session."""
        self.write(packet(DISCONNECT, bytes([TAKEN_OVER])))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                first = (await reader.readexactly(1))[0]
                size = shift = 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    size |= (byte & 0x7F) << shift
                    shift += 7
                    if not byte & 0x80:
                        break
                self._answer(first >> 4, await reader.readexactly(size), writer)
                await self.notify()
        writer.close()

    def _answer(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        match kind:
            case 1:
                self.connects.append(body)
                self.filters = [] if not self.session_present else self.filters
                answer = bytes([self.session_present, self.refusal]) + (b"\0" if self.version == 5 else b"")
                writer.write(packet(CONNACK, answer))
            case 4:
                self.acknowledged.append(int.from_bytes(body[:2], "big"))
            case 8 | 10:
                start = 3 if self.version == 5 else 2
                start += body[2] if self.version == 5 else 0
                length = int.from_bytes(body[start : start + 2], "big")
                name = body[start + 2 : start + 2 + length].decode()
                if kind == SUBSCRIBE:
                    self.filters.append(name)
                elif name in self.filters:
                    self.filters.remove(name)
                result = self._granted(name) if kind == SUBSCRIBE else b"\0" if self.version == 5 else b""
                writer.write(packet(kind + 1, body[:2] + (b"\0" if self.version == 5 else b"") + result))
            case 12:
                writer.write(packet(13, b""))
            case 14:
                self.goodbyes += 1

    def _granted(self, name: str) -> bytes:
        if name == self.refused_filter:
            return b"\x87" if self.version == 5 else b"\x80"
        return b"\1"

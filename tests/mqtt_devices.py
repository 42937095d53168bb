"""Devices that publish over MQTT 3.1.1 as fast as a socket takes it, counting what the broker acknowledged."""

import socket
from collections.abc import Callable, Iterable

_CONNECT, _PUBLISH, _DISCONNECT = 1, 3, 14
_PUBACK_SIZE = 4
_CONNACK_SIZE = 4


def varint(size: int) -> bytes:
    found = bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        found.append(low | (0x80 if size else 0))
        if not size:
            return bytes(found)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


class Devices:
    """One connection; at most `window` messages are on their way."""

    def __init__(self, port: int, client_id: str, window: int = 500) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._window = window
        self._packet_id = 0
        self._waiting: list[str] = []
        self._partial = b""
        self._socket.sendall(packet(_CONNECT, text(b"MQTT") + bytes([4, 2, 0, 60]) + text(client_id.encode())))
        self._receive(_CONNACK_SIZE)

    def publish(
        self, messages: Iterable[tuple[str, bytes, str]], told: Callable[[str], None], *, retain: bool = False
    ) -> None:
        """Send (topic, payload, name) with QoS 1; `told` is called with the name of each that was acknowledged."""
        out = bytearray()
        for topic, payload, name in messages:
            self._packet_id = self._packet_id % 65535 + 1
            out += packet(_PUBLISH, text(topic.encode()) + self._packet_id.to_bytes(2, "big") + payload, 2 | retain)
            self._waiting.append(name)
            if len(self._waiting) >= self._window:
                self._exchange(out, told, self._window // 2)
                out.clear()
        self._exchange(out, told, 0)

    def _exchange(self, out: bytearray, told: Callable[[str], None], left: int) -> None:
        self._socket.sendall(out)
        while len(self._waiting) > left:
            data = self._partial + self._socket.recv(65536)
            if len(data) == len(self._partial):
                raise ConnectionError("the broker closed the connection")
            whole = len(data) // _PUBACK_SIZE
            self._partial = data[whole * _PUBACK_SIZE :]
            done, self._waiting = self._waiting[:whole], self._waiting[whole:]
            for name in done:
                told(name)

    def close(self) -> None:
        """Leave."""
        self._socket.sendall(packet(_DISCONNECT, b""))
        self._socket.close()

    def _receive(self, size: int) -> None:
        while size:
            data = self._socket.recv(size)
            if not data:
                raise ConnectionError("the broker closed the connection")
            size -= len(data)

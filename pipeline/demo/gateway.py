"""Publishes over MQTT as a gateway of devices: QoS 1, and a message is delivered when the broker says so."""

import asyncio
from collections.abc import Callable

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from pipeline.errors import Retry

_PATIENCE = 30.0


class Gateway:
    """One connection, made with the first message; paho makes it anew when it is lost, and repeats what is open."""

    def __init__(self, address: str, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._host, _, self._port = address.rpartition(":")
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._client: Client | None = None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return at the PUBACK. Raises Retry when there is none in time; the broker may have it nevertheless."""
        client = self._client = self._client or self._begun()
        told = self._loop.create_future()
        mid = None
        try:
            async with asyncio.timeout(self._patience):
                await self._connected.wait()
                mid = client.publish(topic, payload, qos=1).mid
                self._waiting[mid] = told  # what paho's thread hears runs in our loop, so not before this
                await told
        except TimeoutError as error:
            raise Retry("the broker does not answer") from error
        finally:
            if mid is not None:
                self._waiting.pop(mid, None)

    async def close(self) -> None:
        """Leave."""
        if self._client is not None:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def _begun(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, "demo-gateway", protocol=MQTTv311)
        client.on_connect = self._in_loop(self._connected.set)
        client.on_disconnect = self._in_loop(self._connected.clear)
        client.on_publish = lambda _client, _data, mid, _reason, _more: self._in_loop(self._acknowledged, mid)()
        client.connect_async(self._host, int(self._port))
        client.loop_start()
        return client

    def _in_loop(self, told: Callable[..., None], *about: int) -> Callable[..., None]:
        """What paho's thread calls, whatever it says with it, to have `told` called in our loop."""

        def call(*_: object) -> None:
            self._loop.call_soon_threadsafe(told, *about)

        return call

    def _acknowledged(self, mid: int) -> None:
        told = self._waiting.get(mid)
        if told is not None and not told.done():
            told.set_result(None)

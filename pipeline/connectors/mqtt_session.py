"""One connection to an MQTT broker, in a session that outlives it."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from pipeline.config.sections import Mqtt
from pipeline.connectors.mqtt_acks import Acks
from pipeline.connectors.mqtt_client import new_client, send_connect
from pipeline.connectors.mqtt_frames import BrokenStreamError, Frames
from pipeline.connectors.mqtt_wire import Publication, Wire, WiredClient

CONNECT_WITHIN = 15.0
"""Seconds for a connection to be there and answered."""

TAKEN_OVER = 0x8E
"""The reason of MQTT 5 for a connection that ended because another came with our client id."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MISC_EVERY = 1.0
_RETAINED = 1
"""The subscription identifier of what is subscribed for retained messages only."""


class LostError(Exception):
    """The connection is gone, or was never made; the text says why. `taken` when another client has our session."""

    def __init__(self, reason: str, *, taken: bool = False) -> None:
        super().__init__(reason)
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """What to listen to: filters of our own, and filters shared in a group (group, filter)."""

    own: Sequence[str]
    shared: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Arrived:
    """A message as the broker delivered it; `packet_id` is 0 for what needs no acknowledgement."""

    topic: str
    payload: bytes
    retained: bool
    dup: bool
    packet_id: int
    truncated: int = 0


class Session:
    """Connects, subscribes, hands over messages, acknowledges them in the order in which they came (MQTT-4.6.0-2)."""

    def __init__(self, mqtt: Mqtt, wanted: Subscriptions, arrived: Callable[["Session", Arrived], None]) -> None:
        self.resumed = False
        self._mqtt = mqtt
        self._wanted = wanted
        self._arrived = arrived
        self._is_5 = mqtt.version == "5"
        self._acks = Acks()
        self._client = self._build()
        self._wire: Wire | None = None
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[LostError] = asyncio.get_running_loop().create_future()
        self._asked: dict[int, str] = {}
        self._answered = asyncio.Event()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._refused: list[str] = []
        self._misc: asyncio.Task[None] | None = None
        self._log = structlog.get_logger().bind(broker=mqtt.url, client_id=mqtt.client_id)

    def _build(self) -> WiredClient:
        client = new_client(self._mqtt)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_publication = self._take
        client.on_socket_register_write = self._to_write
        return client

    async def open(self) -> None:
        """Return when the broker has taken us in and all subscriptions. Raises LostError."""
        url = urlsplit(self._mqtt.url)
        secure = url.scheme == "mqtts"
        context = ssl.create_default_context(cafile=self._mqtt.ca) if secure else None
        frames = Frames(self._mqtt.max_packet, properties=self._is_5)
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                _, wire = await loop.create_connection(
                    lambda: Wire(frames, self._read, self._gone), host, port, ssl=context
                )
                self._wire = self._client.wire = wire
                send_connect(self._client, self._mqtt, host, port)
                self._misc = asyncio.create_task(self._watch(), name="mqtt keepalive")
                await self._connected
        except TimeoutError:
            self.close()
            raise LostError(f"no answer within {CONNECT_WITHIN:.0f} s") from None
        except (OSError, ssl.SSLError) as error:
            self.close()
            raise LostError(str(error)) from error
        except BaseException:
            self.close()
            raise

    async def ended(self) -> LostError:
        """Wait until the connection is lost, and say why."""
        return await asyncio.shield(self._ended)

    async def subscribe(self, *, everything: bool) -> list[str]:
        """Ask for what is wanted; returns the filters that the broker refuses. Raises LostError.

        With `everything`, retained messages of shared topics are asked for too.

        A shared subscription brings no retained messages (MQTT 5.0, 4.8.2), so a plain one fetches them.
        """
        for topic in self._wanted.own:
            self._ask(topic, SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB))
        for group, topic in self._wanted.shared:
            self._ask(f"$share/{group}/{topic}", SubscribeOptions(qos=1))
            if everything and self._is_5:
                found = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]  # paho's
                found.SubscriptionIdentifier = _RETAINED
                self._ask(topic, SubscribeOptions(qos=1), found)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                while self._asked and not self._ended.done():
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            raise LostError("the broker answers no subscription") from None
        return self._refused

    def end_retained(self) -> None:
        """Take back the plain subscriptions of shared topics."""
        for topic in {topic for _, topic in self._wanted.shared} - set(self._wanted.own):
            self._client.unsubscribe(topic)

    def _ask(self, topic: str, options: SubscribeOptions, properties: Properties | None = None) -> None:
        if self._is_5:
            _, asked = self._client.subscribe(topic, options=options, properties=properties)
        else:
            _, asked = self._client.subscribe(topic, qos=1)
        if asked is not None:
            self._asked[asked] = topic

    def pause(self) -> None:
        """Read nothing more until `resume`."""
        if self._wire:
            self._wire.pause()

    def resume(self) -> None:
        """Read again."""
        if self._wire:
            self._wire.resume()

    def settle(self, arrived: Arrived) -> None:
        """Acknowledge a message, as soon as all that came before it are."""
        if self._ended.done():
            return
        for packet_id in self._acks.settle(arrived.packet_id):
            self._client.ack(packet_id, 1)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the broker has acknowledged it. Raises LostError when that is not known, or it refuses."""
        if self._ended.done():
            raise self._ended.result()
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._published[info.mid] = told
        try:
            either: list[asyncio.Future[None] | asyncio.Future[LostError]] = [told, self._ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                raise self._ended.result()
            told.result()
        finally:
            self._published.pop(info.mid, None)

    async def close_gently(self) -> None:
        """Say goodbye, so that the broker sends no will of ours."""
        if not self._ended.done() and self._connected.done():
            self._client.disconnect()
            self._write()
            await asyncio.sleep(0)
        self.close()

    def close(self) -> None:
        """End the connection; the session stays at the broker."""
        if self._misc:
            self._misc.cancel()
        self._end(LostError("closed"))
        if self._wire:
            self._wire.close()

    # What paho and asyncio call.

    def _read(self) -> None:
        """Let paho read all that came; whatever goes wrong in it ends this connection, not the process."""
        wire = self._client.wire
        try:
            while True:
                before = wire.waiting
                self._client.loop_read()
                if wire.waiting in {0, before}:
                    return
        except BrokenStreamError as error:
            self._end(LostError(str(error)))
        except Exception as error:  # noqa: BLE001  # the next connection may well work
            self._log.exception("the connection to the broker is ended by a mistake of ours")
            self._end(LostError(repr(error)))

    def _to_write(self, _client: Client, _data: object, _socket: object) -> None:
        asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._client.loop_write()

    def _gone(self, error: Exception | None) -> None:
        self._client.loop_read()  # paho learns of it and tells `_on_disconnect` why, if the broker said
        self._end(LostError(str(error) if error else "the broker closed the connection"))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_MISC_EVERY)
            self._client.loop_misc()

    def _end(self, error: LostError) -> None:
        if not self._connected.done():
            self._connected.set_exception(error)
            self._connected.exception()  # read, whether or not anyone waits
        if not self._ended.done():
            self._ended.set_result(error)
        self._answered.set()

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._end(LostError(f"the broker refuses us: {reason}"))
        elif not self._connected.done():
            self.resumed = flags.session_present
            self._connected.set_result(None)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        taken = reason.value == TAKEN_OVER
        self._end(LostError(f"the broker ended it: {reason}", taken=taken))

    def _on_subscribe(
        self, _client: Client, _data: object, asked: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        topic = self._asked.pop(asked, "")
        if any(reason.is_failure for reason in reasons):
            self._refused.append(topic)
        self._answered.set()

    def _on_publish(
        self, _client: Client, _data: object, packet_id: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        told = self._published.get(packet_id)
        if told is None or told.done():
            return
        if reason.is_failure:
            told.set_exception(LostError(f"the broker refuses it: {reason}"))
        else:
            told.set_result(None)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        """What has properties, or came with another QoS than was asked for."""
        shared_twin = not message.retain and _RETAINED in getattr(message.properties, "SubscriptionIdentifier", ())
        found = Publication(
            topic=message._topic,  # noqa: SLF001  # paho has no other way to one that is no UTF-8
            payload=bytes(message.payload),
            retained=message.retain,
            dup=message.dup,
            packet_id=message.mid if message.qos == 1 else 0,
        )
        self._take(found, shared_twin=shared_twin)

    def _take(self, found: Publication, *, shared_twin: bool = False) -> None:
        packet_id = found.packet_id
        if packet_id:
            self._acks.arrived(packet_id)
        topic = found.topic.decode("utf-8", "replace")
        cut = self._client.wire.frames.cut
        truncated = cut.pop((packet_id, found.topic), 0) if cut else 0
        arrived = Arrived(topic, found.payload, found.retained, found.dup, packet_id, truncated)
        if shared_twin:
            self.settle(arrived)  # what the group got is somebody's already
        else:
            self._arrived(self, arrived)

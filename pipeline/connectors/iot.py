"""Takes what devices publish over MQTT and acknowledges each message once the log holds it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiokafka.partitioner import murmur2
from paho.mqtt.client import topic_matches_sub

from pipeline.config import Config
from pipeline.config.channels import DeviceFeed
from pipeline.connectors.backoff import Backoff
from pipeline.connectors.contract import Health, Publisher, utc_now
from pipeline.connectors.iot_lane import Lane, Waiting
from pipeline.connectors.mqtt_session import Arrived, LostError, Session, Subscriptions
from pipeline.parse.iot import Message, device_of

BUCKETS = 12
"""Into how many lanes the devices of a feed are spread: one for each partition of an inbound topic."""

_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 512  # characters; MQTT allows 65,535, which a device could fill our memory with
_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in seconds."""

    first: float = 0.5
    longest: float = 30.0
    taken_over: float = 60.0
    healthy: float = 10.0
    retained: float = 5.0
    finish: float = 5.0


class IotConnector:
    """One session at the broker for all feeds; a lane for each feed and partition."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        now: Callable[[], datetime] = utc_now,
        pace: Pace = Pace(),  # frozen
    ) -> None:
        self.health = Health(state="starts")
        self._mqtt = config.mqtt
        self._feeds = config.device_feed
        self._publisher = publisher
        self._now = now
        self._pace = pace
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._lane_of_topic: dict[str, Lane | None] = {}
        self._limit = 2 * config.mqtt.receive_maximum
        self._room = asyncio.Event()
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._subscribed = False
        self._refused: list[str] = []
        self._stopping = False
        self._log = structlog.get_logger().bind(connector="mqtt", client_id=config.mqtt.client_id)

    async def start(self) -> str:
        """Begin to listen, whether or not the broker is there yet; returns its address."""
        self._room.set()
        self._task = asyncio.create_task(self._run(), name="mqtt")
        return self._mqtt.url

    async def stop(self) -> None:
        """Take nothing new, let what was begun be published and acknowledged for some seconds, then leave."""
        self._stopping = True
        session = self._session
        if session:
            session.pause()
        _, late = await asyncio.wait([asyncio.ensure_future(self._finish())], timeout=self._pace.finish)
        for lane in self._lanes.values() if late else ():
            lane.abandon()
        for task in late:
            task.cancel()
        if session:
            await session.close_gently()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, *late, return_exceptions=True)

    async def _finish(self) -> None:
        await asyncio.gather(*(lane.finish() for lane in self._lanes.values()))

    async def _run(self) -> None:
        """Be connected, again and again."""
        backoff = Backoff(self._pace.first, self._pace.longest)
        quick_ends = 0
        while True:
            await self._room.wait()
            began = self._loop_time()
            try:
                lost = await self._connection()
            except LostError as error:
                lost = error
            except Exception as error:  # noqa: BLE001  # the next connection may well work
                self._log.exception("a mistake of ours ended the connection")
                lost = LostError(repr(error))
            lived = self._loop_time() - began
            quick_ends = quick_ends + 1 if lived < self._pace.healthy else 0
            if not quick_ends:
                backoff.succeeded()
            await asyncio.sleep(self._after(lost, backoff, quick_ends))

    async def _connection(self) -> LostError:
        session = self._session = Session(self._mqtt, self._subscriptions(), self._arrived)
        try:
            await session.open()
            if not session.resumed or not self._subscribed or self._mqtt.version == "5":
                self._refused = await session.subscribe(everything=not session.resumed)
                self._subscribed = not self._refused
            self._connected_state()
            self._log.info("connected to the broker", resumed=session.resumed)
            fetching = asyncio.get_running_loop().call_later(self._pace.retained, session.end_retained)
            try:
                return await session.ended()
            finally:
                fetching.cancel()
        finally:
            session.close()

    def _connected_state(self) -> None:
        refused = ", ".join(self._refused)
        self.health.state = f"connected, but the broker refuses {refused}" if refused else "connected"
        if refused:
            self._log.error("the broker does not let us read all topics", refused=refused)

    def _after(self, lost: LostError, backoff: Backoff, quick_ends: int) -> float:
        """Say what happened; the seconds to wait."""
        wait = backoff.failed()
        if lost.taken:
            wait = Backoff(self._pace.taken_over, self._pace.taken_over).failed()
            self.health.refused["session taken over"] += 1
            self.health.state = f'another client uses the client_id "{self._mqtt.client_id}"'
            self._log.error("another client took our session over; give each its own [mqtt] client_id", wait=wait)
            return wait
        again = f'; does another client use the client_id "{self._mqtt.client_id}"?' if quick_ends >= _REPEATED else ""
        self.health.state = f"not connected: {lost}{again}"
        if not self._stopping:
            self._log.warning("the connection to the broker is gone", reason=f"{lost}{again}", wait=round(wait, 2))
        return wait

    def _subscriptions(self) -> Subscriptions:
        own = [topic for feed in self._feeds if not feed.shared for topic in feed.topics]
        shared = [(feed.shared, topic) for feed in self._feeds if feed.shared for topic in feed.topics]
        return Subscriptions(tuple(dict.fromkeys(own)), tuple(dict.fromkeys(shared)))

    def _arrived(self, session: Session, arrived: Arrived) -> None:
        """Put a message into its lane."""
        lane = self._lane(arrived.topic)
        if lane is None:
            self.health.refused["no feed has the topic"] += 1
            session.settle(arrived)
            return
        message = Message(arrived.topic, arrived.payload, arrived.retained, arrived.dup, arrived.truncated)
        self.health.lag += 1
        lane.add(Waiting(message, self._now(), lambda: session.settle(arrived)))
        if self.health.lag >= self._limit and self._room.is_set():
            self._room.clear()
            session.pause()

    def _done(self, count: int) -> None:
        self.health.lag -= count
        if self.health.state.startswith("waits"):
            self._connected_state()
        if not self._room.is_set() and self.health.lag < self._limit // 2:
            self._room.set()
            if self._session and not self._stopping:
                self._session.resume()

    def _lane(self, topic: str) -> Lane | None:
        """The lane of a topic, remembered since finding it costs more than all the rest."""
        try:
            return self._lane_of_topic[topic]
        except KeyError:
            pass
        lane = self._find_lane(topic)
        if len(self._lane_of_topic) >= _REMEMBERED:
            self._lane_of_topic.clear()
        if len(topic) <= _LONGEST_REMEMBERED:
            self._lane_of_topic[topic] = lane
        return lane

    def _find_lane(self, topic: str) -> Lane | None:
        feed = next((feed for feed in self._feeds if any(topic_matches_sub(one, topic) for one in feed.topics)), None)
        if feed is None:
            self._log.warning("a message on a topic that no [[device_feed]] has", topic=topic[:200])
            return None
        bucket = bucket_of(_device(topic, feed))
        known = self._lanes.get((feed.name, bucket))
        if known is None:
            known = Lane(feed, _KEYS[bucket], self._publisher, self.health, self._done)
            self._lanes[feed.name, bucket] = known
        return known

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()


def _device(topic: str, feed: DeviceFeed) -> str:
    """Whose message it is; a topic that does not say is kept apart by itself, for intake to judge."""
    return device_of(topic, feed) or topic


def bucket_of(device: str) -> int:
    """The device's share of the partitions."""
    return _place(device) % BUCKETS


def _place(text: str) -> int:
    found: int = murmur2(text.encode("utf-8", "replace"))
    return found & 0x7FFFFFFF


def _keys() -> tuple[str, ...]:
    """For each bucket a key that Kafka's clients place on the partition of the same number."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < BUCKETS:
        key = f"devices-{number}"
        found.setdefault(_place(key) % BUCKETS, key)
        number += 1
    return tuple(found[bucket] for bucket in range(BUCKETS))


_KEYS = _keys()

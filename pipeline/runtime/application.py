"""One Faust app for one channel, without what Casestream does not use of Faust."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

import faust
from faust.app.base import BootStrategy as FaustBootStrategy
from faust.tables import TableManager
from mode.types import ServiceT

from pipeline.process import FAILED
from pipeline.runtime.batch import MAX_RECORDS
from pipeline.runtime.driver import Transport
from pipeline.runtime.kafka_thread import HEARTBEAT_INTERVAL, REBALANCE_TIMEOUT, SESSION_TIMEOUT
from pipeline.runtime.lane import Lane

_DAY = 24 * 3600.0
BUFFERED_BATCHES = 2


class _ConsumerAlone(FaustBootStrategy):
    """Starts consumer, agents and conductor; no producer, no web server, nothing for leaders and replies."""

    enable_kafka_producer = False
    enable_web = False
    enable_sensors = False

    def kafka_consumer(self) -> Iterable[ServiceT]:
        """The consumer."""
        return [self.app.consumer]


class ChannelApp(faust.App):
    """Schedules one channel; any crash within it ends the process."""

    BootStrategy = _ConsumerAlone

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        scratch = Path(tempfile.gettempdir()) / "casestream-faust"
        scratch.mkdir(exist_ok=True)
        super().__init__(
            lane.group,
            env={},
            broker=[f"kafka://{server.strip()}" for server in lane.kafka.servers.split(",")],
            datadir=str(scratch),
            key_serializer="raw",
            value_serializer="raw",
            processing_guarantee="at_least_once",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=lane.instance,
            broker_session_timeout=SESSION_TIMEOUT,
            broker_heartbeat_interval=HEARTBEAT_INTERVAL,
            broker_rebalance_timeout=REBALANCE_TIMEOUT,
            broker_request_timeout=_DAY,  # how long Faust lets us wait for the ledger; aiokafka has its own
            broker_max_poll_records=MAX_RECORDS,
            stream_wait_empty=False,
            stream_buffer_maxsize=BUFFERED_BATCHES,
            TableManager=_NoTables,
        )
        self.transport = Transport(self.conf.broker_consumer, self)

    def on_rebalance_start(self) -> None:
        """Note since when nothing can be read."""
        self.lane.joining_since = monotonic()
        super().on_rebalance_start()

    def on_rebalance_end(self) -> None:
        """Note that this worker reads what it was assigned, be it nothing."""
        super().on_rebalance_end()
        self.lane.joining_since = None
        self.lane.joined.set()

    def _crash(self, reason: BaseException) -> None:
        if not self.lane.leaving:
            self.lane.end(FAILED, f"a part of Faust crashed ({self.lane.channel}): {reason!r}", reason)
        super()._crash(reason)

    async def _producer_flush(self, logger: object) -> None:
        """There is no producer: the relay publishes."""


class _NoTables(TableManager):
    """Faust waits a second for tables to be declared; there are none."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()

"""Publishes the states of cases to Kafka, so that the last record of a key is never an older one than before.

Each look at the database is one Kafka transaction. Its id is the desk's, so whoever begins anew shuts out whoever had
begun before: what a relay that is no longer the active one still had on its way never lands behind newer states.
Source: KIP-98 (fencing by the producer's epoch), KIP-890 (a record outside of its transaction is refused).
"""

import asyncio
from collections.abc import Iterable

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from pipeline import topics
from pipeline.config.sections import Kafka
from pipeline.errors import Fenced, Retry
from pipeline.events.state import STATE_TYPE
from pipeline.log import client_settings
from pipeline.publish.producer import drop
from pipeline.store.case_states import CaseState
from pipeline.wire import Headers

CONFIRM_TIMEOUT = 30.0
LARGEST = 900_000
"""A larger state is left out, with an error in the log: no record of Kafka's default size could hold it."""
_MAX_REQUEST = 3_600_000

_log = structlog.get_logger()


class KafkaStatePublisher:
    """Puts states, keyed by their case, on the compacted topic."""

    def __init__(self, kafka: Kafka, source: str) -> None:
        self._kafka = kafka
        self._topic = kafka.topic_prefix + topics.STATE
        self._source = source.encode()
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect, and shut out whoever published before. Raises Retry when Kafka is away."""
        producer = AIOKafkaProducer(
            **client_settings(self._kafka),
            transactional_id=f"{self._kafka.topic_prefix}casestream.{topics.STATE}",
            transaction_timeout_ms=int(CONFIRM_TIMEOUT * 1000),
            max_request_size=_MAX_REQUEST,
            request_timeout_ms=int(CONFIRM_TIMEOUT * 1000),
        )
        self._producer = producer
        try:
            await asyncio.wait_for(producer.start(), CONFIRM_TIMEOUT)
        except (KafkaError, TimeoutError, OSError) as error:
            raise Retry(f"Kafka is away: {error!r}") from error

    async def send(self, states: Iterable[CaseState]) -> None:
        """Return once all of them are durable, or none. Raises Retry when Kafka did not confirm, Fenced."""
        if self._producer is None:
            raise Retry("the publisher was not started")
        try:
            await asyncio.wait_for(self._sent(self._producer, states), CONFIRM_TIMEOUT * 2)
        except ProducerFenced as error:
            raise Fenced("another relay publishes the states of cases") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise Retry(f"Kafka did not confirm: {error!r}") from error

    async def drop(self) -> None:
        """Cut the connections; what was on its way is never seen, since its transaction never ends."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await drop(producer)

    async def _sent(self, producer: AIOKafkaProducer, states: Iterable[CaseState]) -> None:
        """One transaction; whatever fails in it, whoever starts next ends it, since Kafka may be away by now."""
        waiting: list[asyncio.Future[object]] = []
        await producer.begin_transaction()
        try:
            for state in states:
                value = orjson.dumps(state.data) if state.data is not None else None
                if value is not None and len(value) > LARGEST:
                    _log.error("case.state_too_large", case=state.number, size=len(value), most=LARGEST)
                    continue
                headers = self._headers(state)
                waiting.append(await producer.send(self._topic, value, str(state.id).encode(), headers=headers))
            await asyncio.gather(*waiting)
            await producer.commit_transaction()
        except BaseException:
            for one in (*waiting, producer._txn_manager.wait_for_transaction_end()):  # noqa: SLF001  # else each logs it
                if one.done() and not one.cancelled():
                    one.exception()
            raise

    def _headers(self, state: CaseState) -> Headers:
        if state.data is None:
            return []
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{state.id}:{state.data['revision']}:{state.sequence}".encode()),
            ("ce_source", self._source),
            ("ce_type", STATE_TYPE.encode()),
            ("ce_subject", str(state.number).encode()),
            ("ce_sequence", f"{state.sequence:012d}".encode()),
            ("content-type", b"application/json"),
        ]

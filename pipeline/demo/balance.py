"""Balances what the senders were promised against what the desk holds."""

from collections import defaultdict
from dataclasses import asdict, dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.config import Config
from pipeline.config.sections import Kafka
from pipeline.demo.observe import OUTCOMES, Observer
from pipeline.demo.tally import Tally
from pipeline.errors import Retry
from pipeline.log import client_settings
from pipeline.store.ledger import PostgresLedger
from pipeline.store.settled import Settled
from pipeline.topics import EVENTS

_QUIET_WITHIN = 180.0


@dataclass(frozen=True, slots=True)
class Balance:
    """The accounts at the end; `wrong` has a sentence for each thing that does not add up."""

    received: int
    opened: int
    appended: int
    recorded: int
    duplicate: int
    suppressed: int
    quarantined: int
    dead: int
    events: int
    wrong: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The one object that `casestream demo --json` prints."""
        values: dict[str, object] = asdict(self)
        del values["wrong"]
        return {**values, "balanced": not self.wrong}


async def balance(config: Config, observer: Observer, tally: Tally) -> Balance:
    """Wait until the desk is quiet, then compare. Raises Retry when a part goes away while we ask."""
    wrong = [] if await observer.until_quiet(_QUIET_WITHIN, tally.acknowledged) else ["the desk did not become quiet"]
    sequences = await published_sequences(config.kafka)
    wrong += await _wrong(config, tally)
    wrong += wrong_sequences(sequences)
    totals = await PostgresLedger(config.postgres.dsn).totals()
    received = sum(total.received for total in totals)
    for channel, count in tally.acknowledged.items():
        if (found := observer.seen.of_channel(channel)) < count:
            wrong.append(f"{channel}: {count} were acknowledged, but only {found} are in the ledger")
    events = sum(map(len, sequences.values()))
    if events != observer.seen.events:
        wrong.append(f"{observer.seen.events} events were numbered, but {events} are on Kafka")
    counts = {name: sum(getattr(total, name) for total in totals) for name in OUTCOMES}
    return Balance(received=received, **counts, events=events, wrong=tuple(wrong))


async def _wrong(config: Config, tally: Tally) -> list[str]:
    ledger = PostgresLedger(config.postgres.dsn)
    wrong = [
        f"{one.source}: received is not the sum of its outcomes" for one in await ledger.totals() if not one.balanced
    ]
    for row in await ledger.partitions():
        if not row.balanced:
            wrong.append(f"{row.topic}/{row.partition}: offsets taken are not those settled and missing")
        if row.stopped_reason:
            wrong.append(f"{row.topic}/{row.partition} is stopped: {row.stopped_reason}")
    if missing := await Settled(config.postgres.dsn).missing(tally.ids):
        wrong.append(f"{len(missing)} were acknowledged and never settled, such as {missing[0]}")
    if tally.given_up:
        wrong.append(f"{tally.given_up} could not be delivered at all")
    wrong += [f"{count} refused: {reason}" for reason, count in tally.refused.items()]
    return wrong


def wrong_sequences(sequences: dict[str, set[int]]) -> list[str]:
    """A sentence for each key whose events are not numbered 1, 2, 3 and so on."""
    return [
        f"the events of {key} have a gap: {len(numbers)} events up to number {max(numbers)}"
        for key, numbers in sequences.items()
        if min(numbers) != 1 or max(numbers) != len(numbers)
    ]


async def published_sequences(kafka: Kafka) -> dict[str, set[int]]:
    """The sequence numbers on `case.events` by key, read from its start; an event told twice counts once."""
    found: dict[str, set[int]] = defaultdict(set)
    topic = kafka.topic_prefix + EVENTS
    consumer = AIOKafkaConsumer(topic, **client_settings(kafka), auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        waiting = {where for where, end in ends.items() if await consumer.position(where) < end}
        while waiting:
            for where, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    found[record.key.decode()].add(int(dict(record.headers)["ce_sequence"]))
                if await consumer.position(where) >= ends[where]:
                    waiting.discard(where)
    except KafkaError as error:
        raise Retry(f"Kafka is away: {error!r}") from error
    finally:
        await consumer.stop()
    return found

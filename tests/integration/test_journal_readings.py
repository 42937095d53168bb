"""What devices told is in a journal when it is asked for, as long as Kafka holds it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk import Desk, lines

from pipeline.config.sections import Kafka
from pipeline.kafka_records import write_records
from pipeline.replay.journal import read_journal
from pipeline.wire import Envelope, Record

pytestmark = pytest.mark.integration

FEED = '[[device_feed]]\nname = "plant"\ntopics = ["plant/+"]\n'


def reading(kafka: Kafka, device: str, partition: int, at: datetime) -> Record:
    envelope = Envelope(
        id=f"{device} {at.isoformat()}", channel="iot", source="/mqtt/plant", key=device, time=at,
        content_type="application/octet-stream", raw=b'{"temperature": 50}', facts={"topic": f"plant/{device}"},
    )  # fmt: skip
    return Record(f"{kafka.topic_prefix}inbound.iot", partition, 0, device.encode(), envelope.raw,
                  tuple(envelope.headers()))  # fmt: skip


def test_readings_that_kafka_holds_are_written_in_the_order_of_their_times(
    tmp_path: Path, migrated: str, topics: Kafka
) -> None:
    desk, now = Desk(tmp_path, migrated, topics, more=FEED), datetime.now(UTC)
    sent = [reading(topics, "pump-1", 0, now), reading(topics, "pump-2", 1, now - timedelta(seconds=2)),
            reading(topics, "pump-1", 0, now + timedelta(seconds=2))]  # fmt: skip
    assert asyncio.run(write_records(topics, sent)) == 3
    period = ("--from", (now - timedelta(hours=1)).isoformat(), "--to", (now + timedelta(hours=1)).isoformat())
    assert lines(desk.casestream("journal", *period)) == []
    written = desk.casestream("journal", *period, "--readings")
    assert written.returncode == 0, written.stderr
    told = lines(written)
    assert [line["facts"]["topic"] for line in told] == ["plant/pump-2", "plant/pump-1", "plant/pump-1"]
    (tmp_path / "week.jsonl").write_text(written.stdout)
    journal = read_journal([tmp_path / "week.jsonl"], desk.config)
    assert not journal.mistakes
    assert len(journal.steps) == 3
    late = ("--from", "2020-01-01", "--to", "2020-01-02")
    assert lines(desk.casestream("journal", *late, "--readings")) == []

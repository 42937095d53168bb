"""Kafka and PostgreSQL as our children: they start, survive being killed, and keep what they confirmed."""

import asyncio
import os
from pathlib import Path

import psutil
import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from running import RunningKafka, RunningPostgres, eventually

from pipeline.config.sections import Kafka
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings
from pipeline.topics import inbound


async def _publish(kafka: Kafka, value: bytes) -> int:
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all")
    await producer.start()
    try:
        sent = await producer.send_and_wait(kafka.topic_prefix + inbound("email"), value, partition=0)
        return int(sent.offset)
    finally:
        await producer.stop()


async def _read(kafka: Kafka, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    partition = TopicPartition(kafka.topic_prefix + inbound("email"), 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return [bytes((await asyncio.wait_for(consumer.getone(), 20)).value) for _ in range(count)]
    finally:
        await consumer.stop()


def test_topics_are_created_once(kafka: Kafka) -> None:
    created = asyncio.run(apply_topics(kafka))
    assert kafka.topic_prefix + "inbound.email" in created
    assert kafka.topic_prefix + "case.events" in created
    assert asyncio.run(apply_topics(kafka)) == []


def test_what_kafka_confirmed_outlives_its_being_killed(topics: Kafka, kafka_server: RunningKafka) -> None:
    assert asyncio.run(_publish(topics, b"before")) == 0
    kafka_server.kill()
    kafka_server.start()
    assert asyncio.run(_publish(topics, b"after")) == 1
    assert asyncio.run(_read(topics, 2)) == [b"before", b"after"]


def test_what_postgres_committed_outlives_its_being_killed(postgres: str, postgres_server: RunningPostgres) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('before')")
    postgres_server.kill()
    postgres_server.start()
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("before",)]


def test_postgres_starts_although_a_backend_of_a_killed_one_still_works(postgres_server: RunningPostgres) -> None:
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()  # as one does that is deep in a long statement
        postgres_server.kill()
        assert backend.is_running()
        postgres_server.start()
        eventually(lambda: not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE)


def test_postgres_is_for_its_owner_only_and_durable(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        settings: dict[str, str] = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN"
                " ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'server_encoding')"
            ).fetchall()
        )
        assert settings == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }
        assert connection.execute("SELECT lower('ÄRGER'), 'Z' < 'a'").fetchone() == ("ärger", True)
    folder = Path(psycopg.conninfo.conninfo_to_dict(postgres)["host"])  # type: ignore[arg-type]
    assert folder.stat().st_mode & 0o077 == 0


def test_each_test_has_a_database_of_its_own(migrated: str) -> None:
    with psycopg.connect(migrated) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migration").fetchone() != (0,)
    assert os.environ.get("PGDATABASE") is None

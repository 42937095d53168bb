"""Real servers for tests: Kafka and PostgreSQL for a whole session, started as `casestream up` starts them.

`kafka` and `postgres` are what most tests want: settings of a Kafka on which the test's topics have a prefix of their
own, and the dsn of an empty database. `topics` and `migrated` are the same with everything created in them.
`kafka_server` and `postgres_server` can be killed and started again, also from within an event loop. `broker` is a
mosquitto of each test's own.
"""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from mosquitto import Mosquitto
from running import RunningKafka, RunningPostgres

from pipeline.config.sections import Kafka
from pipeline.embedded import install, ports
from pipeline.embedded.kafka import KafkaServer
from pipeline.embedded.postgres import PostgresServer
from pipeline.kafka_admin import apply_topics
from pipeline.log import client_settings
from pipeline.store.migrate import migrate

TEMPLATE = "migrated_template"


@pytest.fixture(scope="session")
def _kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKafka]:
    install.kafka()
    folder = tmp_path_factory.mktemp("kafka")
    port = ports.free()
    running = RunningKafka(
        KafkaServer(folder / "kafka", port=port, controller_port=ports.free(avoid=[port]), log=folder / "kafka.log")
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    folder = tmp_path_factory.mktemp("pg")
    running = RunningPostgres(PostgresServer(folder / "postgres", log=folder / "postgres.log"))
    yield running
    running.stop()


@pytest.fixture
def kafka_server(_kafka: RunningKafka) -> Iterator[RunningKafka]:
    """The Kafka of the session; it runs again when the test is over."""
    yield _kafka
    _kafka.start()


@pytest.fixture
def kafka(kafka_server: RunningKafka) -> Kafka:
    """Settings with a topic prefix of the test's own; there are no topics yet."""
    return Kafka(servers=kafka_server.address, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")


@pytest.fixture
def topics(kafka: Kafka) -> Iterator[Kafka]:
    """The test's Kafka with every topic created, and deleted afterwards."""
    created = asyncio.run(apply_topics(kafka))
    yield kafka
    asyncio.run(_delete(kafka, created))


async def _delete(kafka: Kafka, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    await admin.start()
    try:
        await admin.delete_topics(names)
    finally:
        await admin.close()


@pytest.fixture
def postgres_server(_postgres: RunningPostgres) -> Iterator[RunningPostgres]:
    """The PostgreSQL of the session; it runs again when the test is over."""
    yield _postgres
    _postgres.start()


@pytest.fixture
def postgres(postgres_server: RunningPostgres) -> Iterator[str]:
    """The dsn of an empty database of the test's own."""
    yield from _database(postgres_server, "template0")


@pytest.fixture(scope="session")
def _migrated_template(_postgres: RunningPostgres) -> str:
    _postgres.execute("CREATE DATABASE {}", TEMPLATE)
    asyncio.run(migrate(_postgres.dsn(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def migrated(postgres_server: RunningPostgres, _migrated_template: str) -> Iterator[str]:
    """The dsn of a database of the test's own in which the migrations have run."""
    yield from _database(postgres_server, _migrated_template)


def _database(server: RunningPostgres, template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    server.execute("CREATE DATABASE {} TEMPLATE {}", name, template)
    yield server.dsn(name)
    server.start()
    server.execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    found = Mosquitto()
    found.start()
    yield found
    found.remove()

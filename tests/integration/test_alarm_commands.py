"""Commands of alarms: published to the device, followed to its answer, kept on the case, sent by one sender."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from device_desk import START, config_of, message, record
from mosquitto import Mosquitto, binary

from pipeline import app
from pipeline.agents.batch import Deed
from pipeline.agents.rules import compile_rules
from pipeline.config import Config
from pipeline.config.sections import Mqtt
from pipeline.connectors.command_sender import CommandConnector, CommandPace
from pipeline.connectors.mqtt_session import Arrived, Session, Subscriptions
from pipeline.domain.orders import Command, Done
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.wire import Bounds, Partition

pytestmark = pytest.mark.integration

RULE = """
[[alarm]]
name = "overheat"
when = "name == 'temperature' && value > 70.0"
opens_case = true
on_raise = ["command:reset"]
"""
QUICK = CommandPace(look=0.02, answer=5.0, away=0.05)


async def raised(config: Config) -> None:
    """A device becomes too hot."""
    store = PostgresStore(config.postgres.dsn)
    await PostgresLedger(config.postgres.dsn).assign("test", {Partition("inbound.iot", 0): Bounds(0, 9)})
    await app.build_settler(config, store)([record([message("pump-7", temperature=90)], seconds=0)])
    await store.close()


@asynccontextmanager
async def pump(url: str, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> AsyncIterator[list[dict[str, Any]]]:
    """A device that does as it is told."""
    heard: list[dict[str, Any]] = []
    waiting: set[asyncio.Task[None]] = set()

    def arrived(session: Session, got: Arrived) -> None:
        heard.append(json.loads(got.payload))
        session.settle(got)
        said = json.dumps(answer(heard[-1])).encode()
        waiting.add(asyncio.create_task(session.publish("plant/pump-7/answers", said)))

    session = Session(Mqtt(url=url, client_id="pump-7"), Subscriptions(("plant/pump-7/commands",), ()), arrived)
    await session.open()
    await session.subscribe(everything=True)
    yield heard
    await asyncio.gather(*waiting)
    await session.close_gently()


async def until_over(dsn: str) -> tuple[str, str | None, str | None]:
    """State and reason of the command, and what its activity says."""
    async with asyncio.timeout(15), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            cursor = await connection.execute(
                "SELECT command.state, reason, result FROM device_command AS command"
                " LEFT JOIN activity ON activity.id = activity_id"
            )
            row = await cursor.fetchone()
            if row and row[0] in {"acknowledged", "failed"}:
                return row
            await asyncio.sleep(0.02)


def configured(broker: Mosquitto, dsn: str) -> Config:
    config = config_of(RULE, dsn)
    return config.model_copy(update={"mqtt": config.mqtt.model_copy(update={"url": broker.url})})


def sender_of(config: Config, now: Callable[[], datetime]) -> CommandConnector:
    rules = compile_rules(config)
    return CommandConnector(config, lambda store: app.build_deliveries(rules, store), now, QUICK)


async def told(dsn: str) -> list[tuple[str, Any]]:
    """What was told of deliveries, and how far the activity has come."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "SELECT type, data -> 'delivery' FROM outbox JOIN event ON event.id = event_id"
            " WHERE type LIKE '%.delivery.%' ORDER BY ord"
        )
        return await cursor.fetchall()


async def standing(dsn: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        query = "SELECT delivery, delivery_reason, delivered_at FROM activity WHERE direction = 'out'"
        return await (await connection.execute(query)).fetchall()


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
@pytest.mark.parametrize(
    ("status", "state"), [({"status": "done"}, "acknowledged"), ({"status": "failed", "reason": "stuck"}, "failed")]
)
def test_the_device_is_told_and_its_answer_is_kept(
    broker: Mosquitto, migrated: str, status: dict[str, str], state: str
) -> None:
    async def scenario() -> None:
        config = configured(broker, migrated)
        await raised(config)
        senders = [sender_of(config, lambda: START) for _ in range(2)]
        async with pump(broker.url, lambda told: {"id": told["id"], **status}) as heard:
            for sender in senders:
                await sender.start()
            over = await until_over(migrated)
        assert over[0] == state
        assert (over[2] or "").startswith(state)
        assert [told["command"] for told in heard] == ["reset"]
        assert sorted(sender.health.received for sender in senders) == [0, 1]
        delivery = {"kind": "command", "target": "pump-7", "attempts": 1, "reason": None}
        events = [
            (name.split(".")[3], {**delivery, "activity": data["activity"]} == data)
            for name, data in await told(migrated)
        ]
        if state == "acknowledged":
            assert events == [("sent", True)]
            assert await standing(migrated) == [("delivered", None, START)]
        else:
            assert [name for name, _ in events] == ["sent", "failed"]
            assert await standing(migrated) == [("failed", "stuck", None)]
        for sender in senders:
            await sender.stop()

    asyncio.run(scenario())


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_what_could_not_be_sent_in_time_is_not_sent(broker: Mosquitto, migrated: str) -> None:
    async def scenario() -> None:
        config = configured(broker, migrated)
        await raised(config)
        sender = sender_of(config, lambda: START + timedelta(hours=1))
        async with pump(broker.url, lambda told: {"id": told["id"], "status": "done"}) as heard:
            await sender.start()
            assert (await until_over(migrated))[:2] == ("failed", "it could not be sent in time")
        assert heard == []
        await sender.stop()

    asyncio.run(scenario())


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_a_sender_that_comes_after_another_sends_what_has_no_answer(broker: Mosquitto, migrated: str) -> None:
    async def scenario() -> None:
        config = configured(broker, migrated)
        await raised(config)
        first = sender_of(config, lambda: START)
        await first.start()
        async with asyncio.timeout(15), await psycopg.AsyncConnection.connect(migrated, autocommit=True) as connection:
            query = "SELECT state FROM device_command"
            while (await (await connection.execute(query)).fetchone()) != ("sent",):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.02)
        await first.stop()
        second = sender_of(config, lambda: START)
        async with pump(broker.url, lambda told: {"id": told["id"], "status": "ok"}) as heard:
            await second.start()
            assert (await until_over(migrated))[0] == "acknowledged"
        assert len(heard) == 1
        await second.stop()

    asyncio.run(scenario())


@pytest.mark.skipif(binary() is None, reason="Debian's mosquitto is not installed")
def test_an_agents_command_reaches_the_device_with_its_arguments(broker: Mosquitto, migrated: str) -> None:
    async def scenario() -> None:
        config = configured(broker, migrated)
        await raised(config)
        async with await psycopg.AsyncConnection.connect(migrated, autocommit=True) as connection:
            await connection.execute("DELETE FROM device_command")
            row = await (await connection.execute("SELECT id FROM cases")).fetchone()
        assert row is not None
        store = PostgresStore(migrated)
        order = Command(name="restart", arguments={"delay_s": 5, "gently": True})
        done = await app.build_casework(compile_rules(config), store).do(row[0], order, Deed(START, actor_id="rui"))
        await store.close()
        assert isinstance(done, Done), done
        sender = sender_of(config, lambda: START)
        async with pump(broker.url, lambda told: {"id": told["id"], "status": "done"}) as heard:
            await sender.start()
            assert (await until_over(migrated))[0] == "acknowledged"
        await sender.stop()
        assert [{**one, "id": None} for one in heard] == [
            {"id": None, "command": "restart", "delay_s": 5, "gently": True}
        ]
        assert ("delivered", None, START) in await standing(migrated)

    asyncio.run(scenario())

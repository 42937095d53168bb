"""`case.state` on real parts: the last record of each case is the case as the database has it, whatever failed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson
import psycopg
import pytest
from chaos.states import database_states, last_states, state_records
from jsonschema import Draft202012Validator
from running import RunningKafka

from pipeline.agents.events import case_view, event_id
from pipeline.agents.relay import Relay
from pipeline.agents.state_feed import StateFeed
from pipeline.config.sections import Kafka
from pipeline.domain.cases import Case
from pipeline.domain.matching import Ref
from pipeline.errors import Fenced, Retry
from pipeline.events.ids import queue_id
from pipeline.events.state import CaseState as StateModel
from pipeline.events.state import state_schema
from pipeline.publish.events import KafkaPublisher
from pipeline.publish.states import LARGEST, KafkaStatePublisher
from pipeline.store.case_states import CaseState
from pipeline.store.ports import Changes, NewEvent
from pipeline.store.postgres import PostgresStore
from pipeline.store.resync import resync

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SOURCE = "/casestream/test"
ANA = Ref(UUID(int=1), "ana", "Ana Lima")


def a_case(number: int) -> Case:
    return Case(
        UUID(int=number), f"Pump {number}", "active", "in progress", "normal", "email", "Support", AT, number=number
    )


async def happens(dsn: str, *cases: Case, new: bool = False, times: int = 1) -> None:
    """Something happens to these cases, in one transaction."""
    store = PostgresStore(dsn)
    events = []
    for case in cases:
        for _ in range(times):
            case.event_seq += 1
            case.revision += 1
            key, seq = str(case.id), case.event_seq
            kind = "dev.casestream.case.updated.v1"
            data = {"case": case_view(case)}
            events.append(NewEvent(event_id(key, seq), key, seq, kind, str(case.number), data, AT))
    changes = Changes(opened=list(cases), events=events) if new else Changes(changed=list(cases), events=events)
    async with store.transaction() as tx:
        await tx.write(changes)
    await store.close()


@asynccontextmanager
async def relaying(dsn: str, kafka: Kafka) -> AsyncIterator[None]:
    ready = asyncio.Event()
    states = StateFeed(dsn, lambda: KafkaStatePublisher(kafka, SOURCE))
    task = asyncio.create_task(Relay(dsn, lambda: KafkaPublisher(kafka, SOURCE), states, ready.set).run())
    try:
        await asyncio.wait_for(ready.wait(), 60)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Retry):
            await task


async def all_told(dsn: str, within: float = 60.0) -> None:
    """Return when no event waits, and no state."""
    query = (
        "SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM case_state_due)"
        " OR (SELECT pos FROM relay_state) > (SELECT pos FROM case_state)"
    )
    async with asyncio.timeout(within), await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while (await (await connection.execute(query)).fetchone()) != (False,):  # noqa: ASYNC110  # the relay's work
            await asyncio.sleep(0.05)


def test_a_state_is_the_whole_case_and_what_its_schema_says(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        with psycopg.connect(migrated, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO contact (id, external_id, name, created_at) VALUES (%s, 'ana', 'Ana Lima', %s)",
                (ANA.id, AT),
            )
            connection.execute(
                "INSERT INTO kpi (id, case_id, number, kpi, sla, key, state, value, warn_at, fail_at, stretches)"
                " VALUES (%s, %s, 1, 'first_response', 'Gold', 'k', 'in progress', %s, %s, %s, '[]')",
                (UUID(int=9), UUID(int=1001), AT, AT, AT),
            )
        case = replace(a_case(1001), contact=ANA, fields={"site": "Porto"}, flags=("no entitlement left",))
        async with relaying(migrated, topics):
            await happens(migrated, case, new=True, times=3)
            await all_told(migrated)
        (record,) = await state_records(topics)
        value = orjson.loads(record.value)
        Draft202012Validator(state_schema(strict=True)).validate(value)
        model = StateModel.model_validate(value)
        assert (model.case.queue.id, model.case.contact and model.case.contact.name) == (
            queue_id("Support"),
            "Ana Lima",
        )
        assert (model.sequence, model.fields, model.flags) == (3, {"site": "Porto"}, ["no entitlement left"])
        assert [(kpi.name, kpi.fail_at) for kpi in model.kpis] == [("first_response", AT)]
        assert value["case"] == orjson.loads(orjson.dumps(case_view(case)))
        assert dict(record.headers)["ce_type"] == b"dev.casestream.case.state.v1"

    asyncio.run(scenario())


def test_the_last_value_is_the_case_and_none_goes_backwards(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        cases = [a_case(number) for number in range(1001, 1041)]
        await happens(migrated, *cases, new=True)
        async with relaying(migrated, topics):
            for turn in range(20):
                for case in cases:
                    case.priority = ("low", "normal", "high", "urgent")[turn % 4]
                await happens(migrated, *cases[turn::2], times=1 + turn % 3)
            await all_told(migrated)
        last = await last_states(topics)
        assert last == await database_states(migrated, [case.id for case in cases])
        told = [value["case"]["priority"] for value in last.values() if value is not None]
        assert len(told) == len(cases)

    asyncio.run(scenario())


def test_a_state_that_no_record_holds_does_not_hold_up_the_others(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        huge, other = replace(a_case(1001), fields={"site": "x" * LARGEST}), a_case(1002)
        async with relaying(migrated, topics):
            await happens(migrated, huge, other, new=True)
            await all_told(migrated)
        assert (await last_states(topics)).keys() == {str(other.id)}

    asyncio.run(scenario())


def test_what_is_no_more_leaves_a_tombstone(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        cases = [a_case(1001), a_case(1002)]
        async with relaying(migrated, topics):
            await happens(migrated, *cases, new=True)
            await all_told(migrated)
            async with await psycopg.AsyncConnection.connect(migrated, autocommit=True) as connection:
                await connection.execute("DELETE FROM cases WHERE number = 1001")
            await all_told(migrated)
        last = await last_states(topics)
        assert [last[str(case.id)] is None for case in cases] == [True, False]

    asyncio.run(scenario())


def test_after_a_resync_the_states_bear_the_raised_sequences(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        case = a_case(1001)
        async with relaying(migrated, topics):
            await happens(migrated, case, new=True)
            await all_told(migrated)
            await resync(migrated, "another", {}, anyway=True)
            await all_told(migrated)
        last = await last_states(topics)
        assert last == await database_states(migrated, [case.id])
        assert (last[str(case.id)] or {})["sequence"] == 1_000_001

    asyncio.run(scenario())


def test_whoever_begins_anew_shuts_out_whoever_published_before(migrated: str, topics: Kafka) -> None:
    async def scenario() -> None:
        case = a_case(1001)
        await happens(migrated, case, new=True)
        state = CaseState(case.id, 1001, 1, (await database_states(migrated, [case.id]))[str(case.id)])
        first, second = KafkaStatePublisher(topics, SOURCE), KafkaStatePublisher(topics, SOURCE)
        try:
            await first.start()
            await first.send([state])
            await second.start()
            await second.send([replace(state, sequence=2)])
            with pytest.raises(Fenced):
                await first.send([state])
        finally:
            await first.drop()
            await second.drop()
        assert [int(dict(record.headers)["ce_sequence"]) for record in await state_records(topics)] == [1, 2]

    asyncio.run(scenario())


def test_a_broker_outage_leaves_nothing_old(migrated: str, topics: Kafka, kafka_server: RunningKafka) -> None:
    async def scenario() -> None:
        cases = [a_case(number) for number in range(1001, 1011)]
        async with relaying(migrated, topics):
            await happens(migrated, *cases, new=True)
            await all_told(migrated)
            kafka_server.kill()
            for case in cases:
                case.priority = "urgent"
            await happens(migrated, *cases)
            kafka_server.start()
            await all_told(migrated)
        assert await last_states(topics) == await database_states(migrated, [case.id for case in cases])

    asyncio.run(scenario())

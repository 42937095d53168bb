"""What can matter no more is forgotten: nothing grows for ever, and nothing is forgotten that still counts."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from rounds import NOON, ask, execute, in_round

from pipeline.store.housekeeping import LATELY, LONG_AGO, Round
from pipeline.store.ports import Wanted
from pipeline.store.postgres import PostgresStore

pytestmark = pytest.mark.integration

LATE = LATELY + timedelta(days=1)
OLD = LONG_AGO + timedelta(days=1)
ANY_REOPENING = timedelta(days=14)


def forgotten(dsn: str, now: datetime = NOON, reopened_within: timedelta = ANY_REOPENING) -> Mapping[str, int]:
    found: dict[str, int] = {}

    async def forget(one: Round) -> None:
        found.update(await one.forget(reopened_within))

    in_round(dsn, forget, now)
    return found


def add_case(dsn: str, state: str, ago: timedelta, *, merged_into: UUID | None = None) -> UUID:
    """A case in which nothing has happened for so long."""
    case, at = uuid4(), NOON - ago
    execute(
        dsn,
        "INSERT INTO cases (id, number, title, state, status, priority, origin, queue, opened_at, resolved_at,"
        " merged_into, revision, event_seq)"
        " VALUES (%s, nextval('case_number'), 't', %s, 's', 'normal', 'email', 'q', %s, %s, %s, 1, 1)",
        case,
        state,
        at,
        at if state == "resolved" else None,
        merged_into,
    )
    add_activity(dsn, "email", ago, case=case)
    return case


def add_activity(
    dsn: str, kind: str, ago: timedelta, *, case: UUID | None = None, state: str = "closed", key: str | None = None
) -> None:
    activity = uuid4()
    execute(
        dsn,
        "INSERT INTO activity (id, case_id, kind, direction, state, subject, body, at)"
        " VALUES (%s, %s, %s, 'in', %s, '', '', %s)",
        activity,
        case,
        kind,
        state,
        NOON - ago,
    )
    if key:
        execute(
            dsn, "INSERT INTO activity_key (key, activity_id, message_id) VALUES (%s, %s, %s)", key, activity, uuid4()
        )


def test_locks_of_conversations_are_kept_for_thirty_days(migrated: str) -> None:
    for name, ago in (("old", LATE), ("young", LATELY - timedelta(days=1))):
        execute(migrated, "INSERT INTO thread_id (id, at) VALUES (%s, %s)", name, NOON - ago)
    assert forgotten(migrated) == {"locks": 1}
    assert ask(migrated, "SELECT id FROM thread_id") == ["young"]


def test_a_lock_that_is_held_stays(migrated: str) -> None:
    execute(migrated, "INSERT INTO thread_id (id, at) VALUES ('held', %s)", NOON - LATE)
    with psycopg.connect(migrated) as holder:
        holder.execute("SELECT FROM thread_id WHERE id = 'held' FOR NO KEY UPDATE")
        assert forgotten(migrated) == {}
    assert forgotten(migrated) == {"locks": 1}


def test_a_lock_that_is_taken_away_before_it_is_ours_is_claimed_again(migrated: str) -> None:
    """Between our claim, which finds the row, and our lock of it, housekeeping takes the row away."""
    execute(migrated, "INSERT INTO thread_id (id, at) VALUES ('taken', %s)", NOON - LATE)
    execute(migrated, "CREATE TABLE once (done boolean)")
    execute(
        migrated,
        "CREATE FUNCTION take_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NOT EXISTS (SELECT FROM once) THEN DELETE FROM thread_id WHERE id = 'taken';"
        " INSERT INTO once VALUES (true);"
        " END IF; RETURN NULL; END $$",
    )
    execute(migrated, "CREATE TRIGGER t AFTER INSERT ON thread_id FOR EACH STATEMENT EXECUTE FUNCTION take_away()")
    other = "INSERT INTO thread_id (id) VALUES ('taken') ON CONFLICT DO NOTHING"

    async def scenario() -> None:
        store = PostgresStore(migrated)
        async with store.transaction() as tx, await psycopg.AsyncConnection.connect(migrated) as rival:
            await tx.read(Wanted(("taken", "other"), (), (), (), ()))
            await rival.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await rival.execute(other)
            await rival.rollback()
        await store.close()

    asyncio.run(scenario())
    assert sorted(map(str, ask(migrated, "SELECT id FROM thread_id"))) == ["other", "taken"]


def test_keys_of_calls_go_when_they_are_over_and_of_items_when_their_case_is(migrated: str) -> None:
    active, closed = add_case(migrated, "active", OLD), add_case(migrated, "resolved", OLD)
    for key, kind, ago, case, state in (
        ("call", "phone", LATE, None, "closed"),
        ("call with an active case", "phone", LATE, active, "closed"),
        ("call in progress", "phone", LATE, None, "open"),
        ("call of late", "phone", LATELY - timedelta(days=1), None, "closed"),
        ("comment", "social", OLD, None, "closed"),
        ("comment of a closed case", "social", OLD, closed, "closed"),
        ("comment of an active case", "social", OLD, active, "closed"),
        ("comment of late", "social", LATE, None, "closed"),
    ):
        add_activity(migrated, kind, ago, case=case, state=state, key=key)
    assert forgotten(migrated) == {"keys": 4}
    assert ask(migrated, "SELECT key FROM activity_key ORDER BY key") == [
        "call in progress", "call of late", "comment of an active case", "comment of late",
    ]  # fmt: skip
    assert len(ask(migrated, "SELECT id FROM activity")) == 10, "the activities themselves stay"


def test_a_conversation_is_forgotten_when_nothing_can_reopen_its_case(migrated: str) -> None:
    survivor = add_case(migrated, "active", OLD)
    cases = {
        "active": add_case(migrated, "active", OLD),
        "resolved long ago": add_case(migrated, "resolved", OLD),
        "cancelled long ago": add_case(migrated, "cancelled", OLD),
        "resolved of late": add_case(migrated, "resolved", LATE),
        "merged": add_case(migrated, "resolved", OLD, merged_into=survivor),
        "resolved long ago, noted of late": add_case(migrated, "resolved", OLD),
    }
    add_activity(migrated, "note", LATE, case=cases["resolved long ago, noted of late"])
    for key, case in cases.items():
        execute(migrated, "INSERT INTO conversation (key, case_id) VALUES (%s, %s)", key, case)
    assert forgotten(migrated) == {"conversations": 2}
    kept = {"active", "resolved of late", "merged", "resolved long ago, noted of late"}
    assert set(ask(migrated, "SELECT key FROM conversation")) == kept


def test_a_conversation_is_kept_as_long_as_a_queue_reopens_cases(migrated: str) -> None:
    case = add_case(migrated, "resolved", OLD)
    execute(migrated, "INSERT INTO conversation (key, case_id) VALUES ('k', %s)", case)
    assert forgotten(migrated, reopened_within=OLD + timedelta(days=1)) == {}
    assert forgotten(migrated) == {"conversations": 1}


def test_what_devices_told_is_kept_for_a_year_and_alarms_until_they_are_cleared(migrated: str) -> None:
    for name, ago, active in (("old", OLD, False), ("young", LATE, False), ("active", OLD, True)):
        at = NOON - ago
        execute(
            migrated,
            "INSERT INTO device_state (device, name, value, at, received_at) VALUES ('pump', %s, '1', %s, %s)",
            name, at, at,
        )  # fmt: skip
        execute(
            migrated,
            "INSERT INTO alarm (device, name, active, text, changed_at) VALUES ('pump', %s, %s, '', %s)",
            name, active, at,
        )  # fmt: skip
    assert forgotten(migrated) == {"alarms": 1, "states": 2}
    assert ask(migrated, "SELECT name FROM alarm ORDER BY name") == ["active", "young"]
    assert ask(migrated, "SELECT name FROM device_state") == ["young"]


def test_a_caller_is_known_until_nobody_is_to_call_back(migrated: str) -> None:
    for number, answered, call_back in (
        ("+491", NOON - LATE, None),
        ("+492", NOON - timedelta(days=1), None),
        ("+493", None, uuid4()),
        ("+494", NOON - LATE, uuid4()),
    ):
        execute(
            migrated,
            "INSERT INTO caller (number, answered_at, call_back, called_at) VALUES (%s, %s, %s, %s)",
            number, answered, call_back, NOON - LATE if call_back else None,
        )  # fmt: skip
    assert forgotten(migrated) == {"callers": 1}
    assert ask(migrated, "SELECT number FROM caller ORDER BY number") == ["+492", "+493", "+494"]


def test_more_than_fits_into_one_statement_goes_too(migrated: str) -> None:
    execute(
        migrated,
        "INSERT INTO thread_id (id, at) SELECT 'old-' || n, %s FROM generate_series(1, 25000) AS n",
        NOON - LATE,
    )
    assert forgotten(migrated) == {"locks": 25_000}


def test_it_is_done_once_a_day(migrated: str) -> None:
    new: list[bool] = []

    async def look(one: Round) -> None:
        new.append(await one.day_is_new())

    for mark in (None, NOON - timedelta(hours=13), NOON - timedelta(hours=11)):
        if mark:
            execute(
                migrated,
                "INSERT INTO ledger_mark (topic, partition, epoch, next, log_end, at) VALUES ('t', 0, 0, 0, 0, %s)",
                mark,
            )
        in_round(migrated, look, NOON)
    assert new == [True, True, False]

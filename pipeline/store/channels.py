"""What intake asks and writes on PostgreSQL when a batch holds calls, social items or readings."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import psycopg
from pydantic import TypeAdapter

from pipeline.domain.alarms import Alarm
from pipeline.domain.callbacks import Caller
from pipeline.domain.calls import CallTold
from pipeline.domain.matching import Party, Ref
from pipeline.domain.posts import PostTold
from pipeline.store.channel_ports import (
    MOST_ACTIVE,
    ChannelChanges,
    ChannelFacts,
    ChannelWanted,
    DeviceName,
    DeviceState,
    StoredActivity,
    Told,
    Value,
    numbers_of,
)
from pipeline.store.queries import load_queries
from pipeline.store.replies import read_awaited, write_receipts

_SQL = load_queries("channels.sql")

_TOLD: Mapping[str, TypeAdapter[Any]] = {
    "phone": TypeAdapter(tuple[CallTold, ...]),
    "social": TypeAdapter(tuple[PostTold, ...]),
}

_MOST_DIGITS = 1000


async def read_channels(connection: psycopg.AsyncConnection, wanted: ChannelWanted) -> ChannelFacts:
    """What is known; asks only what there is something to ask about."""

    async def rows(name: str, values: Mapping[str, Any], asked: Collection[Any]) -> list[tuple[Any, ...]]:
        return await (await connection.execute(_SQL[name], values)).fetchall() if asked else []

    await rows("lock_keys", {"keys": list(wanted.about)}, wanted.about)
    found = await rows("activities", {"keys": list(wanted.about)}, wanted.about)
    activities = {row[0]: _activity(row) for row in found}
    numbers = sorted({*wanted.callers, *numbers_of(activities.values())})
    callers = await rows("callers", {"numbers": numbers}, numbers)
    conversations = await rows("conversations", {"keys": list(wanted.conversations)}, wanted.conversations)
    alarms = await rows("alarms", _split(wanted.alarms), wanted.alarms)
    states = await rows("states", _split(wanted.states), wanted.states)
    return ChannelFacts(
        activities=activities,
        callers={row[0]: Caller(*row) for row in callers},
        conversations=dict(conversations),
        alarms={(alarm.device, alarm.name): alarm for alarm in (_alarm(row) for row in alarms)},
        states={(row[0], row[1]): DeviceState(*row) for row in states},
        awaited=await read_awaited(connection, wanted.echoes),
    )


async def active_cases(connection: psycopg.AsyncConnection, contacts: Collection[UUID]) -> Mapping[UUID, list[UUID]]:
    """The active cases of these contacts, as many as tell whether there is only one."""
    found: dict[UUID, list[UUID]] = {}
    if contacts:
        values = {"contacts": list(contacts), "most": MOST_ACTIVE}
        for contact, case in await (await connection.execute(_SQL["active_cases"], values)).fetchall():
            found.setdefault(contact, []).append(case)
    return found


async def write_channels(connection: psycopg.AsyncConnection, changes: ChannelChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    conversations = [{"key": key, "case_id": case_id} for key, case_id in changes.conversations]
    for name, rows in (
        ("write_activities", changes.activities),
        ("write_about", changes.about),
        ("write_callers", changes.callers),
        ("write_conversations", conversations),
        ("write_alarms", changes.alarms),
        ("write_states", [_state_row(state) for state in changes.states]),
    ):
        if rows:
            await connection.execute(_SQL[name], {"rows": orjson.dumps(rows).decode()})
    await write_receipts(connection, changes.receipts)
    if changes.closed:
        await connection.execute(_SQL["close_activities"], {"ids": changes.closed})


def _split(names: Collection[DeviceName]) -> dict[str, list[str]]:
    return {"devices": [device for device, _ in names], "names": [name for _, name in names]}


def _activity(row: Sequence[Any]) -> StoredActivity:
    told: tuple[Told, ...] = _TOLD[row[4]].validate_python(row[5])
    contact, account = (Ref(*part) if part[0] is not None else None for part in (row[6:9], row[9:12]))
    party = Party(contact, account, "identity") if contact else None
    return StoredActivity(id=row[1], message_id=row[2], case_id=row[3], party=party, told=told, ours=row[12])


def _alarm(row: Sequence[Any]) -> Alarm:
    names = "device", "name", "active", "severity", "text", "raised_at", "changed_at", "cleared_at", "case_id"
    return Alarm(**dict(zip(names, row, strict=True)))


def _state_row(state: DeviceState) -> dict[str, Any]:
    return {
        "device": state.device,
        "name": state.name,
        "value": _json_value(state.value),
        "at": state.at,
        "received_at": state.received_at,
    }


def _json_value(value: Value) -> object:
    """The value as JSON can hold it: a number exactly, a text where there is no such number."""
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        held = exact.is_finite() and abs(exact.adjusted()) <= _MOST_DIGITS
        return orjson.Fragment(str(exact).encode()) if held else str(value)[:_MOST_DIGITS]
    return value

"""What rules on readings ask and write, on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.alarm_rules import RuleAlarm
from pipeline.domain.maintenance import Window
from pipeline.store.queries import load_queries
from pipeline.store.watch_ports import AlarmGroup, GroupName, Member, WatchChanges, Watched, WatchFacts

_SQL = load_queries("watch.sql")

_ALARM = (
    "device", "rule", "source", "state", "holding", "level", "severity", "text", "since", "due", "late", "raised_at",
    "changed_at", "cleared_at", "flaps", "group_key", "case_id", "noted", "folded",
)  # fmt: skip


async def read_watched(connection: psycopg.AsyncConnection, devices: Collection[str], since: datetime) -> WatchFacts:
    """What is known of these devices, and the maintenance that ends after a time."""
    asked = {"devices": list(devices)}
    async with connection.pipeline():
        watched = await connection.execute(_SQL["watched"], asked)
        alarms = await connection.execute(_SQL["alarms"], asked)
        windows = await connection.execute(_SQL["windows"], {"since": since})
        return WatchFacts(
            devices={row[0]: Watched(row[0], row[1], row[2], frozenset(row[3])) for row in await watched.fetchall()},
            alarms={(row[0], row[1]): _alarm(row) for row in await alarms.fetchall()},
            windows=[_window(row) for row in await windows.fetchall()],
        )


async def lock_groups(
    connection: psycopg.AsyncConnection, names: Collection[GroupName], since: datetime
) -> Mapping[GroupName, AlarmGroup]:
    """The groups, locked, with the alarms that were raised since a time and are active."""
    if not names:
        return {}
    asked = {"rules": [rule for rule, _ in names], "keys": [key for _, key in names]}
    await connection.execute(_SQL["make_groups"], asked)
    groups = await (await connection.execute(_SQL["lock_groups"], asked)).fetchall()
    members: dict[GroupName, list[Member]] = {}
    for rule, key, *member in await (await connection.execute(_SQL["members"], {**asked, "since": since})).fetchall():
        members.setdefault((rule, key), []).append(Member(*member))
    return {(rule, key): AlarmGroup(rule, key, case, members.get((rule, key), ())) for rule, key, case in groups}


async def touched_cases(connection: psycopg.AsyncConnection, cases: Collection[UUID]) -> set[UUID]:
    """Those on which a person did something."""
    if not cases:
        return set()
    cursor = await connection.execute(_SQL["touched"], {"cases": list(cases)})
    return {case for (case,) in await cursor.fetchall()}


async def write_watch(connection: psycopg.AsyncConnection, changes: WatchChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    alarms = [alarm for alarm in changes.alarms.values() if alarm is not None]
    gone = [name for name, alarm in changes.alarms.items() if alarm is None]
    for name, rows in (
        ("write_watched", [_watched_row(one) for one in changes.devices]),
        ("write_alarms", alarms),
        ("write_groups", [{"rule": one.rule, "key": one.key, "case_id": one.case_id} for one in changes.groups]),
        ("write_commands", changes.commands),
        ("retell", changes.retold),
    ):
        if rows:
            await connection.execute(_SQL[name], {"rows": orjson.dumps(rows).decode()})
    if gone:
        values = {"devices": [device for device, _ in gone], "rules": [rule for _, rule in gone]}
        await connection.execute(_SQL["forget_alarms"], values)


def _alarm(row: Sequence[Any]) -> RuleAlarm:
    return RuleAlarm(**dict(zip(_ALARM, row, strict=True)))


def _window(row: Sequence[Any]) -> Window:
    name, begins, ends, *kinds = row
    devices, products, gateways, accounts = map(frozenset, kinds)
    return Window(
        name=name, begins=begins, ends=ends, devices=devices, products=products, gateways=gateways, accounts=accounts
    )


def _watched_row(one: Watched) -> dict[str, Any]:
    return {"device": one.device, "source": one.source, "heard_at": one.heard_at, "watched": sorted(one.watched)}

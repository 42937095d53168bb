"""What rules on readings ask and write, in memory."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.store.watch_ports import AlarmGroup, GroupName, Member, WatchChanges, WatchFacts

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def known_watched(tables: "Tables", devices: Collection[str], since: datetime) -> WatchFacts:
    """What is known of these devices, and the maintenance that ends after a time."""
    return WatchFacts(
        devices={device: tables.watched[device] for device in devices if device in tables.watched},
        alarms={name: alarm for name, alarm in tables.rule_alarms.items() if name[0] in devices},
        windows=[window for window in tables.windows.values() if window.ends > since],
    )


def known_groups(tables: "Tables", names: Collection[GroupName], since: datetime) -> Mapping[GroupName, AlarmGroup]:
    """The groups, with the alarms that were raised since a time and are active."""
    return {name: AlarmGroup(*name, tables.groups.get(name), [*_members(tables, name, since)]) for name in names}


def _members(tables: "Tables", name: GroupName, since: datetime) -> Iterator[Member]:
    for alarm in tables.rule_alarms.values():
        if alarm.is_active and (alarm.rule, alarm.group_key) == name and alarm.raised_at and alarm.raised_at >= since:
            yield Member(alarm.device, alarm.raised_at, alarm.case_id)


def touched_cases(tables: "Tables", cases: Collection[UUID]) -> set[UUID]:
    """Those on which a person did something."""
    by_people = {
        event.key
        for event in tables.events.values()
        if isinstance(event.data, Mapping) and event.data.get("actor", {}).get("kind") in {"agent", "customer"}
    }
    of_people = {one.case_id for one in tables.activities.values() if one.kind not in {"iot", "resolution"}}
    return {case for case in cases if str(case) in by_people or case in of_people}


def write_watch(tables: "Tables", changes: WatchChanges) -> None:
    """Keep what there is."""
    tables.watched.update({one.device: one for one in changes.devices})
    for name, alarm in changes.alarms.items():
        if alarm is None:
            tables.rule_alarms.pop(name, None)
        else:
            tables.rule_alarms[name] = alarm
    tables.groups.update({(one.rule, one.key): one.case_id for one in changes.groups})
    for one in changes.retold:
        tables.activities[one.id] = replace(tables.activities[one.id], subject=one.subject, body=one.body)
    tables.commands.update({one.id: one for one in changes.commands})

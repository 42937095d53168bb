"""What casework asks and writes on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg
from pydantic import TypeAdapter

from pipeline.domain.activities import Activity, KnownRecord, RecordName
from pipeline.domain.matching import Ref
from pipeline.domain.merging import MergeRecord
from pipeline.store.casework_ports import Correspondence, Family, WorkChanges, WorkFacts, WorkWanted
from pipeline.store.commands import read_feeds
from pipeline.store.queries import load_queries
from pipeline.store.replies import read_asked, write_replies

_SQL = load_queries("casework.sql")

_RECORD = TypeAdapter(MergeRecord)

_ACTIVITY = (
    "id", "case_id", "kind", "direction", "state", "at", "subject", "sender", "owner", "duration_s", "billable_s",
    "adjusts", "consumed", "billed", "regarding_kind", "regarding",
)  # fmt: skip


async def read_family(connection: psycopg.AsyncConnection, cases: Collection[UUID]) -> Family:
    """The children below these cases, the parents above them, what was merged into them."""
    found: dict[str, dict[UUID, list[UUID]]] = {}
    for name in ("children", "ancestors", "merged"):
        of_case: dict[UUID, list[UUID]] = defaultdict(list)
        for case, other in await _rows(connection, name, ids=list(cases)):
            of_case[case].append(other)
        found[name] = dict(of_case)
    return Family(**found)


async def read_work(connection: psycopg.AsyncConnection, wanted: WorkWanted) -> WorkFacts:
    """What is known; asks only what there is something to ask about."""
    facts = WorkFacts()
    of_case: dict[UUID, list[Activity]] = defaultdict(list)
    activities: dict[UUID, Activity] = {}
    if wanted.cases or wanted.activities:
        values = {"cases": list(wanted.cases), "ids": list(wanted.activities)}
        for row in await _rows(connection, "activities", **values):
            activity = Activity(**dict(zip(_ACTIVITY, row, strict=True)))
            activities[activity.id] = activity
            if activity.case_id in wanted.cases and activity.case_id is not None:
                of_case[activity.case_id].append(activity)
    facts = WorkFacts(of_case=dict(of_case), activities=activities)
    if not (wanted.merges or wanted.agents or wanted.answers or wanted.records or wanted.asked or wanted.feeds):
        return facts
    merges = await _rows(connection, "merges", ids=list(wanted.merges))
    agents = await _rows(connection, "agents", names=list(wanted.agents))
    answers = await _rows(connection, "answers", ids=list(wanted.answers))
    return WorkFacts(
        of_case=facts.of_case,
        activities=facts.activities,
        merges={record.merged: record for record in (_RECORD.validate_python(row[0]) for row in merges)},
        agents={name: Ref(id_, name, called) for name, id_, called in agents},
        answers={row[0]: Correspondence(*row[1:]) for row in answers},
        records=await _records(connection, wanted.records),
        asked=await read_asked(connection, wanted.asked),
        feeds=await read_feeds(connection, wanted.feeds),
    )


async def _records(
    connection: psycopg.AsyncConnection, wanted: Collection[RecordName]
) -> dict[RecordName, KnownRecord]:
    """One question for each kind of record that is named."""
    found: dict[RecordName, KnownRecord] = {}
    for kind in sorted({record.kind for record in wanted}):
        names = [record.name for record in wanted if record.kind == kind]
        for name, *columns in await _rows(connection, f"{kind}s_named", names=names):
            account = Ref(*columns[3:]) if columns[3] is not None else None
            found[RecordName(kind, name)] = KnownRecord(Ref(*columns[:3]), account)
    return found


async def write_work(connection: psycopg.AsyncConnection, changes: WorkChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    if changes.restored:  # before they move
        await connection.execute(_SQL["restore"], {"ids": changes.restored})
    merged = [{"merged": m.merged, "survivor": m.into, "at": m.at, "record": m} for m in changes.merged]
    for name, rows in (
        ("insert_work", changes.activities),
        ("finish", changes.finished),
        ("move_links", changes.moved),
        ("move", changes.moved),
        ("insert_merges", merged),
        ("insert_deeds", changes.deeds),
    ):
        if rows:
            await connection.execute(_SQL[name], {"rows": orjson.dumps(rows).decode()})
    await write_replies(connection, changes.replies)
    if changes.owned:
        ids, agents = (list(column) for column in zip(*changes.owned, strict=True))
        await connection.execute(_SQL["own"], {"ids": ids, "agents": agents})
    if changes.consumed:
        ids, ats = (list(column) for column in zip(*changes.consumed, strict=True))
        await connection.execute(_SQL["consume"], {"ids": ids, "ats": ats})
    if changes.unmerged:
        await connection.execute(_SQL["delete_merges"], {"ids": changes.unmerged})
    if changes.left:
        ids, addresses = (list(column) for column in zip(*changes.left, strict=True))
        await connection.execute(_SQL["delete_participants"], {"case_ids": ids, "addresses": addresses})


async def _rows(connection: psycopg.AsyncConnection, name: str, **values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    if not any(values.values()):
        return ()
    return await (await connection.execute(_SQL[name], values)).fetchall()

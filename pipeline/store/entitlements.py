"""What intake and casework ask and write about entitlements, on PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg

from pipeline.domain.entitlement import Entitlement, Terms, channel_of
from pipeline.domain.entitlement_use import Line, Work
from pipeline.store.entitlement_ports import EntitlementChanges, EntitlementFacts, EntitlementWanted
from pipeline.store.queries import load_queries

_SQL = load_queries("entitlements.sql")

COLUMNS = (
    "external_id", "account", "contacts", "device", "products", "state", "starts", "ends", "default", "sla", "used",
    "used_by", "exhausted",
)  # fmt: skip
TERMS = ("allotment", "total", "channels", "only_listed", "decrement_on", "restrict")


async def read_entitlements(connection: psycopg.AsyncConnection, wanted: EntitlementWanted) -> EntitlementFacts:
    """What is known; asks only what there is something to ask about."""

    async def rows(name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return await (await connection.execute(_SQL[name], values)).fetchall()

    values = {name: list(getattr(wanted, name)) for name in ("accounts", "contacts", "devices", "names")}
    found = await rows("entitlements", {**values, "since": wanted.since})
    entitlements = {one.external_id: one for one in map(entitlement_of, found)}
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for line in await rows("lines", {"cases": list(wanted.cases)}) if wanted.cases else ():
        lines[line[0]].append(Line(*line))
    work: dict[UUID, list[Work]] = defaultdict(list)
    in_hours = any(one.terms.allotment == "hours" for one in entitlements.values())
    for case_id, activity, kind, seconds, adjusts in (
        await rows("work", {"cases": list(wanted.worked)}) if wanted.worked and in_hours else ()
    ):
        work[case_id].append(Work(activity, channel_of(kind), seconds, adjusts))
    return EntitlementFacts(entitlements, lines, work)


async def write_entitlements(connection: psycopg.AsyncConnection, changes: EntitlementChanges) -> None:
    """Write what there is; within a pipeline of the caller's."""
    if changes.lines:
        rows = [_line_row(line) | {"at": at} for line, at in changes.lines]
        await connection.execute(_SQL["write_lines"], {"rows": orjson.dumps(rows).decode()})
    if changes.exhausted:
        values = {"names": list(changes.exhausted), "moments": list(changes.exhausted.values())}
        await connection.execute(_SQL["write_exhausted"], values)


def entitlement_of(row: Sequence[Any]) -> Entitlement:
    """The entitlement that a row says."""
    fields = dict(zip(COLUMNS, row[: len(COLUMNS)], strict=True))
    terms = Terms(**dict(zip(TERMS, row[len(COLUMNS) :], strict=True)))
    fields |= {"contacts": frozenset(fields["contacts"]), "products": frozenset(fields["products"])}
    return Entitlement(**fields, terms=terms)


def _line_row(line: Line) -> dict[str, Any]:
    return {
        "case_id": line.case_id,
        "entitlement": line.entitlement,
        "transition": line.transition,
        "turn": line.turn,
        "activity_id": line.activity,
        "channel": line.channel,
        "units": line.units,
    }

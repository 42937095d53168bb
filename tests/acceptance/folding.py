"""What the events of a desk say of its cases, held against what the database has."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import psycopg
from jsonschema import Draft202012Validator

from pipeline.events.schemas import event_schemas
from pipeline.events.state import STATE_TYPE, state_schema
from pipeline.replay.report import Report
from pipeline.store.case_states import CaseStates

_VALIDATORS = {
    name: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in {**event_schemas(strict=True), STATE_TYPE: state_schema(strict=True)}.items()
}


def hold_events(report: Report, dsn: str) -> None:
    """Fails unless each event is what its schema says, and those of a case, folded, are the case."""
    events = orjson.loads(orjson.dumps(report["events"]))
    for event in events:
        assert wrong(event["type"], event["data"]) == [], event
    states = asyncio.run(all_states(dsn))
    assert {key: state["case"] for key, state in states.items()} == folded(events)
    counted = {key: len(told) for key, told in by_case(events).items()}
    assert {key: state["sequence"] for key, state in states.items()} == counted
    for state in states.values():
        assert wrong(STATE_TYPE, state) == [], state


def wrong(kind: str, data: object) -> Sequence[str]:
    """What the schema says against it."""
    return [error.message for error in _VALIDATORS[kind].iter_errors(data)]


def by_case(events: Iterable[Mapping[str, Any]]) -> Mapping[str, list[Mapping[str, Any]]]:
    """The events of each case, in the order of their sequence."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=lambda event: str(event["sequence"])):
        if event["data"]["case"] is not None:
            found[event["key"]].append(event)
    return found


def folded(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Each case after all of its events: what the first shows, and then every change that is told.

    The queue is told by its name alone in a change.
    """
    cases: dict[str, dict[str, Any]] = {}
    for key, told in by_case(events).items():
        case = cases[key] = dict(told[0]["data"]["case"])
        for event in told:
            shown = event["data"]["case"]
            for field, (_, now) in event["data"]["changed"].items():
                if field in case:
                    case[field] = shown["queue"] if field == "queue" and shown["queue"]["name"] == now else now
        assert case == told[-1]["data"]["case"], told
    return cases


async def all_states(dsn: str) -> Mapping[str, Mapping[str, Any]]:
    """Every case as `case.state` would have it."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cases = [case for (case,) in await (await connection.execute("SELECT id FROM cases")).fetchall()]
    async with CaseStates.open(dsn) as states:
        return {str(state.id): orjson.loads(orjson.dumps(state.data)) for state in await states.read(cases)}

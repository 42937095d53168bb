"""The AsyncAPI document of what Casestream publishes on Kafka, as it follows from the models of the events.

Source: AsyncAPI 3.0.0, its Kafka bindings 0.5.0. The schemas in it are of its own dialect, a superset of JSON Schema
draft-07, so what a tuple holds is said by `items`.
"""

from collections.abc import Mapping
from typing import Any

from pipeline import topics
from pipeline.events.examples import SOURCE, Example, examples, state_example
from pipeline.events.schemas import EVENT_TYPES, EventType, event_schemas
from pipeline.events.state import STATE_SAYS, STATE_TYPE, state_schema

_BINDING = "0.5.0"
_ABOUT = """\
What happens on a desk, as CloudEvents 1.0 on Kafka: all events of a case in order on `case.events`, and each case as it
is now on the compacted `case.state`. Delivered at least once: the same event always has the same id. Within v1 a schema
only gains optional fields, and there may be new types: ignore what you do not know.
"""
_KEYS = "The case's id; of what has no case: `/device/NAME`, `/contact/ID`, `/subscription/ID`, or a message's source."
_HEADERS: Mapping[str, str] = {
    "ce_specversion": "1.0",
    "ce_id": "The event's id: the same however often it is published.",
    "ce_source": "`/casestream/` and the desk's domain.",
    "ce_type": "The type, such as dev.casestream.case.opened.v1.",
    "ce_time": "When it happened (RFC 3339).",
    "ce_subject": "The case's number; there when there is a case.",
    "ce_sequence": "1, 2, 3 … for each key, without a hole, with leading zeros.",
    "ce_position": "A dense number over all events, in the order of publication.",
    "content-type": "application/json",
}
_STATE_HEADERS = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_sequence", "content-type")


def asyncapi() -> Mapping[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {}
    told, payloads = examples(), event_schemas()
    messages = {
        name.replace(".", "_"): _message(kind, told[name], payloads[kind.full], schemas)
        for name, kind in EVENT_TYPES.items()
    }
    messages["case_state"] = _state_message(schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Casestream events",
            "version": "1.0.0",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{servers}",
                "protocol": "kafka",
                "description": "The Kafka of the desk; `casestream status` shows its address.",
                "variables": {"servers": {"default": "localhost:9092"}},
            }
        },
        "channels": {
            "events": _channel(topics.EVENTS, "What happened.", [name for name in messages if name != "case_state"]),
            "state": _channel(topics.STATE, "Each case as it is now; without a value it is no more.", ["case_state"]),
        },
        "operations": {
            "tell": {"action": "send", "channel": _to("channels", "events"), "summary": "Tells what happened."},
            "show": {"action": "send", "channel": _to("channels", "state"), "summary": "Shows each case as it is now."},
        },
        "components": {
            "messages": messages,
            "schemas": {
                "headers": _headers(tuple(_HEADERS)),
                "stateHeaders": _headers(_STATE_HEADERS),
                **dict(sorted(schemas.items())),
            },
        },
    }


def _to(*path: str) -> Mapping[str, str]:
    return {"$ref": "#/" + "/".join(path)}


def _channel(topic: str, says: str, messages: list[str]) -> Mapping[str, Any]:
    found = next(one for one in topics.all_topics(1) if one.name == topic)
    kept = {name: found.config[name] for name in ("retention.ms", "cleanup.policy") if name in found.config}
    configured: dict[str, Any] = {"cleanup.policy": [kept.get("cleanup.policy", "delete")]}
    if "retention.ms" in kept:
        configured["retention.ms"] = int(kept["retention.ms"])
    return {
        "address": topic,
        "description": says,
        "messages": {name: _to("components", "messages", name) for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": found.partitions,
                "topicConfiguration": configured,
                "bindingVersion": _BINDING,
            }
        },
    }


def _message(
    kind: EventType, example: Example, payload: Mapping[str, Any], schemas: dict[str, Any]
) -> Mapping[str, Any]:
    return {
        "name": kind.full,
        "title": kind.name,
        "summary": kind.when,
        "headers": _to("components", "schemas", "headers"),
        "payload": _shared(payload, schemas),
        "bindings": _keyed(_KEYS),
        "examples": [{"name": kind.name, "headers": event_headers(example), "payload": example.data}],
    }


def _state_message(schemas: dict[str, Any]) -> Mapping[str, Any]:
    headers, payload = state_example()
    return {
        "name": STATE_TYPE,
        "title": "case.state",
        "summary": STATE_SAYS,
        "headers": _to("components", "schemas", "stateHeaders"),
        "payload": _shared(state_schema(), schemas),
        "bindings": _keyed("The case's id."),
        "examples": [{"name": "case.state", "headers": headers, "payload": payload}],
    }


def event_headers(example: Example) -> Mapping[str, str]:
    """The headers of an event in binary mode."""
    subject = {"ce_subject": example.subject} if example.subject is not None else {}
    return {
        "ce_specversion": "1.0",
        "ce_id": str(example.id),
        "ce_source": SOURCE,
        "ce_type": example.type,
        "ce_time": example.at.isoformat(),
        **subject,
        "ce_sequence": f"{example.seq:012d}",
        "ce_position": str(example.position),
        "content-type": "application/json",
    }


def _keyed(says: str) -> Mapping[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": says}, "bindingVersion": _BINDING}}


def _headers(names: tuple[str, ...]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "required": [name for name in names if name != "ce_subject"],
        "properties": {name: {"type": "string", "description": _HEADERS[name]} for name in names},
    }


def _shared(schema: Mapping[str, Any], schemas: dict[str, Any]) -> Mapping[str, Any]:
    """The schema, with the parts that others have as well put beside it."""
    own = {name: part for name, part in schema.items() if name not in {"$schema", "$defs"}}
    schemas |= {name: _dialect(part) for name, part in schema.get("$defs", {}).items()}
    return {name: _dialect(part) for name, part in own.items()}


def _dialect(schema: Any) -> Any:  # noqa: ANN401  # any part of a schema
    match schema:
        case dict():
            said = {"items" if name == "prefixItems" else name: _dialect(part) for name, part in schema.items()}
            if "$ref" in said:
                said["$ref"] = said["$ref"].replace("#/$defs/", "#/components/schemas/")
            return said
        case list():
            return [_dialect(part) for part in schema]
    return schema

"""How an event becomes a record: CloudEvents 1.0, Kafka protocol binding 1.0.2, in either of its modes.

The binding allows the headers of binary mode in structured mode as well (3.3.3), but libraries tell the mode by them.
"""

from collections.abc import Callable, Mapping

from orjson import Fragment, dumps

from pipeline.store.outbox import Outgoing
from pipeline.wire import Headers

Binding = Callable[[Outgoing, bytes], tuple[bytes, Headers]]
"""Makes the value and the headers of an event that comes from this source."""


def binary(event: Outgoing, source: bytes) -> tuple[bytes, Headers]:
    """The attributes as headers, the data as the value."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", source),
        ("ce_type", event.type.encode()),
        ("ce_time", event.at.isoformat().encode()),
        ("ce_sequence", b"%012d" % event.seq),
        ("content-type", b"application/json"),
    ]
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    if event.pos is not None:
        headers.append(("ce_position", b"%d" % event.pos))
    return event.data.encode(), headers


def structured(event: Outgoing, source: bytes) -> tuple[bytes, Headers]:
    """All of the event as one JSON object. Source: CloudEvents 1.0.2, JSON event format."""
    told: dict[str, object] = {
        "specversion": "1.0",
        "id": event.id,
        "source": source.decode(),
        "type": event.type,
        "time": event.at,
        "datacontenttype": "application/json",
        "sequence": f"{event.seq:012d}",
    }
    if event.subject is not None:
        told["subject"] = event.subject
    if event.pos is not None:
        told["position"] = str(event.pos)
    told["data"] = Fragment(event.data)
    return dumps(told), [("content-type", b"application/cloudevents+json")]


BINDINGS: Mapping[str, Binding] = {"binary": binary, "structured": structured}
"""The modes, as the configuration names them."""

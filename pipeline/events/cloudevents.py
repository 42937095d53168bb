"""An event as CloudEvents 1.0 in JSON, for everyone who does not get it as a record of Kafka.

Source: CloudEvents 1.0.2 and its JSON format 1.0.2, the extensions `sequence` and `partitionkey`. `position` is text,
since integers of CloudEvents end at 2³¹.
"""

from datetime import UTC, datetime
from uuid import UUID

import orjson

MEDIA_TYPE = "application/cloudevents+json"


def structured(  # noqa: PLR0913  # the attributes that an event has
    *,
    event_id: UUID,
    source: str,
    kind: str,
    subject: str | None,
    at: datetime,
    key: str,
    seq: int,
    pos: int,
    data: bytes,  # their names in CloudEvents
) -> bytes:
    """The event on one line; `data` is its JSON, which is taken as it is."""
    attributes = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": kind,
        "time": at.astimezone(UTC),
        "datacontenttype": "application/json",
        "sequence": f"{seq:012d}",
        "position": str(pos),
        "partitionkey": key,
        **({"subject": subject} if subject is not None else {}),
    }
    return orjson.dumps(attributes)[:-1] + b',"data":' + data.replace(b"\n", b" ") + b"}"

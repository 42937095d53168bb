"""What travels on Kafka: the envelope of a received message, as CloudEvents 1.0 in binary mode.

Source: CloudEvents 1.0.2, Kafka protocol binding 1.0.2 (attributes as headers `ce_*`, data as the record's value).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

Headers = list[tuple[str, bytes]]

_ATTRIBUTES = frozenset({"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_count", "ce_dataref"})


MAX_COUNT = 1_000_000
"""More messages than that no record holds."""

DEAD_TYPE = "dev.casestream.inbound.dead.v1"
"""The type of what the topic of dead letters tells."""


class Partition(NamedTuple):
    """One partition of a topic; equal to aiokafka's and Faust's tuples of the same two."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record as fetched from Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first offset a partition still holds, and the one its next record will get."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One received message: the raw bytes and what only the transport knew.

    `key` is the conversation (locality on Kafka, no promise), `time` is aware and says when it was received,
    `count` is how many accounted messages it holds (more than one only for coalesced readings), `facts` are
    transport facts such as `envelopefrom`, written as CloudEvents extension attributes (lower-case letters and
    digits). With `dataref` the raw bytes lie in the blob store under that digest and `raw` is empty.
    """

    id: str
    channel: str
    source: str
    key: str
    time: datetime
    content_type: str
    raw: bytes
    count: int = 1
    dataref: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> Headers:
        """The record's headers; the value is `raw`, the record's key is `key`."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode("utf-8", "replace")),
            ("ce_source", self.source.encode("utf-8", "replace")),
            ("ce_type", f"dev.casestream.inbound.{self.channel}.v1".encode()),
            ("ce_time", self.time.isoformat().encode()),
            ("ce_count", str(self.count).encode()),
            ("content-type", self.content_type.encode("utf-8", "replace")),
        ]
        if self.dataref:
            headers.append(("ce_dataref", self.dataref.encode()))
        headers.extend((f"ce_{name}", value.encode("utf-8", "replace")) for name, value in self.facts.items())
        return headers

    @classmethod
    def of_record(cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> "Envelope":
        """The envelope of a record on an inbound topic. Raises ValueError when it is none of ours."""
        found = {name: _text(value) for name, value in headers}
        try:
            return cls(
                id=found["ce_id"],
                channel=found["ce_type"].split(".")[3],
                source=found["ce_source"],
                key=_text(key or b""),
                time=_aware(found["ce_time"]),
                content_type=found.get("content-type", "application/octet-stream"),
                raw=value or b"",
                count=_count(found.get("ce_count", "1")),
                dataref=found.get("ce_dataref"),
                facts={
                    name[3:]: text for name, text in found.items() if name.startswith("ce_") and name not in _ATTRIBUTES
                },
            )
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"not an envelope of Casestream: {error!r}") from error


def _text(raw: bytes) -> str:
    """Text that PostgreSQL can hold, so that any record can at least become a dead letter."""
    return raw.decode("utf-8", "replace").replace("\0", "\ufffd")


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_COUNT:
        raise ValueError(f"ce_count is {count}, and must be from 1 to {MAX_COUNT}")
    return count


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"ce_time has no zone: {text}")
    return moment

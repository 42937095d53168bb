"""Folds what one fetch brought into batches, so that one Faust event is one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.wire import Partition, Record

MAX_RECORDS = 500
MAX_BYTES = 16 * 1024 * 1024
MAX_MESSAGES = 10_000
"""Records of readings hold a thousand messages each: some are read while others are settled."""

TEXT_BYTES = 1024 * 1024
"""What a record weighs whose bytes lie in the blob store: as much of their text as is kept."""


_LONGEST_COUNT = 10


class Fetched(Protocol):
    """A record as aiokafka gives it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of partition and offset, with the ticket under which each partition was read."""

    records: tuple[Record, ...]
    tickets: Mapping[Partition, int]


def fold(
    fetched: Mapping[Partition, Sequence[Fetched]],
    tickets: Mapping[Partition, int],
    *,
    max_records: int = MAX_RECORDS,
    max_bytes: int = MAX_BYTES,
    max_messages: int = MAX_MESSAGES,
) -> list[Batch]:
    """Batches of at most so many records, bytes and messages; a record larger than that is a batch of its own.

    Partitions without a ticket are left out: they were read before their position was known.
    """
    batches: list[Batch] = []
    records: list[Record] = []
    size = messages = 0
    for record in _in_order(fetched, tickets):
        length, count = _size(record), _count(record)
        full = len(records) >= max_records or size + length > max_bytes or messages + count > max_messages
        if records and full:
            batches.append(_batch(records, tickets))
            records, size, messages = [], 0, 0
        records.append(record)
        size += length
        messages += count
    if records:
        batches.append(_batch(records, tickets))
    return batches


def _in_order(fetched: Mapping[Partition, Sequence[Fetched]], tickets: Mapping[Partition, int]) -> Iterable[Record]:
    for partition in sorted(fetched):
        if partition in tickets:
            for raw in fetched[partition]:
                yield Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, _headers(raw))


def _headers(raw: Fetched) -> tuple[tuple[str, bytes], ...]:
    """A header may be null on Kafka; to us it is empty then, as it could otherwise not even be counted."""
    return tuple((name, value or b"") for name, value in raw.headers)


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    elsewhere = TEXT_BYTES if any(name == "ce_dataref" for name, _ in record.headers) else 0
    return len(record.key or b"") + len(record.value or b"") + headers + elsewhere


def _count(record: Record) -> int:
    said = next((value for name, value in record.headers if name == "ce_count"), b"1")
    return int(said) if said.isdigit() and len(said) < _LONGEST_COUNT else 1


def _batch(records: Sequence[Record], tickets: Mapping[Partition, int]) -> Batch:
    partitions = {Partition(record.topic, record.partition) for record in records}
    return Batch(tuple(records), {partition: tickets[partition] for partition in partitions})

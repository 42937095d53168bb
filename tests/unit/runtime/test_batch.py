"""What one fetch brought is folded into batches, each of one partition."""

from dataclasses import dataclass, replace

from pipeline.runtime.batch import fold
from pipeline.wire import Partition

SAID_BADLY = [b"", b"x", b"-5", b"9" * 99]

A, B = Partition("inbound.email", 0), Partition("inbound.email", 1)


@dataclass
class Fetched:
    topic: str
    partition: int
    offset: int
    value: bytes | None = b"x"
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def fetched(partition: Partition, count: int, size: int = 1) -> list[Fetched]:
    return [Fetched(*partition, offset, b"x" * size) for offset in range(count)]


def test_all_partitions_of_one_fetch_are_one_batch_in_order() -> None:
    (batch,) = fold({B: fetched(B, 2), A: fetched(A, 2)}, {A: 7, B: 8})
    assert [(record.partition, record.offset) for record in batch.records] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert batch.tickets == {A: 7, B: 8}


def test_a_batch_is_at_most_500_records() -> None:
    assert [len(batch.records) for batch in fold({A: fetched(A, 1100)}, {A: 1})] == [500, 500, 100]


def test_a_record_whose_bytes_lie_elsewhere_weighs_what_is_kept_of_its_text() -> None:
    large = [replace(record, headers=(("ce_dataref", b"digest"),)) for record in fetched(A, 32)]
    assert [len(batch.records) for batch in fold({A: large}, {A: 1})] == [15, 15, 2]


def test_a_batch_is_at_most_16_mib() -> None:
    batches = fold({A: fetched(A, 40, 1024 * 1024)}, {A: 1})
    assert [len(batch.records) for batch in batches] == [16, 16, 8]


def test_a_batch_is_at_most_10_000_messages_of_devices() -> None:
    coalesced = [replace(record, headers=(("ce_count", b"1000"),)) for record in fetched(A, 25)]
    assert [len(batch.records) for batch in fold({A: coalesced}, {A: 1})] == [10, 10, 5]


def test_a_count_that_is_none_weighs_one_message() -> None:
    odd = [replace(one, headers=(("ce_count", said),)) for one, said in zip(fetched(A, 4), SAID_BADLY, strict=True)]
    assert [len(batch.records) for batch in fold({A: odd}, {A: 1})] == [4]


def test_a_record_larger_than_a_batch_is_one_of_its_own() -> None:
    batches = fold({A: fetched(A, 3, 100)}, {A: 1}, max_bytes=10)
    assert [len(batch.records) for batch in batches] == [1, 1, 1]


def test_a_batch_has_the_tickets_of_its_own_partitions_alone() -> None:
    first, second = fold({A: fetched(A, 2), B: fetched(B, 2)}, {A: 1, B: 2}, max_records=2)
    assert (first.tickets, second.tickets) == ({A: 1}, {B: 2})


def test_a_header_that_is_null_on_kafka_is_empty() -> None:
    (batch,) = fold({A: [Fetched(*A, 0, headers=(("ce_id", None),))]}, {A: 1})
    assert batch.records[0].headers == (("ce_id", b""),)


def test_what_was_read_before_its_position_was_known_is_left_out() -> None:
    (batch,) = fold({A: fetched(A, 2), B: fetched(B, 2)}, {B: 2})
    assert {record.partition for record in batch.records} == {1}


def test_a_fetch_of_nothing_folds_to_nothing() -> None:
    assert fold({A: fetched(A, 1)}, {}) == []
    assert fold({}, {}) == []

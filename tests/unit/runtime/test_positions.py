"""Where a worker stands in each partition that it was assigned."""

from pipeline.runtime.batch import Batch
from pipeline.runtime.positions import Positions
from pipeline.wire import Partition, Record

A, B = Partition("inbound.email", 0), Partition("inbound.email", 1)


def batch(positions: Positions, *partitions: Partition) -> Batch:
    records = tuple(Record(*partition, 5, None, b"x", ()) for partition in partitions)
    return Batch(records, {partition: positions.tickets[partition] for partition in partitions})


def placed(*partitions: Partition) -> Positions:
    positions = Positions()
    for partition in partitions:
        positions.place(partition, 5)
    return positions


def test_records_of_the_ticket_that_counts_are_fresh() -> None:
    positions = placed(A, B)
    read = batch(positions, A, B)
    assert positions.fresh(read) == read.records


def test_a_seek_makes_older_records_of_its_partition_stale_and_no_others() -> None:
    positions = placed(A, B)
    read = batch(positions, A, B)
    positions.place(A, 5)
    assert [record.partition for record in positions.fresh(read)] == [1]
    assert positions.stale == 1


def test_records_of_partitions_no_longer_assigned_are_dropped() -> None:
    positions = placed(A, B)
    read = batch(positions, A, B)
    positions.keep_only({B})
    assert [record.partition for record in positions.fresh(read)] == [1]


def test_nothing_read_before_a_rebalance_is_settled_after_it() -> None:
    positions = placed(A)
    read = batch(positions, A)
    positions.suspend()
    positions.place(A, 5)
    assert positions.fresh(read) == ()


def test_records_of_a_stopped_partition_are_dropped() -> None:
    positions = placed(A, B)
    positions.stopped[A] = "the breaker tripped"
    assert [record.partition for record in positions.fresh(batch(positions, A, B))] == [1]


def test_a_position_only_goes_forward_and_only_where_it_is_ours() -> None:
    positions = placed(A)
    positions.advance({A: 9, B: 9})
    positions.advance({A: 7})
    assert positions.next == {A: 9}


def test_a_new_assignment_forgets_what_was_sought() -> None:
    positions = placed(A)
    positions.sought.add(A)
    positions.keep_only({A})
    assert not positions.sought
    assert positions.next == {A: 5}

"""What the runtime may rely on in any offset ledger."""

import pytest
from worlds import World, on_a_new_desk

from pipeline.errors import Stop
from pipeline.store.ports import Position
from pipeline.wire import Bounds, Partition

MAIL = Partition("inbound.email", 0)
MORE_MAIL = Partition("inbound.email", 1)
FORMS = Partition("inbound.web", 0)


async def settle_up_to(world: World, partition: Partition, offset: int) -> None:
    async with world.store.transaction() as tx:
        position = (await tx.lock_positions([partition]))[partition]
        await tx.advance({partition: (offset, offset - position.next)})


@on_a_new_desk
async def test_a_partition_seen_for_the_first_time_begins_at_its_logs_start(world: World) -> None:
    assert await world.ledger.assign("cluster", {MAIL: Bounds(7, 9), FORMS: Bounds(0, 0)}) == {
        MAIL: Position(7),
        FORMS: Position(0),
    }


@on_a_new_desk
async def test_an_assignment_of_nothing_is_nothing(world: World) -> None:
    assert await world.ledger.assign("cluster", {}) == {}


@on_a_new_desk
async def test_a_known_partition_goes_on_where_it_was(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 5)})
    await settle_up_to(world, MAIL, 4)
    assert await world.ledger.assign("cluster", {MAIL: Bounds(2, 9)}) == {MAIL: Position(4)}


@on_a_new_desk
async def test_a_log_that_ends_where_the_ledger_is_has_nothing_new(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 5)})
    await settle_up_to(world, MAIL, 5)
    assert await world.ledger.assign("cluster", {MAIL: Bounds(5, 5)}) == {MAIL: Position(5)}


@on_a_new_desk
async def test_a_log_shorter_than_the_ledger_stops(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 5)})
    await settle_up_to(world, MAIL, 5)
    with pytest.raises(Stop, match=r"log is shorter than the ledger: inbound\.email/0 ends at 4"):
        await world.ledger.assign("cluster", {MAIL: Bounds(0, 4)})


@on_a_new_desk
async def test_another_cluster_stops(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 5)})
    with pytest.raises(Stop, match="belongs to Kafka cluster cluster, this is other"):
        await world.ledger.assign("other", {MAIL: Bounds(0, 5)})


@on_a_new_desk
async def test_records_deleted_before_they_were_settled_stop(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 5)})
    with pytest.raises(Stop, match=r"messages are lost: inbound\.email/0 begins at 3, but 0"):
        await world.ledger.assign("cluster", {MAIL: Bounds(3, 5)})


@on_a_new_desk
async def test_a_gap_is_passed_once(world: World) -> None:
    await world.ledger.assign("cluster", {MAIL: Bounds(0, 9)})
    assert await world.ledger.record_gap(MAIL, expected=0, found=4)
    assert not await world.ledger.record_gap(MAIL, expected=0, found=4), "someone else went on already"
    assert await world.ledger.positions(["inbound.email"]) == {MAIL: Position(4)}


@on_a_new_desk
async def test_a_gap_of_an_unknown_partition_is_none(world: World) -> None:
    assert not await world.ledger.record_gap(MAIL, expected=0, found=4)


@on_a_new_desk
async def test_positions_are_those_of_the_asked_topics(world: World) -> None:
    await world.ledger.assign("cluster", dict.fromkeys((MORE_MAIL, MAIL, FORMS), Bounds(1, 9)))
    assert list(await world.ledger.positions(["inbound.email", "inbound.iot"])) == [MAIL, MORE_MAIL]

"""What intake may rely on in any store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from rows import NOW, a_case, a_contact, a_letter, a_message, an_activity, an_event, email, wanted
from worlds import World, on_a_new_desk

from pipeline.domain.matching import Party, Ref
from pipeline.domain.threading import MAX_LINKS, ThreadLink
from pipeline.errors import Retry
from pipeline.store.ports import Changes, Facts, Position, Store, Strikes
from pipeline.wire import Bounds, Partition

MAIL = Partition("inbound.email", 0)
FORMS = Partition("inbound.web", 3)


T = TypeVar("T")


class _UndoError(Exception):
    """Has a block undone."""


@asynccontextmanager
async def undone(block: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """The block, undone at its end."""
    with suppress(_UndoError):
        async with block as entered:
            yield entered
            raise _UndoError


async def assigned(world: World, *partitions: Partition) -> None:
    await world.ledger.assign("cluster", {partition: Bounds(10, 100) for partition in partitions})


async def write(world: World, **changes: Any) -> None:  # noqa: ANN401  # any of what is written
    async with world.store.transaction() as tx:
        await tx.write(Changes(**changes))


def link(key: str, case: UUID, *, own: bool = False) -> ThreadLink:
    return ThreadLink(key, case, own, contact_id=None)


# ---- positions


@on_a_new_desk
async def test_positions_of_the_asked_partitions_alone_are_locked(world: World) -> None:
    await assigned(world, MAIL, FORMS)
    async with world.store.transaction() as tx:
        assert await tx.lock_positions([MAIL]) == {MAIL: Position(10)}


@on_a_new_desk
async def test_a_partition_that_was_never_assigned_has_no_position(world: World) -> None:
    async with world.store.transaction() as tx:
        assert await tx.lock_positions([MAIL]) == {}


@on_a_new_desk
async def test_advancing_sets_next_and_forgets_how_often_it_was_begun(world: World) -> None:
    await assigned(world, MAIL)
    await world.store.begin([MAIL], alone=False)
    async with world.store.transaction() as tx:
        await tx.lock_positions([MAIL])
        await tx.advance({MAIL: (13, 3)})
    assert await world.ledger.positions(["inbound.email"]) == {MAIL: Position(13)}


@on_a_new_desk
async def test_begin_counts_until_something_is_settled(world: World) -> None:
    await assigned(world, MAIL)
    assert [dict(await world.store.begin([MAIL], alone=False)) for _ in range(3)] == [{MAIL: 1}, {MAIL: 2}, {MAIL: 3}]


@on_a_new_desk
async def test_a_record_begun_alone_counts_from_four(world: World) -> None:
    await assigned(world, MAIL)
    assert await world.store.begin([MAIL], alone=True) == {MAIL: 4}
    assert await world.store.begin([MAIL], alone=True) == {MAIL: 5}


@on_a_new_desk
async def test_what_was_begun_stays_counted_when_the_batch_is_undone(world: World) -> None:
    await assigned(world, MAIL)
    await world.store.begin([MAIL], alone=False)
    async with undone(world.store.transaction()) as tx:
        await tx.advance({MAIL: (11, 1)})
    assert await world.ledger.positions(["inbound.email"]) == {MAIL: Position(10, attempts=1)}


@on_a_new_desk
async def test_a_stopped_partition_says_why(world: World) -> None:
    await assigned(world, MAIL)
    async with world.store.transaction() as tx:
        await tx.stop_partition(MAIL, "a bug of ours")
    async with world.store.transaction() as tx:
        assert (await tx.lock_positions([MAIL]))[MAIL].stopped_reason == "a bug of ours"


# ---- what is known


@on_a_new_desk
async def test_nothing_is_known_on_a_new_desk(world: World) -> None:
    async with world.store.transaction() as tx:
        facts = await tx.read(
            wanted(claim=["<a@x>"], dedupe_keys=["k"], identities=[email("a@x")], domains=["x"], case_numbers=[1001])
        )
    assert not any((facts.links, facts.messages, facts.parties, facts.accounts, facts.case_ids))


@on_a_new_desk
async def test_links_come_own_first_then_by_case(world: World) -> None:
    first, second = sorted(uuid4() for _ in range(2))
    links = [
        link("<a@x>", second),
        link("<a@x>", first),
        link("<a@x>", second, own=True),
        link("<other@x>", first, own=True),
    ]
    await write(world, links=links)
    async with world.store.transaction() as tx:
        facts = await tx.read(wanted(claim=["<a@x>", "<b@x>"]))
    assert facts.links == {"<a@x>": [links[2], links[1], links[0]]}


@on_a_new_desk
async def test_of_very_many_links_of_an_id_the_first_are_answered(world: World) -> None:
    cases = sorted(uuid4() for _ in range(MAX_LINKS + 5))
    await write(world, links=[link("<a@x>", case, own=case == cases[-1]) for case in cases])
    async with undone(world.store.transaction()) as tx:
        found = (await tx.read(wanted(claim=["<a@x>", "<b@x>"]))).links["<a@x>"]
    assert [one.case_id for one in found] == [cases[-1], *cases[: MAX_LINKS - 1]]


@on_a_new_desk
async def test_a_link_written_twice_is_there_once(world: World) -> None:
    mention = link("<a@x>", uuid4())
    await write(world, links=[mention])
    await write(world, links=[mention])
    async with world.store.transaction() as tx:
        assert (await tx.read(wanted(claim=["<a@x>"]))).links == {"<a@x>": [mention]}


@on_a_new_desk
async def test_a_stored_message_is_found_by_its_key_with_the_text_of_its_activity(world: World) -> None:
    case = a_case(1001)
    activity = an_activity(case, "it burns")
    message = a_message("k", case_id=case.id, activity_id=activity.id, body=None)
    aside = a_message("aside", body="sale!", outcome="suppressed")
    unnamed = a_message(None, outcome="duplicate")
    await write(world, opened=[case], activities=[activity], messages=[message, aside, unnamed])
    async with world.store.transaction() as tx:
        found = (await tx.read(wanted(dedupe_keys=["k", "aside", "other"]))).messages
    assert {key: (one.id, one.case_id, one.body) for key, one in found.items()} == {
        "k": (message.id, case.id, "it burns"),
        "aside": (aside.id, None, "sale!"),
    }
    assert found["k"].received_at == NOW


@on_a_new_desk
async def test_an_address_leads_to_its_contact_with_the_account(world: World) -> None:
    acme = await world.add_account("acme", "acme.example")
    contact = a_contact("ana@acme.example", account_id=acme.id)
    async with world.store.transaction() as tx:
        await tx.create_contacts([contact])
    async with world.store.transaction() as tx:
        facts = await tx.read(
            wanted(identities=[email("ana@acme.example"), email("rui@acme.example")], domains=["acme.example"])
        )
    assert facts.accounts == {"acme.example": acme}
    party = facts.parties[email("ana@acme.example")]
    assert (party.contact, party.account, party.by) == (Ref(contact.id, None, "ana"), acme, "identity")
    assert facts.parties.keys() == {email("ana@acme.example")}


@on_a_new_desk
async def test_case_numbers_lead_to_cases(world: World) -> None:
    case = a_case(1001)
    await write(world, opened=[case])
    async with world.store.transaction() as tx:
        assert (await tx.read(wanted(case_numbers=[1001, 1002]))).case_ids == {1001: case.id}


# ---- contacts


@on_a_new_desk
async def test_who_makes_a_contact_second_finds_the_first_ones(world: World) -> None:
    first, second = a_contact("ana@x.example"), a_contact("ana@x.example")
    async with world.store.transaction() as tx:
        made = await tx.create_contacts([first])
    async with world.other.transaction() as tx:
        found = await tx.create_contacts([second])
    assert made[email("ana@x.example")] == found[email("ana@x.example")]
    assert found[email("ana@x.example")].by == "new contact"


@on_a_new_desk
async def test_two_who_make_the_same_contact_at_once_agree(world: World) -> None:
    async def make(store: Store) -> Party:
        async with store.transaction() as tx:
            return (await tx.create_contacts([a_contact("ana@x.example"), a_contact("rui@x.example")]))[
                email("ana@x.example")
            ]

    first, second = await asyncio.gather(make(world.store), make(world.other))
    assert first.contact == second.contact


# ---- cases


@on_a_new_desk
async def test_a_locked_case_is_as_it_was_written(world: World) -> None:
    acme = await world.add_account("acme")
    async with world.store.transaction() as tx:
        party = (await tx.create_contacts([a_contact("ana@x.example")]))[email("ana@x.example")]
        earlier = a_case(1001, state="resolved", status="problem solved")
        case = a_case(1002, contact=party.contact, account=acme, follow_up_of=earlier.id, flags=("variant",))
        await tx.write(Changes(opened=[earlier, case], participants=[(case.id, "b@x"), (case.id, "a@x")]))
    async with world.store.transaction() as tx:
        found = await tx.lock_cases([case.id])
    case.participants = frozenset({"a@x", "b@x"})
    assert found == {case.id: case}


@on_a_new_desk
async def test_a_merged_case_brings_its_survivors(world: World) -> None:
    cases = [a_case(number) for number in (1001, 1002, 1003, 1004)]
    await write(world, opened=cases)
    await world.merge(cases[0].id, into=cases[1].id)
    await world.merge(cases[1].id, into=cases[2].id)
    async with world.store.transaction() as tx:
        found = await tx.lock_cases([cases[0].id])
    assert {case.number for case in found.values()} == {1001, 1002, 1003}


@on_a_new_desk
async def test_a_case_that_is_not_there_is_not_locked(world: World) -> None:
    async with world.store.transaction() as tx:
        assert await tx.lock_cases([uuid4()]) == {}
        assert await tx.lock_cases([]) == {}


@on_a_new_desk
async def test_a_changed_case_keeps_what_never_changes(world: World) -> None:
    case = a_case(1001)
    await write(world, opened=[case])
    changed = a_case(
        1001,
        id=case.id,
        state="resolved",
        status="problem solved",
        priority="high",
        queue="Field",
        resolved_at=NOW + timedelta(hours=1),
        flags=("variant",),
        revision=2,
        event_seq=3,
        title="other",
        product="P100",
        severity="high",
        type="fault",
        entitlement="e1",
        sla="Gold",
        first_response_at=NOW,
        waiting_since=NOW,
        until=NOW,
        escalated=True,
        decrement=False,
        fields={"floor": 3},
        origin="phone",
        opened_at=NOW + timedelta(days=1),
    )
    await write(world, changed=[changed])
    async with world.store.transaction() as tx:
        found = (await tx.lock_cases([case.id]))[case.id]
    changed.origin, changed.opened_at = case.origin, case.opened_at
    assert found == changed


@on_a_new_desk
async def test_a_participant_named_twice_is_one(world: World) -> None:
    case = a_case(1001)
    await write(world, opened=[case], participants=[(case.id, "a@x")])
    await write(world, participants=[(case.id, "a@x")])
    async with world.store.transaction() as tx:
        assert (await tx.lock_cases([case.id]))[case.id].participants == {"a@x"}


@on_a_new_desk
async def test_case_numbers_rise_and_are_never_given_twice(world: World) -> None:
    given: list[int] = []
    async with world.store.transaction() as tx:
        given += await tx.case_numbers(2)
        assert list(await tx.case_numbers(0)) == []
    async with undone(world.store.transaction()) as tx:
        given += await tx.case_numbers(1)
    async with world.other.transaction() as tx:
        given += await tx.case_numbers(2)
    assert given == sorted(set(given))
    assert given[0] == 1001


# ---- events


@on_a_new_desk
async def test_sequences_of_keys_rise_without_holes(world: World) -> None:
    async with world.store.transaction() as tx:
        assert await tx.next_sequences({"/email/a": 2, "/email/b": 1}) == {"/email/a": 1, "/email/b": 1}
    async with undone(world.store.transaction()) as tx:
        await tx.next_sequences({"/email/a": 5})
    async with world.store.transaction() as tx:
        assert await tx.next_sequences({"/email/a": 1}) == {"/email/a": 3}
        assert await tx.next_sequences({}) == {}


@on_a_new_desk
async def test_events_are_kept_in_the_order_of_settlement(world: World) -> None:
    await write(world, events=[an_event(1, "b"), an_event(2, "a")])
    await write(world, events=[an_event(3, "c")])
    assert await world.event_types() == ["b", "a", "c"]


# ---- dead letters


@on_a_new_desk
async def test_strikes_count_unexpected_deaths_within_twenty_and_a_thousand_offsets(world: World) -> None:
    await assigned(world, MAIL)
    letters = [a_letter(offset) for offset in (100, 1080, 1081, 1100)]
    letters += [a_letter(1099, sender="b@x.example"), a_letter(1098, kind="unreadable"), a_letter(1101)]
    async with world.store.transaction() as tx:
        await tx.write(Changes(dead=letters))
        assert await tx.strikes(MAIL, 1100) == Strikes(in_a_row=3, in_the_last_thousand=4, senders=2)


# ---- all or nothing


@on_a_new_desk
async def test_a_transaction_is_undone_when_its_block_raises(world: World) -> None:
    await assigned(world, MAIL)
    case, message = a_case(1001), a_message("k")
    async with undone(world.store.transaction()) as tx:
        await tx.read(wanted(claim=["<a@x>"]))
        await tx.create_contacts([a_contact("ana@x.example")])
        await tx.write(
            Changes(opened=[case], messages=[message], raws=[(message.id, b"raw")], events=[an_event(1, "a")])
        )
        await tx.advance({MAIL: (11, 1)})
    async with world.store.transaction() as tx:
        facts = await tx.read(wanted(dedupe_keys=["k"], identities=[email("ana@x.example")], case_numbers=[1001]))
        assert not any((facts.messages, facts.parties, facts.case_ids))
        assert await tx.lock_positions([MAIL]) == {MAIL: Position(10)}
    assert await world.event_types() == []


@on_a_new_desk
async def test_a_savepoint_is_undone_alone(world: World) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(messages=[a_message("before")]))
        async with undone(tx.savepoint()):
            await tx.write(Changes(messages=[a_message("within")]))
        await tx.write(Changes(messages=[a_message("after")]))
    async with world.store.transaction() as tx:
        found = await tx.read(wanted(dedupe_keys=["before", "within", "after"]))
    assert found.messages.keys() == {"before", "after"}


@on_a_new_desk
async def test_a_key_taken_by_someone_else_asks_to_try_again(world: World) -> None:
    await write(world, messages=[a_message("k")])
    with pytest.raises(Retry):
        await write(world, messages=[a_message("k")])
    await write(world, messages=[a_message("other")])


@on_a_new_desk
async def test_a_conflict_within_a_savepoint_is_no_fault_of_the_record(world: World) -> None:
    await write(world, opened=[a_case(1001)])
    async with world.store.transaction() as tx:
        with pytest.raises(Retry):
            async with tx.savepoint():
                await tx.write(Changes(opened=[a_case(1001)]))
        await tx.write(Changes(messages=[a_message("k")]))


@on_a_new_desk
async def test_whoever_claims_an_id_second_waits_and_sees_what_the_first_wrote(world: World) -> None:
    written = link("<a@x>", uuid4(), own=True)

    async def second() -> Facts:
        async with world.other.transaction() as tx:
            return await tx.read(wanted(claim=["<a@x>"]))

    async with world.store.transaction() as tx:
        await tx.read(wanted(claim=["<a@x>"]))
        waiting = asyncio.ensure_future(second())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await tx.write(Changes(links=[written]))
    assert (await waiting).links == {"<a@x>": [written]}

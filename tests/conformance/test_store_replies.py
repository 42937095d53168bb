"""What answers on platforms may rely on in any store."""

from datetime import timedelta
from uuid import UUID, uuid4

from rows import NOW, a_case, a_contact, a_message, wanted
from worlds import World, on_a_new_desk

from pipeline.domain.cases import Case
from pipeline.domain.matching import Ref
from pipeline.domain.posts import PostTold
from pipeline.store.casework_ports import WorkActivity, WorkChanges, WorkWanted
from pipeline.store.channel_ports import About, ChannelChanges, ChannelFacts, ChannelWanted, ToldActivity
from pipeline.store.ports import Changes, NewMessage
from pipeline.store.reply_ports import AwaitedEcho, NewReply, StoredItem


def an_item(case: Case, minutes: int, **values: object) -> ToldActivity:
    at = NOW + timedelta(minutes=minutes)
    known = {"id": uuid4(), "case_id": case.id, "kind": "social", "direction": "in", "state": "closed", "result": None,
             "subject": "", "body": "Hot", "sender": "x:7", "recipient": None, "agent": None, "contact_id": None,
             "at": at, "told": (PostTold(at=at, text="Hot"),), **values}  # fmt: skip
    return ToldActivity(**known)  # type: ignore[arg-type]  # any of its fields


def told_by(item: ToldActivity, minutes: int = 0) -> NewMessage:
    return a_message(
        str(uuid4()), channel="social", source="/social/x", source_id="501", activity_id=item.id,
        facts={"account": "11"}, received_at=item.at + timedelta(minutes=minutes), body=None,
    )  # fmt: skip


def a_reply(case: Case, **values: object) -> NewReply:
    known = {"id": uuid4(), "case_id": case.id, "source": "/social/x", "platform": "x", "kind": "mention", "lane": "l",
             "item": "501", "conversation": "501", "recipient": "7", "handle": "ana", "visibility": None,
             "body": "Hello", "asked_at": NOW, "places": ("a", "b"), "words": "hello", "created_at": NOW,
             **values}  # fmt: skip
    return NewReply(**known)  # type: ignore[arg-type]  # any of its fields


async def write(world: World, case: Case, items: list[ToldActivity], messages: list[tuple[NewMessage, bytes]]) -> None:
    changes = Changes(
        opened=[case],
        messages=[message for message, _ in messages],
        raws=[(message.id, raw) for message, raw in messages],
        channels=ChannelChanges(activities=items),
    )
    async with world.store.transaction() as tx:
        await tx.write(changes)


async def asked(world: World, case: Case, named: UUID | None = None) -> StoredItem | None:
    async with world.store.transaction() as tx:
        return (await tx.work(WorkWanted(asked={case.id: named}))).asked.get(case.id)


async def replied(world: World, *replies: NewReply) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(work=WorkChanges(replies=list(replies))))


async def read(world: World, **about: object) -> ChannelFacts:
    async with world.store.transaction() as tx:
        return (await tx.read(wanted(channels=ChannelWanted(**about)))).channels  # type: ignore[arg-type]  # any of it


@on_a_new_desk
async def test_the_last_item_that_still_stands_is_asked_as_it_came_first(world: World) -> None:
    case = a_case(1001)
    items = [an_item(case, 0), an_item(case, 1), an_item(case, 2, hidden=True), an_item(case, 3, direction="out")]
    messages = [
        (told_by(one, edit), f"{number} {edit}".encode()) for number, one in enumerate(items) for edit in (0, 1)
    ]
    await write(world, case, items, messages)
    assert await asked(world, case) == StoredItem(items[1].id, "/social/x", {"account": "11"}, b"1 0", items[2].at), (
        "they wrote last what is hidden now"
    )
    first = await asked(world, case, items[0].id)
    assert first is not None
    assert (first.activity, first.raw) == (items[0].id, b"0 0")


@on_a_new_desk
async def test_the_customers_own_item_comes_first_and_anybodys_where_they_wrote_none(world: World) -> None:
    contact = a_contact("ana@x.example")
    async with world.store.transaction() as tx:
        await tx.create_contacts([contact])
    case = a_case(1001, contact=Ref(contact.id, None, "ana"))
    theirs, later = an_item(case, 0, contact_id=contact.id), an_item(case, 1)
    await write(world, case, [theirs, later], [(told_by(theirs), b"1"), (told_by(later), b"2")])
    other = a_case(1002, contact=case.contact)
    anybodys = an_item(other, 2)
    await write(world, other, [anybodys], [(told_by(anybodys), b"3")])
    found = [await asked(world, case), await asked(world, other)]
    assert [one and one.raw for one in found] == [b"1", b"3"]


@on_a_new_desk
async def test_what_is_of_another_case_or_has_no_message_is_not_asked(world: World) -> None:
    case, other = a_case(1001), a_case(1002)
    item, theirs = an_item(case, 0), an_item(other, 1)
    await write(world, case, [item], [])
    await write(world, other, [theirs], [(told_by(theirs), b"{}")])
    assert await asked(world, case) is None
    assert await asked(world, case, theirs.id) is None


@on_a_new_desk
async def test_an_answer_is_awaited_wherever_it_may_come_back(world: World) -> None:
    case = a_case(1001)
    await write(world, case, [], [])
    one, other = a_reply(case), a_reply(case, places=("c",))
    await replied(world, one, other)
    awaited = AwaitedEcho(one.id, case.id, ["a", "b"], "hello", None)
    (found,) = (await read(world, echoes=["b", "z"])).awaited
    assert (found.id, found.case_id, list(found.places), found.words, found.platform_id) == (
        awaited.id, case.id, ["a", "b"], "hello", None,
    )  # fmt: skip
    assert (await read(world, echoes=["z"])).awaited == ()


@on_a_new_desk
async def test_an_answer_that_left_is_known_as_ours_and_says_what_it_says(world: World) -> None:
    case = a_case(1001)
    await write(world, case, [], [])
    answer = WorkActivity(
        id=uuid4(), case_id=case.id, kind="social", direction="out", state="closed", subject="", body="Hello", at=NOW,
        delivery="queued",
    )  # fmt: skip
    async with world.store.transaction() as tx:
        await tx.write(
            Changes(
                work=WorkChanges(activities=[answer]),
                channels=ChannelChanges(about=[About("k", answer.id, answer.id)]),
            )
        )
    known = (await read(world, about=["k"])).activities["k"]
    assert (known.id, known.ours, list(known.told)) == (answer.id, True, [PostTold(at=NOW, text="Hello")])

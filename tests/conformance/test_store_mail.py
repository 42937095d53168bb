"""What any store knows of mail: storms, guesses, acknowledgements, newcomers, bounces."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from rows import NOW, a_case, a_message, an_activity, wanted
from test_store_outbound import MAIL
from worlds import World, on_a_new_desk

from pipeline.domain.matching import Identity
from pipeline.domain.storms import Arrival
from pipeline.domain.threading import ThreadLink
from pipeline.store.casework_ports import Moved, WorkChanges
from pipeline.store.mail_ports import Bounced, MailChanges, MailFacts, MailWanted, Newcomer, Sent
from pipeline.store.ports import Changes, NewActivity, NewContact

HOUR = timedelta(hours=1)


async def write(world: World, **changes: object) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(mail=MailChanges(**changes)))  # type: ignore[arg-type]  # any of its lists


async def known(world: World, **asked: object) -> MailFacts:
    async with world.store.transaction() as tx:
        return (await tx.read(wanted(mail=MailWanted(at=NOW, **asked)))).mail  # type: ignore[arg-type]  # any of them


@on_a_new_desk
async def test_nothing_is_known_on_a_new_desk(world: World) -> None:
    facts = await known(world, ours={"<a@x>"}, likes={"k"}, recipients={"a"}, guessers={"a"}, newcomers=True)
    assert facts == MailFacts(newcomers=[])


@on_a_new_desk
async def test_like_mails_come_back_in_their_order(world: World) -> None:
    arrivals = (Arrival(NOW, "a", uuid4()), Arrival(NOW + HOUR, "b", uuid4(), folded=True))
    await write(world, likes={"k": arrivals})
    assert (await known(world, likes={"k", "other"})).likes == {"k": arrivals}
    await write(world, likes={"k": arrivals[1:]})
    assert (await known(world, likes={"k"})).likes == {"k": arrivals[1:]}


@on_a_new_desk
async def test_references_that_prove_nothing_are_remembered_for_an_hour(world: World) -> None:
    await write(world, misses=[("eva", NOW - 2 * HOUR), ("eva", NOW - HOUR / 2), ("eva", NOW - HOUR / 3), ("ana", NOW)])
    assert (await known(world, guessers={"eva"})).misses == {"eva": [NOW - HOUR / 2, NOW - HOUR / 3]}


@on_a_new_desk
async def test_acknowledgements_of_a_day_are_known_by_address_and_other_mail_is_none(world: World) -> None:
    mails = [
        replace(MAIL, id=uuid4(), case_id=None, message_id="<1@x>", created_at=NOW - 25 * HOUR),
        replace(MAIL, id=uuid4(), case_id=None, message_id="<2@x>", created_at=NOW - 23 * HOUR),
        replace(MAIL, id=uuid4(), case_id=None, message_id="<3@x>", created_at=NOW - HOUR, template="reply"),
        replace(MAIL, id=uuid4(), case_id=None, message_id="<4@x>", created_at=NOW, recipient="eva@other.example"),
    ]  # fmt: skip
    async with world.store.transaction() as tx:
        await tx.write(Changes(outbound=mails))
    facts = await known(world, recipients={MAIL.recipient}, ours={"<3@x>", "<9@x>"})
    assert facts.acknowledged == {MAIL.recipient: [NOW - 23 * HOUR]}
    assert facts.sent == {"<3@x>": Sent(None, MAIL.recipient, "reply")}


@on_a_new_desk
async def test_newcomers_are_known_by_their_text_and_those_of_forms_by_their_time(world: World) -> None:
    first = Newcomer("k", "email", "a@x", NOW - HOUR / 2, uuid4())
    form = Newcomer("k", "web", "b@x", NOW - HOUR / 3, None)
    await write(world, newcomers=[form, first, Newcomer("k", "web", "c@x", NOW - 2 * HOUR, None)])
    assert (await known(world, newcomers=True)).newcomers == [form.at]
    async with world.store.transaction() as tx:
        assert await tx.mail.newcomers({"k", "other"}, NOW - HOUR) == [first, form]


@on_a_new_desk
async def test_an_address_that_bounced_is_marked_if_it_is_anybodys(world: World) -> None:
    async with world.store.transaction() as tx:
        await tx.create_contacts([NewContact(uuid4(), "Ana", Identity("email", "ana@acme.example"), None, NOW)])
    gone = [Bounced(address, NOW, "5.1.1", None) for address in ("ana@acme.example", "nobody@acme.example")]
    await write(world, bounced=gone)
    facts = await known(world, recipients={"ana@acme.example", "nobody@acme.example"})
    assert facts.bounced == frozenset({"ana@acme.example"})


@on_a_new_desk
async def test_what_people_of_ours_did_on_a_case_is_known(world: World) -> None:
    case = a_case(1001)
    made = [
        NewActivity(uuid4(), case.id, kind, direction, "closed", "", "", None, None, NOW + HOUR * place)
        for place, (kind, direction) in enumerate(
            [("email", "in"), ("note", "internal"), ("email", "out"), ("web", "in")]
        )
    ]  # fmt: skip
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case], activities=made))
    async with world.store.transaction() as tx:
        assert await tx.mail.touched([case.id, uuid4()]) == {case.id: NOW + 2 * HOUR}


@on_a_new_desk
async def test_it_is_known_to_whom_we_wrote_on_a_case_as_to_customers(world: World) -> None:
    case, other = a_case(1001), a_case(1002)
    mails = [
        replace(MAIL, id=uuid4(), case_id=case.id, message_id="<1@x>", template="reply", recipient="Ana@acme.example"),
        replace(
            MAIL, id=uuid4(), case_id=case.id, message_id="<2@x>", template="sla_warned", recipient="rui@x.example"
        ),
        replace(MAIL, id=uuid4(), case_id=other.id, message_id="<3@x>", template="reply", recipient="eva@x.example"),
    ]
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case, other], outbound=mails))
    async with world.store.transaction() as tx:
        found = await tx.mail.wrote_to({case.id}, {"ana@acme.example", "rui@x.example", "eva@x.example"})
    assert set(found) == {(case.id, "ana@acme.example")}


@on_a_new_desk
async def test_a_mention_comes_back_with_its_mailbox_and_people(world: World) -> None:
    case = a_case(1001)
    link = ThreadLink("<a@x>", case.id, own=False, contact_id=None, mailbox="support@desk.example", people=("a", "b"))
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[case], links=[link]))
    await write(world)
    async with world.store.transaction() as tx:
        await tx.write(Changes(links=[replace(link, people=("c",))]))
    async with world.store.transaction() as tx:
        assert (await tx.read(wanted(claim=["<a@x>"]))).links == {"<a@x>": [link]}


@on_a_new_desk
async def test_what_a_report_returns_is_an_answer_when_somebody_of_ours_sent_it(world: World) -> None:
    case, other = a_case(1), a_case(2)
    answer = replace(an_activity(case, "Turn it on."), direction="out", recipient="ana@acme.example")
    wrote = an_activity(case, "Help.")
    async with world.store.transaction() as tx:
        await tx.write(
            Changes(
                opened=[case, other],
                activities=[answer, wrote],
                messages=[
                    a_message("1", source_id="<1@x>", case_id=case.id, activity_id=answer.id),
                    a_message("2", source_id="<2@x>", case_id=case.id, activity_id=wrote.id),
                ],
                links=[ThreadLink(one, case.id, own=True, contact_id=None) for one in ("<1@x>", "<2@x>")],
            )
        )
    ids = {"<1@x>", "<2@x>", "<3@x>"}
    assert (await known(world, returned=ids)).answers == {"<1@x>": Sent(case.id, "ana@acme.example", "answer")}
    async with world.store.transaction() as tx:
        await tx.write(Changes(work=WorkChanges(moved=[Moved(answer.id, other.id, carries_links=True)])))
    assert (await known(world, returned=ids)).answers == {"<1@x>": Sent(other.id, "ana@acme.example", "answer")}

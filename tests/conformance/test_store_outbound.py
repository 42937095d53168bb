"""What any store promises of mail that leaves."""

from dataclasses import replace
from uuid import uuid4

from rows import NOW, a_case
from worlds import World, on_a_new_desk

from pipeline.store.outbound_ports import OutboundMail
from pipeline.store.ports import Changes

CASE = a_case(1001)
MAIL = OutboundMail(
    id=uuid4(), case_id=CASE.id, sender="support@desk.example", recipient="ana@acme.example", subject="Thanks",
    template="acknowledgement", message_id="<a@cases.desk.example>", in_reply_to="<m1@acme.example>",
    headers={"Auto-Submitted": "auto-replied"}, body="We have it.", created_at=NOW,
)  # fmt: skip


@on_a_new_desk
async def test_a_mail_is_written_with_what_caused_it(world: World) -> None:
    async with world.store.transaction() as tx:
        await tx.write(Changes(opened=[CASE], outbound=[MAIL]))
    assert await world.outbound() == [MAIL]


@on_a_new_desk
async def test_the_same_mail_is_written_once(world: World) -> None:
    for mail in (MAIL, replace(MAIL, id=uuid4(), body="another")):
        async with world.store.transaction() as tx:
            await tx.write(Changes(outbound=[mail]))
    assert await world.outbound() == [MAIL]


@on_a_new_desk
async def test_mails_leave_in_the_order_in_which_they_were_asked_for(world: World) -> None:
    mails = [replace(MAIL, id=uuid4(), message_id=f"<{number}@x>") for number in (3, 1, 2)]
    async with world.store.transaction() as tx:
        await tx.write(Changes(outbound=mails))
    assert [mail.message_id for mail in await world.outbound()] == ["<3@x>", "<1@x>", "<2@x>"]

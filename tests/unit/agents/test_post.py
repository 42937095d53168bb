"""Mail of ours: its ids, its subject, the headers by which programs know it."""

import asyncio
from uuid import uuid4

from memory_desk import ANA, START, SUPPORT, Desk, mail

from pipeline.agents.batch import Batch
from pipeline.agents.mail.post import Post
from pipeline.agents.rules import compile_rules
from pipeline.domain.cases import Case
from pipeline.store.mail_ports import Reach
from pipeline.store.outbound_ports import NewMail, OutboundMail
from pipeline.store.ports import Facts


def posted(desk: Desk, *mails: NewMail) -> list[OutboundMail]:
    batch = Batch([], Facts({}, {}, {}, {}, {}))
    batch.outbound.extend(mails)

    async def post() -> None:
        async with desk.store.transaction() as tx:
            await Post(compile_rules(desk.config))(batch, tx)

    asyncio.run(post())
    return batch.posted


def a_mail(case: Case | None, to: str = ANA, template: str = "reply", text: str = "Turn it on.") -> NewMail:
    return NewMail(to=to, template=template, subject="Printer", body=text, at=START, case=case)


def test_an_answer_to_what_we_sent_comes_back_to_its_case() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    [sent] = posted(desk, a_mail(case))
    assert desk.tokens.in_ids([sent.message_id]) == [case.number]
    assert desk.tokens.in_subject(sent.subject) == [case.number]
    assert (sent.recipient, sent.sender, sent.case_id) == (ANA, SUPPORT, case.id)
    assert desk.one(mail("b", answers=sent.message_id)).matched_by == "token"


def test_programs_are_told_what_wrote_it() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    templates = ("reply", "acknowledgement", "sla_warned")
    submitted = {mail.template: mail.headers for mail in posted(desk, *(a_mail(case, template=t) for t in templates))}
    assert {template: headers["Auto-Submitted"] for template, headers in submitted.items()} == {
        "reply": "no", "acknowledgement": "auto-replied", "sla_warned": "auto-generated",
    }  # fmt: skip
    suppressed = {template: headers["X-Auto-Response-Suppress"] for template, headers in submitted.items()}
    assert suppressed["acknowledgement"] == suppressed["sla_warned"] == "All"
    assert "NDR" not in suppressed["reply"].split(", ")
    assert all(headers["X-Casestream-Loop"] == "cases.desk.example" for headers in submitted.values())


def test_the_same_mail_has_the_same_id_and_another_one_another() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    first, again, other = posted(desk, a_mail(case), a_mail(case), a_mail(case, text="Did you?"))
    assert first.message_id == again.message_id != other.message_id


def test_a_mail_about_no_case_bears_no_token() -> None:
    [sent] = posted(Desk(), a_mail(None, to="lead@desk.example", template="digest"))
    assert sent.message_id.endswith("@cases.desk.example>")
    assert sent.subject == "Printer"


def test_a_reference_that_stands_in_the_subject_is_not_repeated() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    [first] = posted(desk, a_mail(case))
    asked = NewMail(to=ANA, template="reply", subject=f"Re: {first.subject}", body="", at=START, case=case)
    assert posted(desk, asked)[0].subject == f"Re: {first.subject}"


def test_a_case_opened_by_the_batch_has_its_number_by_then() -> None:
    desk = Desk()
    case = Case(
        id=uuid4(), title="", state="active", status="in progress", priority="normal", origin="email", queue="Support",
        opened_at=START,
    )  # fmt: skip
    batch = Batch([], Facts({}, {}, {}, {}, {}))
    batch.opened[case.id] = case
    batch.outbound.append(a_mail(case))

    async def post() -> None:
        async with desk.store.transaction() as tx:
            await Post(compile_rules(desk.config))(batch, tx)

    asyncio.run(post())
    assert case.number == 1001
    assert desk.tokens.in_ids([batch.posted[0].message_id]) == [1001]


def test_our_own_mail_is_known_again_by_the_table_even_when_it_bears_no_token() -> None:
    desk = Desk()
    [sent] = posted(desk, a_mail(None, to="lead@desk.example", template="storm"))
    assert desk.one(mail("x", message_id=sent.message_id)).outcome == "opened"
    desk.memory.tables.outbound[sent.message_id] = sent
    assert desk.one(mail("y", sender="relay@third.example", message_id=sent.message_id)).outcome == "suppressed"


def test_an_owner_is_written_to_with_a_token_of_their_own_and_a_manager_by_name() -> None:
    desk = Desk('[[queue]]\nname = "Support"\nnotify = "lead@desk.example"\n')
    rui = desk.agent("rui", "rui@desk.example")
    desk.memory.tables.reach[rui.id] = Reach("rui", "rui@desk.example", "eva", "eva@desk.example")
    case = desk.case_with(mail("a"))
    case.owner = rui
    owner, manager = posted(desk, a_mail(case, to="owner", template="sla_warned"), a_mail(case, to="manager"))
    assert (owner.recipient, manager.recipient) == ("rui@desk.example", "eva@desk.example")
    [notice] = desk.tokens.notices_in([owner.message_id])
    assert desk.tokens.is_for(notice, "rui")
    assert not desk.tokens.is_for(notice, "eva")
    case.owner = None
    assert [sent.recipient for sent in posted(desk, a_mail(case, to="owner"))] == ["lead@desk.example"]


def test_a_colleague_who_answers_a_notification_of_somebody_elses_writes_a_note_on_its_case() -> None:
    desk = Desk('[[queue]]\nname = "Support"\nnotify = "lead@desk.example"\n')
    rui = desk.agent("rui", "rui@desk.example")
    desk.agent("eva", "eva@desk.example")
    desk.memory.tables.reach[rui.id] = Reach("rui", "rui@desk.example", None, None)
    case = desk.case_with(mail("a"))
    case.owner = rui
    [notice] = posted(desk, a_mail(case, to="owner", template="sla_warned"))
    desk.memory.tables.outbound[notice.message_id] = notice
    desk.auth = "dmarc=pass"
    answer = desk.one(mail("b", sender="eva@desk.example", answers=notice.message_id, text="I take it."))
    assert (answer.outcome, answer.case, answer.matched_by) == ("appended", case.number, "message_id")
    assert {one.kind for one in desk.memory.tables.activities.values()} == {"email", "note"}


def test_a_stranger_who_knows_a_notification_gains_nothing_by_it() -> None:
    desk = Desk()
    case = desk.case_with(mail("a"))
    [notice] = posted(desk, a_mail(case, to="lead@desk.example", template="sla_warned"))
    desk.memory.tables.outbound[notice.message_id] = notice
    stranger = desk.one(mail("b", sender="eve@evil.example", answers=notice.message_id))
    assert (stranger.outcome, stranger.flags) == ("opened", ())
    assert desk.case(stranger).linked_to == case.id

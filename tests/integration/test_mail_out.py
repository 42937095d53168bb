"""Mail leaves the desk: worded, signed, once; and what becomes of it is told on its case."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
from desk import HOUR
from mime_lint import faults
from posting import (
    ACKNOWLEDGING,
    ANA,
    DAY,
    MINUTE,
    NOW,
    PostingDesk,
    a_mail,
    on_a_desk,
    opened,
    read,
    replied,
    text_of,
    verb,
)
from smtp_sink import Sink

from pipeline import app
from pipeline.api.app import create_app
from pipeline.dispatch.mail.unsubscribing import ONE_CLICK
from pipeline.domain.orders import Reply, SetField
from pipeline.store.outbound_ports import NewMail

pytestmark = pytest.mark.integration


@on_a_desk()
async def test_an_answer_leaves_once_and_its_case_tells(desk: PostingDesk) -> None:
    desk.add_agent("rui", "rui@desk.example")
    number = await replied(desk)
    assert await desk.send(NOW) == 1
    assert await desk.send(NOW + DAY) == 0
    [raw] = desk.sent
    assert faults(raw) == []
    message = read(raw)
    assert str(message["From"]) == '"Rui (Casestream)" <support@desk.example>'
    assert message["To"] == ANA
    assert message["In-Reply-To"] == message["References"] == "<m1@client.example>"
    assert message["Auto-Submitted"] == "no"
    assert message["Subject"].endswith("Re: About m1")
    assert text_of(raw).startswith("Turn it on.\n\nRui\nCasestream\n\nOn 2026-03-02 09:00 UTC, Ana wrote:\n> It does")
    assert desk.letters()[0]["state"] == "sent"
    assert desk.events(number)[-1] == "delivery.sent"
    [activity] = desk.rows("SELECT delivery FROM activity WHERE direction = 'out'")
    assert activity["delivery"] == "sent"


@on_a_desk()
async def test_the_second_answer_names_the_whole_conversation(desk: PostingDesk) -> None:
    number = await replied(desk)
    await desk.send(NOW)
    first = read(desk.sent[0])["Message-ID"]
    headers = f"In-Reply-To: {first}\r\nReferences: <m1@client.example> {first}"
    await desk.receive(a_mail("m2", headers=headers), at=NOW)
    await desk.do(number, Reply(text="And now?"), at=NOW + MINUTE)
    await desk.send(NOW + MINUTE)
    assert read(desk.sent[1])["References"].split() == ["<m1@client.example>", first, "<m2@client.example>"]


@on_a_desk()
async def test_an_acknowledgement_goes_out_under_the_null_sender(desk: PostingDesk) -> None:
    became = await desk.receive(a_mail("m1").replace(b"To: support@", b"To: sales@"), to="sales@desk.example")
    assert became["outcome"] == "opened"
    assert await desk.send(NOW) == 1
    [mail] = desk.doors[0].mails.values()
    assert mail.sender == ""
    assert read(mail.raw)["Auto-Submitted"] == "auto-replied"
    assert faults(mail.raw) == []


@on_a_desk(f"{ACKNOWLEDGING}plus_addresses = true\n")
async def test_where_plus_addresses_are_delivered_bounces_and_answers_carry_their_case(desk: PostingDesk) -> None:
    number = await replied(desk)
    await desk.send(NOW)
    [mail] = desk.doors[0].mails.values()
    assert mail.sender == f"support+{desk.rules.tokens.plus(number)}@desk.example"
    assert read(mail.raw)["Reply-To"] == mail.sender
    assert faults(mail.raw) == []
    assert desk.rules.tokens.in_addresses([mail.sender]) == [number]


@on_a_desk()
async def test_the_customers_language_then_that_of_their_mail_then_the_desks(desk: PostingDesk) -> None:
    await opened(desk, "m1", headers="Content-Language: de-DE")
    await opened(desk, "m2", sender="joao@other.example", headers="Accept-Language: pt-PT, en-US")
    await opened(desk, "m3", sender="eva@third.example")
    desk.change("UPDATE contact SET fields = '{\"language\": \"fr\"}' FROM identity "
                "WHERE identity.contact_id = contact.id AND value = 'eva@third.example'")  # fmt: skip
    for number in (1001, 1002, 1003):
        await desk.do(number, Reply(text="Hello."))
    await desk.send(NOW)
    assert [read(raw)["Content-Language"] for raw in desk.sent] == ["de", "pt", "fr"]
    assert "schrieb Ana:" in text_of(desk.sent[0])


@on_a_desk()
async def test_nobody_who_is_on_the_list_by_hand_gets_mail(desk: PostingDesk) -> None:
    assert (await verb(desk, "add", ANA.upper(), "--reason", "asked us to")).exit_code == 0
    assert (await verb(desk, "add", "nobody at all")).exit_code == 1
    await replied(desk)
    await desk.send(NOW)
    assert desk.letters()[0]["state"] == "dropped"
    [listed] = (await verb(desk, "list", "--json")).stdout.splitlines()
    assert (orjson.loads(listed)["address"], orjson.loads(listed)["reason"]) == (ANA, "asked us to")
    assert (await verb(desk, "list", ANA)).exit_code == 0
    assert (await verb(desk, "remove", ANA)).exit_code == 0
    assert (await verb(desk, "remove", ANA)).exit_code == 1
    assert (await verb(desk, "list", ANA)).exit_code == 1


@on_a_desk()
async def test_an_acknowledgement_is_not_worth_sending_a_day_later(desk: PostingDesk) -> None:
    await desk.receive(a_mail("m1").replace(b"To: support@", b"To: sales@"), to="sales@desk.example")
    await desk.send(NOW + DAY)
    assert desk.handed == 0
    [letter] = desk.letters()
    assert (letter["state"], letter["reason"]) == ("dropped", "it waited too long to be worth sending")


@on_a_desk()
async def test_the_limits_of_acknowledgements_hold_when_they_leave(desk: PostingDesk) -> None:
    for hour, word in enumerate(["paper", "toner", "noise", "light", "smell", "smoke"]):
        raw = a_mail(word, text=f"There is something with the {word}.").replace(b"To: support@", b"To: sales@")
        await desk.receive(raw, to="sales@desk.example", at=HOUR + hour * timedelta(minutes=25))
    many = len(desk.letters())
    assert many > 3
    late = HOUR + timedelta(hours=12)
    await desk.send(late)
    assert desk.handed == 3
    await desk.send(late + timedelta(hours=1))
    assert desk.handed == many


@on_a_desk(f"{ACKNOWLEDGING}per_domain_a_minute = 2\n")
async def test_no_domain_gets_more_in_a_minute_than_is_allowed(desk: PostingDesk) -> None:
    for number in range(5):
        await desk.do(await opened(desk, f"m{number}", sender=f"p{number}@client.example"), Reply(text="Hello."))
    await desk.do(await opened(desk, "other", sender="x@other.example"), Reply(text="Hello."))
    assert await desk.send(NOW) == 3
    assert await desk.send(NOW + MINUTE - timedelta(seconds=1)) == 0
    assert await desk.send(NOW + MINUTE + timedelta(seconds=1)) == 2
    assert await desk.send(NOW + 3 * MINUTE) == 1


@on_a_desk(f'{ACKNOWLEDGING}[templates]\npath = "FOLDER/templates"\n')
async def test_a_template_that_fails_costs_its_words_and_rings_an_alarm(desk: PostingDesk) -> None:
    (desk.desk.folder / "templates" / "reply.txt").write_text("Subject: {{ nonsense }}\n\nx")
    await replied(desk)
    await desk.send(NOW)
    assert text_of(desk.sent[0]).startswith("Turn it on.")
    assert desk.way.departures.failed["template"] == 1
    checked = desk.desk.casestream("check", "--config", str(desk.desk.folder / "casestream.toml"))
    assert checked.returncode == 2
    assert f"{desk.desk.folder / 'templates' / 'reply.txt'}:1: reply knows no nonsense" in checked.stderr


@on_a_desk(f'{ACKNOWLEDGING}[templates]\npath = "FOLDER/templates"\n')
async def test_the_desks_own_words_are_sent(desk: PostingDesk) -> None:
    (desk.desk.folder / "templates" / "reply.txt").write_text(
        "Subject: {{ subject }}!\n\n{{ text }} ({{ contact.name }})"
    )
    await replied(desk)
    await desk.send(NOW)
    assert text_of(desk.sent[0]) == "Turn it on. (Ana)\n"
    assert str(read(desk.sent[0])["Subject"]).endswith("Re: About m1!")


@on_a_desk()
async def test_a_promise_at_risk_is_told_in_the_desks_language(desk: PostingDesk) -> None:
    number = await opened(desk)
    await desk.do(number, SetField("priority", "high"))
    desk.change(
        "INSERT INTO outbound (id, case_id, sender, recipient, subject, template, message_id, headers, body, "
        "created_at, data) SELECT gen_random_uuid(), id, 'support@desk.example', 'lead@desk.example', 's', "
        "'sla_warned', "
        "'<x@desk.example>', '{}', 'b', %s, "
        '\'{"kpi": "first_response", "sla": "Gold", "title": "Printer", '
        '"deadline": "2026-03-02T11:00:00+01:00"}\' FROM cases',
        HOUR,
    )
    await desk.send(NOW)
    assert "first_response is at risk: Printer" in str(read(desk.sent[0])["Subject"])
    assert "Deadline: 2026-03-02 10:00 UTC" in text_of(desk.sent[0])


def test_the_process_for_what_leaves_sends_what_agents_write(tmp_path: Path, new_database: Callable[[], str]) -> None:
    async def story() -> None:
        sink = Sink()
        smarthost = f'[mail]\nsmarthost = "smtp://127.0.0.1:{sink.port}"\nstarttls = "never"\n'
        desk = PostingDesk(tmp_path / "desk", new_database(), more=smarthost)
        dispatch = asyncio.create_task(app.build_dispatch(desk.desk.config, lambda: None).run())
        try:
            for number in range(20):
                name = f"p{number}@client.example"
                became = await desk.receive(a_mail(f"m{number}", sender=name), at=datetime.now(UTC), by=name)
                await desk.do(became["number"], Reply(text=f"Hello {number}."), at=datetime.now(UTC))
            async with asyncio.timeout(20):
                while {letter["state"] for letter in desk.letters()} != {"sent"}:
                    await asyncio.sleep(0.05)
                    assert not dispatch.done()
            assert len(sink.took) == 20
            assert sink.connections <= 2
            assert not [fault for took in sink.took for fault in faults(took.raw)]
        finally:
            dispatch.cancel()
            await asyncio.gather(dispatch, return_exceptions=True)
            await desk.close()
            sink.stop()

    asyncio.run(story())


@on_a_desk(f'{ACKNOWLEDGING}[http]\nurl = "https://desk.example"\n')
async def test_who_wants_no_more_reminders_gets_none_and_is_answered_still(desk: PostingDesk) -> None:
    number = await opened(desk)
    case = await desk.case(number)
    for at in (HOUR, HOUR + DAY):
        await desk.post(NewMail(to=ANA, template="waiting_reminder", subject="s", body="b", at=at, case=case))
    await desk.send(NOW, until_nothing_is_due=False)
    raw = desk.sent[0]
    assert faults(raw) == []
    link = str(read(raw)["List-Unsubscribe"]).strip("<>")
    assert link.startswith("https://desk.example/unsubscribe/")
    assert read(raw)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"No more reminders: {link}" in text_of(raw)
    transport = httpx.ASGITransport(create_app([app.build_unsubscribing(desk.desk.config)]))
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.post(link, content=ONE_CLICK)).status_code == 200
    await desk.post(NewMail(to=ANA, template="waiting_reminder", subject="s", body="c", at=NOW, case=case))
    await desk.do(number, Reply(text="Here you are."), at=NOW)
    await desk.send(NOW + MINUTE)
    assert [(letter["template"], letter["state"]) for letter in desk.letters()][2:] == [
        ("waiting_reminder", "dropped"), ("reply", "sent"),
    ]  # fmt: skip
    assert "List-Unsubscribe" not in read(desk.sent[-1])

"""Mail leaves the desk: worded, signed, once; and what becomes of it is told on its case."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import Result
from desk import HOUR
from mail_clients import outlook
from mime_lint import faults
from posting import ANA, DAY, MINUTE, SUPPORT, PostingDesk, a_mail, read, text_of
from running import RunningPostgres
from smtp_sink import Sink
from typer.testing import CliRunner

from pipeline import app
from pipeline.api.app import create_app
from pipeline.cli import app as cli
from pipeline.dispatch.mail.door import Answer, Away, Later, Mail, Refused, Unknown
from pipeline.dispatch.mail.memory import MemoryDoor
from pipeline.dispatch.mail.signing import SigningKey
from pipeline.dispatch.mail.unsubscribing import ONE_CLICK
from pipeline.domain.orders import Assign, Reply, SetField
from pipeline.store.outbound_ports import NewMail

pytestmark = pytest.mark.integration

ACKNOWLEDGING = 'acknowledge = true\n[[mailbox]]\naddress = "lead@desk.example"\n[mail]\nconnections = 1\n'
NOW = HOUR + MINUTE

Story = Callable[[PostingDesk], Awaitable[None]]


def on_a_desk(more: str = ACKNOWLEDGING) -> Callable[[Story], Callable[[Path, Callable[[], str]], None]]:
    """Run a test that awaits on a desk of its own, whose `sales` mailbox is continued by `more`."""

    def decorate(story: Story) -> Callable[[Path, Callable[[], str]], None]:
        @wraps(story)
        def run(tmp_path: Path, new_database: Callable[[], str]) -> None:
            async def whole() -> None:
                desk = PostingDesk(tmp_path / "desk", new_database(), more=more)
                try:
                    await story(desk)
                finally:
                    await desk.close()

            asyncio.run(whole())

        del run.__wrapped__  # type: ignore[attr-defined]  # pytest would look for the fixtures of the story
        return run

    return decorate


async def opened(desk: PostingDesk, name: str = "m1", sender: str = ANA, **settings: str) -> int:
    """A case that a mail opened."""
    became = await desk.receive(a_mail(name, sender=sender, **settings))
    assert became["outcome"] == "opened", became["reason"]
    number: int = became["number"]
    return number


async def replied(desk: PostingDesk, text: str = "Turn it on.") -> int:
    """A case whose customer was answered."""
    number = await opened(desk)
    await desk.do(number, Reply(text=text), by="rui")
    return number


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
async def test_what_is_not_taken_now_is_tried_again_and_given_up_after_three_days(desk: PostingDesk) -> None:
    number = await replied(desk)
    desk.doors[0].answers.extend([Later("451 4.3.0 busy")] * 1000)
    at, due, tries = NOW, NOW, 0
    while desk.letters()[0]["state"] == "queued":
        at = max(at + timedelta(seconds=1), due)
        tries += await desk.send(at, until_nothing_is_due=False)
        due = desk.letters()[0]["due_at"]
    assert 70 < tries < 150
    assert timedelta(days=3) <= at - NOW < timedelta(days=3, minutes=1)
    [letter] = desk.letters()
    assert letter["state"] == "failed"
    assert letter["reason"].endswith("tries: 451 4.3.0 busy")
    assert desk.events(number)[-1] == "delivery.failed"
    assert not desk.rows("SELECT * FROM suppression")


@on_a_desk()
async def test_an_address_that_nobody_has_is_written_to_no_more(desk: PostingDesk) -> None:
    number = await replied(desk)
    desk.doors[0].answers.append(Refused("550 5.1.1 no such user", unreachable=True))
    await desk.send(NOW)
    assert desk.events(number)[-1] == "delivery.failed"
    [activity] = desk.rows("SELECT delivery, delivery_reason FROM activity WHERE direction = 'out'")
    assert activity == {"delivery": "failed", "delivery_reason": "550 5.1.1 no such user"}
    [case] = desk.rows("SELECT flags, first_response_at FROM cases")
    assert case["first_response_at"] is None
    assert case["flags"]
    assert desk.rows("SELECT bounced_at FROM identity WHERE value = %s", ANA) == [{"bounced_at": NOW}]
    await desk.do(number, Reply(text="Did you get that?"), at=NOW + MINUTE)
    await desk.send(NOW + MINUTE)
    assert desk.letters()[1]["state"] == "dropped"
    assert "550 5.1.1 no such user" in desk.letters()[1]["reason"]
    assert desk.handed == 1


@on_a_desk()
async def test_who_writes_after_their_mail_came_back_is_answered(desk: PostingDesk) -> None:
    number = await replied(desk)
    desk.doors[0].answers.append(Refused("550 5.1.1 no such user", unreachable=True))
    await desk.send(NOW)
    await desk.receive(a_mail("m2", headers="In-Reply-To: <m1@client.example>"), at=NOW + DAY)
    await desk.do(number, Reply(text="There you are."), at=NOW + DAY + MINUTE)
    await desk.send(NOW + DAY + MINUTE)
    assert [letter["state"] for letter in desk.letters()] == ["failed", "sent"]


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


async def verb(desk: PostingDesk, *words: str, group: str = "suppression") -> Result:
    """Run a verb of the list, or of another group."""
    command = [group, *words, "--data", str(desk.desk.folder)]
    return await asyncio.to_thread(CliRunner().invoke, cli, command)


@on_a_desk()
async def test_after_an_unknown_result_it_is_the_same_mail_again(desk: PostingDesk) -> None:
    await replied(desk)
    desk.doors[0].answers.append(Unknown("lost"))
    await desk.send(NOW)
    assert (desk.letters()[0]["state"], desk.letters()[0]["unsure"]) == ("queued", 1)
    first = dict(desk.doors[0].mails)
    await desk.send(NOW + DAY)
    assert desk.doors[0].mails == first
    assert desk.handed == 2
    assert desk.letters()[0]["state"] == "sent"


@on_a_desk()
async def test_while_nobody_takes_mail_nothing_is_held_against_it(desk: PostingDesk) -> None:
    await replied(desk)
    desk.doors[0].answers.extend([Away("refused")] * 6)
    at = NOW
    while desk.letters()[0]["state"] == "queued":
        await desk.send(at, until_nothing_is_due=False)
        at += DAY
    [letter] = desk.letters()
    assert (letter["state"], letter["attempts"]) == ("sent", 1)
    assert at - NOW == 7 * DAY
    assert desk.way.departures.failed["away"] == 6


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


@on_a_desk()
async def test_a_sender_that_died_over_a_mail_leaves_it_to_the_next(desk: PostingDesk) -> None:
    await replied(desk)
    await desk.way.look(NOW)
    [args] = desk.take_jobs()
    desk.change("UPDATE outbound SET state = 'sending', attempts = 1, first_at = %s", NOW)
    await desk.way.work(args, NOW)
    [letter] = desk.letters()
    assert (letter["state"], letter["unsure"]) == ("sent", 1)
    await desk.way.work(args, NOW)
    assert desk.handed == 1


@on_a_desk()
async def test_a_job_that_is_lost_is_queued_again(desk: PostingDesk) -> None:
    await replied(desk)
    await desk.way.look(NOW)
    assert len(desk.take_jobs()) == 1
    assert await desk.send(NOW + MINUTE) == 0
    assert await desk.send(NOW + timedelta(hours=1, minutes=1)) == 1


@on_a_desk()
async def test_a_recipient_that_is_none_fails_with_the_reason(desk: PostingDesk) -> None:
    await replied(desk)
    desk.change("UPDATE outbound SET recipient = 'nobody at all'")
    await desk.send(NOW)
    assert "is no mail address" in desk.letters()[0]["reason"]


@on_a_desk()
async def test_a_bounce_comes_back_to_the_case_and_marks_the_address(desk: PostingDesk) -> None:
    number = await replied(desk)
    await desk.send(NOW)
    became = await desk.receive(_bounce(desk.sent[0]), at=NOW + MINUTE)
    assert (became["outcome"], became["number"]) == ("appended", number)
    assert desk.letters()[0]["state"] == "bounced"
    [row] = desk.rows("SELECT source FROM suppression WHERE address = %s", ANA)
    assert row["source"] == "bounce"
    [activity] = desk.rows("SELECT delivery FROM activity WHERE direction = 'out'")
    assert activity["delivery"] == "failed"


def _bounce(raw: bytes) -> bytes:
    """A report of an MTA about a mail of ours, as Postfix writes it."""
    head = raw.partition(b"\r\n\r\n")[0].decode()
    return (
        f"From: MAILER-DAEMON@mx.client.example\r\nTo: {SUPPORT}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Message-ID: <dsn1@mx.client.example>\r\nDate: Mon, 02 Mar 2026 09:02:00 +0000\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.client.example\r\n\r\n"
        f"Final-Recipient: rfc822; {ANA}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{head}\r\n\r\n--b--\r\n"
    ).encode()


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


@on_a_desk()
async def test_who_answered_a_notification_and_was_passed_on_in_vain_has_not_answered(desk: PostingDesk) -> None:
    desk.add_agent("rui", "rui@desk.example")
    number = await opened(desk)
    await desk.do(number, Assign("rui"))
    case = await desk.case(number)
    await desk.post(NewMail(to="owner", template="on_hold_message", subject="s", body="b", at=HOUR, case=case))
    await desk.send(NOW)
    raw = outlook(read(desk.sent[0]), "It is on its way.", "<from-rui@desk.example>")
    await desk.receive(raw, at=NOW, auth="dmarc=pass", by="rui@desk.example")
    [answered] = desk.rows("SELECT first_response_at FROM cases")
    assert answered["first_response_at"] == NOW
    desk.doors[0].answers.append(Refused("550 5.1.1 no such user", unreachable=True))
    await desk.send(NOW + MINUTE)
    [taken_back] = desk.rows("SELECT first_response_at FROM cases")
    assert taken_back["first_response_at"] is None


@on_a_desk()
async def test_what_failed_for_a_wrong_setting_is_sent_anew(desk: PostingDesk) -> None:
    number = await replied(desk)
    desk.doors[0].answers.append(Refused("554 5.7.1 relay access denied"))
    await desk.send(NOW)
    [case] = desk.rows("SELECT first_response_at FROM cases")
    assert case["first_response_at"] is None
    [listed] = (await verb(desk, "list", "--json", group="outbound")).stdout.splitlines()
    assert (orjson.loads(listed)["reason"], orjson.loads(listed)["case"]) == ("554 5.7.1 relay access denied", number)
    assert (await verb(desk, "retry", group="outbound")).exit_code == 1
    assert (await verb(desk, "retry", "--failed-since", "yesterday", group="outbound")).exit_code == 1
    assert (await verb(desk, "retry", "--failed-since", "2026-03-02T08:00", group="outbound")).exit_code == 0
    await desk.send(NOW + MINUTE)
    assert desk.events(number)[-2:] == ["delivery.failed", "delivery.sent"]
    [case] = desk.rows("SELECT first_response_at FROM cases")
    assert case["first_response_at"] == NOW + MINUTE
    [letter] = desk.letters()
    assert letter["state"] == "sent"
    again = await verb(desk, "retry", str(letter["id"])[:12], group="outbound")
    assert (again.exit_code, again.stdout.split()[-2:]) == (1, ["left", "alone"])
    assert (await verb(desk, "retry", "nothing", group="outbound")).exit_code == 1
    assert (await verb(desk, "list", "--state", "sent", group="outbound")).stdout.startswith(str(letter["id"]))


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


class _Outage(MemoryDoor):
    """While it takes a mail, PostgreSQL goes away for a while."""

    def __init__(self, server: RunningPostgres) -> None:
        super().__init__()
        self._server = server
        self.back = asyncio.Event()

    async def send(self, mail: Mail) -> Answer:
        """Take it, with nobody there to write that down."""
        answer = await super().send(mail)
        self._server.kill()
        asyncio.get_running_loop().call_later(0.5, self._come_back)
        return answer

    def _come_back(self) -> None:
        self._server.start()
        self.back.set()


def test_while_postgresql_is_away_it_is_remembered_what_left(
    tmp_path: Path, migrated: str, postgres_server: RunningPostgres
) -> None:
    async def story() -> None:
        desk = PostingDesk(tmp_path / "desk", migrated, more=ACKNOWLEDGING)
        door = _Outage(postgres_server)
        desk.way = app.build_mail(desk.desk.config, lambda _: door)
        try:
            await replied(desk)
            await desk.way.look(NOW)
            [args] = desk.take_jobs()
            await desk.way.work(args, NOW)
            assert door.back.is_set()
            [letter] = desk.letters()
            assert (letter["state"], letter["unsure"], door.handed) == ("sent", 0, 1)
        finally:
            await desk.close()

    asyncio.run(story())


class _Slow(MemoryDoor):
    """Takes its time over a mail."""

    def __init__(self) -> None:
        super().__init__()
        self.has_it, self.goes_on = asyncio.Event(), asyncio.Event()

    async def send(self, mail: Mail) -> Answer:
        """Answer when the test says so."""
        self.has_it.set()
        await self.goes_on.wait()
        return await super().send(mail)


@on_a_desk()
async def test_who_is_stopped_over_a_mail_ends_it_first(desk: PostingDesk) -> None:
    door = _Slow()
    way = app.build_mail(desk.desk.config, lambda _: door)
    await replied(desk)
    await way.look(NOW)
    [args] = desk.take_jobs()
    working = asyncio.create_task(way.work(args, NOW))
    await door.has_it.wait()
    working.cancel()
    door.goes_on.set()
    await asyncio.gather(working, return_exceptions=True)
    await way.close()
    [letter] = desk.letters()
    assert (letter["state"], letter["unsure"], door.handed) == ("sent", 0, 1)


@on_a_desk()
async def test_a_mail_that_cannot_be_made_holds_up_no_other(desk: PostingDesk) -> None:
    number = await replied(desk)
    right = desk.way._composer
    desk.way._composer = replace(right, keys=[SigningKey("desk.example", "s", b"no key")])
    await desk.send(NOW, until_nothing_is_due=False)
    [letter] = desk.letters()
    assert letter["state"] == "queued"
    assert letter["reason"].startswith("it cannot be made: ")
    desk.way._composer = right
    await desk.do(number, Reply(text="And?"), at=NOW)
    await desk.send(NOW + DAY)
    assert [letter["state"] for letter in desk.letters()] == ["sent", "sent"]

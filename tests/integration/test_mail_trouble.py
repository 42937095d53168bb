"""Mail that does not leave at once, or not at all: what is tried again, what is told, what is never doubled."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from desk import HOUR
from mail_clients import outlook
from posting import (
    ACKNOWLEDGING,
    ANA,
    DAY,
    MINUTE,
    NOW,
    SUPPORT,
    PostingDesk,
    a_mail,
    on_a_desk,
    opened,
    read,
    replied,
    verb,
)
from running import RunningPostgres

from pipeline import app
from pipeline.dispatch.mail.door import Answer, Away, Later, Mail, Refused, Unknown, judge
from pipeline.dispatch.mail.memory import MemoryDoor
from pipeline.dispatch.mail.signing import SigningKey
from pipeline.domain.orders import Assign, Reply
from pipeline.store.letters import list_suppressed, suppress, unsuppress
from pipeline.store.migrate import migrate
from pipeline.store.outbound_ports import NewMail

pytestmark = pytest.mark.integration


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
async def test_a_mail_that_waited_for_days_for_a_server_has_its_three_days_still(desk: PostingDesk) -> None:
    await replied(desk)
    desk.doors[0].answers.extend([Away("refused"), Later("451 4.7.1 greylisted")])
    for days in (0, 4, 5):
        await desk.send(NOW + days * DAY, until_nothing_is_due=False)
    assert desk.letters()[0]["state"] == "sent"


@on_a_desk()
async def test_who_cannot_be_reached_gets_nothing_though_they_left_the_reminders(desk: PostingDesk) -> None:
    await suppress(desk.dsn, ANA, "550 5.1.1", NOW, "bounce")
    await suppress(desk.dsn, ANA, "one click", NOW, "unsubscribed")
    await replied(desk)
    await desk.send(NOW)
    assert [letter["state"] for letter in desk.letters()] == ["dropped"]
    assert [one.source for one in await list_suppressed(desk.dsn, ANA)] == ["bounce", "unsubscribed"]
    await unsuppress(desk.dsn, ANA)
    await suppress(desk.dsn, ANA, "one click", NOW, "unsubscribed")
    await desk.do(1001, Reply(text="Again."), at=NOW)
    await desk.send(NOW)
    assert [letter["state"] for letter in desk.letters()] == ["dropped", "sent"]


@on_a_desk()
async def test_what_was_queued_before_mail_was_sent_does_not_leave_after_an_upgrade(desk: PostingDesk) -> None:
    await replied(desk)
    await replied_by_another(desk)
    await migrate(desk.dsn, 24)
    desk.change("UPDATE schema_migration SET at = %s WHERE version = 21", HOUR)
    desk.change("UPDATE outbound SET created_at = %s WHERE recipient = %s", HOUR - 300 * DAY, ANA)
    await migrate(desk.dsn)
    await desk.send(NOW)
    assert [(one["recipient"], one["state"]) for one in desk.letters()] == [
        (ANA, "dropped"),
        ("eva@other.example", "sent"),
    ]
    assert "before this desk sent mail" in desk.letters()[0]["reason"]


async def replied_by_another(desk: PostingDesk) -> None:
    number = await opened(desk, "m2", "eva@other.example")
    await desk.do(number, Reply(text="Hi"), by="rui")


class _Poisoned(MemoryDoor):
    """Ends the session over some recipients."""

    async def send(self, mail: Mail) -> Answer:
        """Take it from all others."""
        if mail.recipient.startswith("poison"):
            self.handed += 1
            return judge(421, "4.7.0 too many unknown recipients", "recipient")
        return await super().send(mail)


@on_a_desk()
async def test_recipients_over_whom_the_session_ends_hold_up_no_other(desk: PostingDesk) -> None:
    desk.way = app.build_mail(desk.desk.config, lambda _: _Poisoned())
    for place, sender in enumerate(["poison1@bad.example", "poison2@bad.example", ANA, "eva@other.example"]):
        number = await opened(desk, f"m{place}", sender)
        await desk.do(number, Reply(text="Hi"), by="rui")
    await desk.send(NOW, until_nothing_is_due=False)
    became = [(one["state"], one["attempts"]) for one in desk.letters()]
    assert became == [("queued", 1), ("queued", 1), ("sent", 1), ("sent", 1)]
    await desk.send(NOW + 4 * DAY)
    assert [one["state"] for one in desk.letters()] == ["failed", "failed", "sent", "sent"]


@on_a_desk()
async def test_what_waits_for_a_server_comes_in_an_order_of_chance(desk: PostingDesk) -> None:
    for place in range(4):
        number = await opened(desk, f"m{place}", f"c{place}@client.example")
        await desk.do(number, Reply(text="Hi"), by="rui")
    desk.doors[0].answers.append(Away("refused"))
    await desk.send(NOW, until_nothing_is_due=False)
    assert len({one["due_at"] for one in desk.letters()}) == 4


@on_a_desk()
async def test_a_refusal_that_is_not_utf_8_fails_the_mail(desk: PostingDesk) -> None:
    await replied(desk)
    desk.doors[0].answers.append(Refused("550 5.7.1 Empf\udce4nger\0"))
    await desk.send(NOW)
    assert (desk.letters()[0]["state"], desk.letters()[0]["reason"]) == ("failed", "550 5.7.1 Empf?nger")


class _Broken(MemoryDoor):
    """Fails in a way that nobody thought of."""

    async def send(self, mail: Mail) -> Answer:
        """Raise."""
        self.handed += 1
        raise ValueError(f"\udce4 {mail.recipient}")


@on_a_desk()
async def test_a_door_that_fails_unexpectedly_is_a_try_that_failed(desk: PostingDesk) -> None:
    await replied(desk)
    desk.way = app.build_mail(desk.desk.config, lambda _: _Broken())
    await desk.send(NOW, until_nothing_is_due=False)
    [letter] = desk.letters()
    assert (letter["state"], letter["attempts"], letter["unsure"]) == ("queued", 1, 1)
    assert "ana@client.example" in letter["reason"]
    await desk.send(NOW + 4 * DAY)
    assert desk.letters()[0]["state"] == "failed"


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


@on_a_desk()
async def test_nobody_gets_another_off_the_list_of_readers_by_a_report_that_bears_their_own_token(
    desk: PostingDesk,
) -> None:
    desk.add_agent("rui", "rui@corp.example")
    victims = ["eva@other.example", "rui@corp.example", "lead@desk.example"]
    number = await opened(desk, headers=f"Cc: {', '.join(victims)}")
    await desk.do(number, Reply(text="Hi"), by="rui")
    await desk.do(number, Assign("rui"))
    case = await desk.case(number)
    await desk.post(NewMail(to="owner", template="on_hold_message", subject="s", body="b", at=HOUR, case=case))
    await desk.send(NOW)
    token = f"support+{desk.rules.tokens.plus(number)}@desk.example"
    for place, victim in enumerate(victims):
        made_up = _bounce(desk.sent[0], victim).replace(b"<dsn1@", f"<dsn-a{place}@".encode())
        became = await desk.receive(made_up, at=NOW + MINUTE)
        assert became["number"] == number
        bare = _bounce(b"Subject: x\r\n\r\n", victim).replace(b"<dsn1@", f"<dsn-b{place}@".encode())
        became = await desk.receive(bare.replace(SUPPORT.encode(), token.encode()), at=NOW + MINUTE, to=token)
        assert became["number"] == number
    assert desk.rows("SELECT * FROM suppression") == []
    assert desk.rows("SELECT * FROM identity WHERE bounced_at IS NOT NULL") == []


@on_a_desk()
async def test_a_report_that_comes_by_the_token_alone_is_believed_of_whom_we_wrote_to(desk: PostingDesk) -> None:
    number = await replied(desk)
    await desk.send(NOW)
    token = f"support+{desk.rules.tokens.plus(number)}@desk.example"
    vendors = _bounce(b"Message-ID: <0102-rewritten@ses.example>\r\n\r\n").replace(SUPPORT.encode(), token.encode())
    became = await desk.receive(vendors, at=NOW + MINUTE, to=token)
    assert became["number"] == number
    assert desk.rows("SELECT address, source FROM suppression") == [{"address": ANA, "source": "bounce"}]


def _bounce(raw: bytes, about: str = ANA) -> bytes:
    """A report of an MTA about a mail of ours, as Postfix writes it."""
    head = raw.partition(b"\r\n\r\n")[0].decode()
    return (
        f"From: MAILER-DAEMON@mx.client.example\r\nTo: {SUPPORT}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Message-ID: <dsn1@mx.client.example>\r\nDate: Mon, 02 Mar 2026 09:02:00 +0000\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.client.example\r\n\r\n"
        f"Final-Recipient: rfc822; {about}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{head}\r\n\r\n--b--\r\n"
    ).encode()


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
    assert (await verb(desk, "retry", group="outbound")).exit_code == 2
    assert (await verb(desk, "retry", "--failed-since", "yesterday", group="outbound")).exit_code == 2
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

"""A smarthost on a real port: what its answers mean, what is never said in the open, that the connection is kept."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
from smtp_sink import LOSE, Sink

from pipeline.dispatch.mail.door import Answer, Away, Later, Mail, Refused, Taken, Unknown, judge
from pipeline.dispatch.mail.smarthost import Smarthost, SmarthostDoor
from pipeline.embedded import ports

MAIL = Mail("<1@desk.example>", "support@desk.example", "ana@acme.example", b"Subject: x\r\n\r\nhello\r\n")


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.stop()


def with_door(smarthost: Smarthost, use: Callable[[SmarthostDoor], Awaitable[list[Answer]]]) -> list[Answer]:
    async def whole() -> list[Answer]:
        door = SmarthostDoor(smarthost)
        try:
            return await use(door)
        finally:
            await door.close()

    return asyncio.run(whole())


def send(port: int, *mails: Mail, **settings: object) -> list[Answer]:
    smarthost = replace(Smarthost("127.0.0.1", port, starttls="never", timeout=5), **settings)  # type: ignore[arg-type]

    async def each(door: SmarthostDoor) -> list[Answer]:
        return [await door.send(mail) for mail in mails]

    return with_door(smarthost, each)


def test_one_connection_takes_all(sink: Sink) -> None:
    assert all(isinstance(answer, Taken) for answer in send(sink.port, MAIL, MAIL, MAIL))
    assert [took.by for took in sink.took] == [1, 1, 1]
    assert sink.took[0].options == [f"SIZE={len(MAIL.raw)}"]


def test_a_refused_mail_does_not_hold_up_the_next_on_the_same_connection(sink: Sink) -> None:
    sink.answers["RCPT"].append("550 5.1.1 no such user")
    sink.answers["DATA"].append("451 4.3.0 try again")
    refused, later, taken = send(sink.port, MAIL, MAIL, MAIL)
    assert refused == Refused("550 5.1.1 no such user", unreachable=True)
    assert later == Later("451 4.3.0 try again")
    assert isinstance(taken, Taken)
    assert sink.connections == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_connection_that_is_lost_over_a_mail_costs_that_mail_alone(sink: Sink, verb: str) -> None:
    sink.answers[verb].append(LOSE)
    lost, taken = send(sink.port, MAIL, MAIL)
    assert isinstance(lost, Later)
    assert isinstance(taken, Taken)
    assert sink.connections == 2


def test_a_connection_that_is_lost_after_the_mail_leaves_it_unknown(sink: Sink) -> None:
    sink.answers["DATA"].append(LOSE)
    [answer] = send(sink.port, MAIL)
    assert isinstance(answer, Unknown)
    assert len(sink.took) == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "says", ["421 4.7.0 too many unknown recipients", "454 4.7.0 no", "530 5.7.0 log in", "535 no"]
)
def test_a_server_that_ends_the_session_over_a_mail_is_there_for_the_next(sink: Sink, verb: str, says: str) -> None:
    sink.answers[verb].append(says)
    later, taken = send(sink.port, MAIL, MAIL)
    assert later == Later(says)
    assert isinstance(taken, Taken)


def test_the_words_of_a_server_need_not_be_utf_8() -> None:
    refused = Refused("550 5.1.1 Empf?nger unbekannt", unreachable=True)
    assert judge(550, "5.1.1 Empf\udce4nger\0 unbekannt\r\n", "recipient") == refused


def test_nobody_there_is_away() -> None:
    [answer] = send(ports.free(), MAIL)
    assert isinstance(answer, Away)


def test_without_starttls_nothing_is_sent_where_it_is_required(sink: Sink) -> None:
    [answer] = send(sink.port, MAIL, starttls="required")
    assert isinstance(answer, Away)
    assert "STARTTLS" in answer.reason
    assert not sink.took


def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    sink = Sink(utf8=False)
    try:
        [answer] = send(sink.port, replace(MAIL, recipient="jörg@acme.example"))
    finally:
        sink.stop()
    assert isinstance(answer, Refused)
    assert "SMTPUTF8" in answer.reason
    assert not answer.unreachable


@dataclass(slots=True)
class Safe:
    """A smarthost with a certificate and a login."""

    sink: Sink
    ca: str


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[Safe]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    sink = Sink(tls=context, login=("desk", "Sesam, öffne dich"))
    yield Safe(sink, str(tmp_path / "ca.pem"))
    sink.stop()


def test_over_starttls_it_is_told_who_we_are(safe: Safe) -> None:
    login = {"username": "desk", "password": "Sesam, öffne dich"}
    [answer] = send(safe.sink.port, MAIL, starttls="required", ca=safe.ca, **login)
    assert isinstance(answer, Taken)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(safe: Safe) -> None:
    [answer] = send(safe.sink.port, MAIL, starttls="required")
    assert isinstance(answer, Away)
    assert "certificate" in answer.reason.lower()


def test_a_wrong_password_is_no_fault_of_the_mail(safe: Safe) -> None:
    [answer] = send(safe.sink.port, MAIL, starttls="required", ca=safe.ca, username="desk", password="x")
    assert isinstance(answer, Away)
    assert answer.reason.endswith("535, '5.7.8 Authentication credentials invalid')")


@pytest.mark.parametrize(
    ("code", "says", "unreachable"),
    [
        (550, "5.1.1 no such user", True),
        (550, "no such user", True),
        (550, "5.7.1 we do not like you", False),
        (554, "rejected", False),
        (552, "5.2.2 mailbox full", False),
        (556, "5.1.10 null MX", True),
        (550, "5.2.1 disabled", True),
    ],
)
def test_only_what_says_that_nobody_is_there_marks_the_address(code: int, says: str, *, unreachable: bool) -> None:
    assert judge(code, says, "recipient") == Refused(f"{code} {says}", unreachable=unreachable)
    assert judge(code, says, "content") == Refused(f"{code} {says}")

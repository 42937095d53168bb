"""SPF, DKIM and DMARC of mail that comes from strangers: real signatures, real questions to a DNS server."""

import asyncio
import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim import DKIM
from doors import OPENING, smtp_door
from own_dns import Zone, own_dns

from pipeline.config.channels import Smtp
from pipeline.connectors.dmarc import Delivery, agree, ascii_domain, judge, organization
from pipeline.connectors.dns_names import Names
from pipeline.connectors.sender_check import SenderCheck
from pipeline.domain.speaker import Verdict, read_verdict
from pipeline.log import MemoryLog

OURS, THEIRS = "192.0.2.7", "203.0.113.9"
MAIL = b"From: Ana <ana@acme-print.example>\r\nTo: support@desk.example\r\nSubject: Printer\r\n\r\nIt is broken.\r\n"


class Signer:
    """A domain's key, and what it publishes of it."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        self._private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"

    def sign(self, raw: bytes, domain: str, by: type[DKIM] = DKIM) -> bytes:
        how = (b"relaxed", b"relaxed")
        return by(raw).sign(b"s1", domain.encode(), self._private, canonicalize=how) + raw


class WithoutFrom(DKIM):
    """A signer that forgets the one header that must be signed."""

    def gen_header(self, fields: list[tuple[bytes, bytes]], include_headers: list[bytes], *rest: object) -> bytes:
        kept = [name for name in include_headers if name != b"from"]
        fields = [(tag, b" : ".join(kept) if tag == b"h" else value) for tag, value in fields]
        return super().gen_header(fields, kept, *rest)


SIGNER = Signer()


@pytest.fixture
def zone() -> Zone:
    """acme-print.example asks to reject what fails, lets 192.0.2.7 send, and signs; evil.example does the same."""
    zone = Zone()
    for domain, ip in (("acme-print.example", OURS), ("evil.example", THEIRS)):
        zone.txt(f"_dmarc.{domain}", "v=DMARC1; p=reject; rua=mailto:d@acme.example")
        zone.txt(domain, "some=thing else", f"v=spf1 ip4:{ip} -all")
        zone.txt(f"s1._domainkey.{domain}", SIGNER.record)
    return zone


@pytest.fixture
def names(zone: Zone) -> Iterator[Names]:
    with own_dns(zone) as asked:
        yield asked


def verdict(names: Names, raw: bytes = MAIL, *, ip: str = THEIRS, mail_from: str = "x@evil.example") -> Verdict:
    return judge(Delivery(raw, ip, "mail.evil.example", mail_from), names, time.monotonic() + 5)


def test_a_forged_from_fails_however_well_the_forger_proves_who_they_are(names: Names) -> None:
    found = verdict(names, SIGNER.sign(MAIL, "evil.example"))

    assert (found.spf, found.dkim, found.dmarc, found.policy) == ("unaligned", "unaligned", "fail", "reject")
    assert found.why == "neither SPF (unaligned) nor DKIM (unaligned) of acme-print.example"


def test_a_sending_machine_that_the_domain_names_proves_it(names: Names) -> None:
    found = verdict(names, ip=OURS, mail_from="ana@acme-print.example")

    assert (found.spf, found.dkim, found.dmarc) == ("pass", "none", "pass")


def test_of_the_null_sender_the_name_in_helo_counts(names: Names, zone: Zone) -> None:
    zone.txt("mx.acme-print.example", f"v=spf1 ip4:{OURS} -all")
    found = judge(Delivery(MAIL, OURS, "mx.acme-print.example", ""), names, time.monotonic() + 5)

    assert (found.spf, found.dmarc) == ("pass", "pass")


def test_a_signature_proves_it_wherever_the_mail_comes_from(names: Names) -> None:
    found = verdict(names, SIGNER.sign(MAIL, "acme-print.example"))

    assert (found.spf, found.dkim, found.dmarc) == ("unaligned", "pass", "pass")
    assert str(found) == "spf=unaligned; dkim=pass; dmarc=pass; policy=reject; why=DKIM of acme-print.example"


def test_the_signature_that_proves_it_may_stand_below_others(names: Names) -> None:
    signed = SIGNER.sign(SIGNER.sign(MAIL, "acme-print.example"), "evil.example")
    broken = b"DKIM-Signature: v=1; d=acme-print.example; s=s1; b=xyz\r\nDKIM-Signature: nonsense\r\n"

    assert verdict(names, broken + signed).dmarc == "pass"


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"It is broken", b"Send it elsewhere"), (b"Subject: Printer", b"Subject: Invoice"), (b"Ana <ana", b"Eva <eva")],
)
def test_a_mail_that_was_changed_has_no_signature(before: bytes, after: bytes, names: Names) -> None:
    found = verdict(names, SIGNER.sign(MAIL, "acme-print.example").replace(before, after))

    assert (found.dkim, found.dmarc) == ("fail", "fail")


def test_a_signature_that_leaves_out_from_proves_nothing(names: Names) -> None:
    sloppy = SIGNER.sign(MAIL, "acme-print.example", by=WithoutFrom)
    forged = sloppy.replace(b"Ana <ana@", b"Eva <eva@")
    assert DKIM(forged).verify(dnsfunc=lambda *_, **__: SIGNER.record.encode())  # as far as the library looks

    assert verdict(names, forged).dmarc == "fail"


def test_a_second_from_is_nobodys(names: Names) -> None:
    found = verdict(names, b"From: eva@evil.example\r\n" + SIGNER.sign(MAIL, "acme-print.example"))

    assert (found.dmarc, found.why) == ("none", "there is no From whose domain could be asked")


def test_a_large_mail_is_judged_apart(names: Names) -> None:
    large = MAIL + (b"x y  z" * 12 + b"\r\n") * 20_000

    assert verdict(names, SIGNER.sign(large, "acme-print.example")).dkim == "pass"
    assert verdict(names, SIGNER.sign(large, "acme-print.example") + b"more\r\n").dkim == "fail"


SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme-print.example; s=s1; h=from; bh=QUJD; b=QUJD"


@pytest.mark.parametrize(
    "raw",
    [
        (SIGNATURE + b"\r\n") * 3_000 + MAIL,
        SIGNATURE + b" " * 200_000 + b"!\r\n" + MAIL,
        SIGNATURE + b"\r\n " * 60_000 + b"; x=1\r\n" + MAIL,
        SIGNATURE + b"; h=" + b":x" * 60_000 + b"\r\n" + MAIL,
        SIGNATURE + b"\r\n" + MAIL + b" \t" * 120_000 + b"x\r\n",
        (SIGNATURE + b"\r\n") * 5 + MAIL + (b" " * 99 + b"x\r\n") * 2_400,
        SIGNATURE.replace(b"s=s1", b"s=" + b"a." * 5_000 + b"a") + b"\r\n" + MAIL,
        b"From: " + b"(" * 60_000 + b"\r\n\r\n",
    ],
    ids=["many", "blanks", "folds", "names", "blank body", "blank lines", "long selector", "parentheses"],
)
def test_a_hostile_mail_is_judged_in_bounded_time(raw: bytes, names: Names) -> None:
    began = time.process_time()

    assert verdict(names, raw).dmarc in {"fail", "none", "temperror"}
    assert time.process_time() - began < 2.0


def test_a_key_of_absurd_size_is_none(names: Names, zone: Zone) -> None:
    zone.txt("s1._domainkey.acme-print.example", f"v=DKIM1; p={'QUJD' * 1_000}")

    assert verdict(names, SIGNER.sign(MAIL, "acme-print.example")).dkim == "fail"


def test_a_record_of_spf_of_absurd_size_is_none(names: Names, zone: Zone) -> None:
    zone.txt("acme-print.example", "v=spf1 exists:" + "%{l1r-}." * 600 + "acme-print.example -all")

    assert verdict(names, mail_from="a-b-c@acme-print.example").spf == "none"


def test_a_domain_that_publishes_nothing_has_no_verdict(names: Names) -> None:
    found = verdict(names, MAIL.replace(b"acme-print", b"plain"))

    assert (found.dmarc, found.policy, found.why) == ("none", "none", "plain.example publishes no DMARC")


def test_an_organization_speaks_for_its_subdomains(names: Names, zone: Zone) -> None:
    zone.txt("_dmarc.shop.example", "v=DMARC1; p=none; sp=quarantine; adkim=s")
    zone.txt("s1._domainkey.shop.example", SIGNER.record)
    mail = MAIL.replace(b"acme-print", b"mail.shop")
    found = verdict(names, SIGNER.sign(mail, "shop.example"))

    assert (found.policy, found.dkim, found.dmarc) == ("quarantine", "unaligned", "fail")  # adkim=s: the very domain


def test_two_records_are_none(names: Names, zone: Zone) -> None:
    zone.txt("_dmarc.acme-print.example", "v=DMARC1; p=reject", "v=DMARC1; p=none")

    assert (verdict(names).dmarc, verdict(names).policy) == ("none", "none")


@pytest.mark.parametrize("record", ["v=DMARC1; p", "v=DMARC1; p=sometimes", "v=DMARC1", "v=DMARC2; p=reject"])
def test_a_record_that_says_nothing_asks_for_nothing(record: str, names: Names, zone: Zone) -> None:
    zone.txt("_dmarc.acme-print.example", record)

    assert verdict(names).policy == "none"


def test_a_key_that_dns_keeps_back_is_no_pass_and_no_fail(names: Names, zone: Zone) -> None:
    zone.silent.add("s1._domainkey.acme-print.example")
    found = verdict(names, SIGNER.sign(MAIL, "acme-print.example"))

    assert (found.dkim, found.dmarc, found.policy) == ("temperror", "temperror", "reject")


def test_dns_that_is_away_is_asked_once_for_a_while(names: Names, zone: Zone) -> None:
    zone.away = True
    found = verdict(names)
    asked = len(zone.asked)
    began = time.monotonic()

    assert (found.dmarc, found.policy) == ("none", "none")
    assert found.why.startswith("DNS did not answer")
    assert verdict(names).why == "DNS is away"
    assert (len(zone.asked), time.monotonic() - began < 0.5) == (asked, True)


def test_a_name_that_its_owner_keeps_silent_does_not_switch_the_check_off(names: Names, zone: Zone) -> None:
    zone.silent.add("_dmarc.slow.example")

    assert verdict(names, MAIL.replace(b"acme-print", b"slow")).dmarc == "none"
    assert verdict(names).dmarc == "fail"


def test_answers_are_remembered(names: Names, zone: Zone) -> None:
    for _ in range(3):
        verdict(names, SIGNER.sign(MAIL, "acme-print.example"))

    assert len(zone.asked) == len(set(zone.asked))


def test_spf_follows_includes_and_addresses_and_stops(names: Names, zone: Zone) -> None:
    zone.txt("acme-print.example", "v=spf1 include:spf.host.example a:out.host.example mx -all")
    zone.txt("spf.host.example", "v=spf1 ip4:198.51.100.0/24 ?all")
    zone.records["out.host.example", "A"] = [OURS]
    zone.records["acme-print.example", "MX"] = ["10 mx.host.example."]
    zone.records["mx.host.example", "A"] = ["198.18.0.1"]

    assert [verdict(names, ip=ip, mail_from="a@acme-print.example").spf for ip in (OURS, "198.18.0.1", THEIRS)] == [
        "pass",
        "pass",
        "fail",
    ]
    zone.txt("loop.acme-print.example", "v=spf1 include:loop.acme-print.example -all")
    assert verdict(names, mail_from="a@loop.acme-print.example").spf == "permerror"


@pytest.mark.parametrize(
    "mail_from", ['"x@acme-print.example"@evil.example', "x@evil.example@x", "x", "@", "x@[203.0.113.9]", "é@ü..x"]
)
def test_an_odd_sender_is_never_taken_for_another(mail_from: str, names: Names) -> None:
    assert verdict(names, mail_from=mail_from).spf in {"unaligned", "none"}


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"From", b"From: a@b\r\n\r\n", b"From: a@[192.0.2.1]\r\n\r\n", b"\0" * 99]
)
def test_a_broken_mail_has_no_verdict(raw: bytes, names: Names) -> None:
    assert verdict(names, raw).dmarc == "none"


def test_what_belongs_together() -> None:
    assert organization("a.b.acme.co.uk") == "acme.co.uk"
    assert organization("a.acme.example") == "acme.example"
    assert not agree("acme.example", "evil.example", "relaxed")
    assert agree("mail.my-bank.com", "MY-BANK.com", "relaxed")
    assert not agree("mail.my-bank.com", "my-bank.com", "strict")
    assert not agree("my-bank.com", "my-evil.com", "relaxed")
    assert ascii_domain("Bücher.example") == "xn--bcher-kva.example"
    assert [
        ascii_domain(odd) for odd in ("", "localhost", "[1.2.3.4]", "1.2.3.4", "a b.c", "a..b", "x" * 70 + ".b")
    ] == [None] * 7


# ---- at the door


def through_the_door(names: Names, data: Path, trusted: list[str]) -> MemoryLog:
    log = MemoryLog()

    async def run() -> None:
        check = SenderCheck(Smtp(trusted=tuple(trusted)), names)
        async with smtp_door(log, data, check=check, trusted=trusted) as door:
            clients = [await door.client() for _ in range(12)]
            for client in clients:
                await client.say(OPENING + MAIL + b".\r\nQUIT\r\n")
            for client in clients:
                assert [reply[:3] for reply in await client.rest()] == ["220", "250", "250", "250", "354", "250", "221"]

    asyncio.run(run())
    return log


def test_strangers_are_judged_before_their_mail_is_published(names: Names, tmp_path: Path) -> None:
    log = through_the_door(names, tmp_path, ["10.0.0.0/8"])

    assert len(log.published) == 12
    assert {read_verdict(envelope.facts["authresults"]).dmarc for envelope in log.published} == {"fail"}


def test_a_trusted_relay_costs_no_question(names: Names, zone: Zone, tmp_path: Path) -> None:
    log = through_the_door(names, tmp_path, ["127.0.0.0/8"])

    assert not any("authresults" in envelope.facts for envelope in log.published)
    assert not zone.asked


def test_what_a_trusted_relay_wrote_down_counts_where_it_is_known_by_name(names: Names) -> None:
    written = b"Authentication-Results: mx.desk.example; spf=pass; dmarc=fail (p=reject)\r\n" + MAIL

    async def found(authserv: str | None, ip: str) -> str:
        check = SenderCheck(Smtp(), names)
        return str(await check.found_out(written, ip=ip, helo="h", mail_from="", authserv=authserv))

    assert asyncio.run(found("mx.desk.example", "127.0.0.1")) == "spf=pass; dkim=none; dmarc=fail; policy=reject"
    assert asyncio.run(found("mx.other.example", "127.0.0.1")) == "None"
    assert asyncio.run(found(None, "127.0.0.1")) == "None"
    assert "neither SPF" in asyncio.run(found("mx.desk.example", THEIRS))  # a stranger may write what they like


def test_mail_is_taken_while_dns_is_away(names: Names, zone: Zone, tmp_path: Path) -> None:
    zone.away = True
    log = through_the_door(names, tmp_path, [])

    assert {read_verdict(envelope.facts["authresults"]).dmarc for envelope in log.published} == {"none"}


@pytest.mark.parametrize("ip", ["127.0.0.1", "::ffff:127.0.0.1", "local"])
def test_a_relay_is_known_in_every_spelling(ip: str) -> None:
    assert SenderCheck(Smtp()).trusts(ip)


def test_others_are_strangers() -> None:
    check = SenderCheck(Smtp())
    assert not any(check.trusts(ip) for ip in ("192.0.2.1", "::1", "::ffff:192.0.2.1"))

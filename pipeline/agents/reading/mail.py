"""Reads a mail into a typed message."""

import re
from dataclasses import replace

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.facts import correlated
from pipeline.agents.mail.signs import alike, people_of, references_in
from pipeline.agents.mail.told import MailMessage
from pipeline.agents.rules import Rules
from pipeline.agents.text import clean
from pipeline.config.channels import Mailbox
from pipeline.domain import automatic
from pipeline.domain.acknowledging import is_nobody
from pipeline.domain.duplicates import digest, mail_key, of_mailbox
from pipeline.domain.matching import normal_address
from pipeline.domain.speaker import Verdict, believe, may_end, passed_on, read_verdict
from pipeline.domain.storms import likeness
from pipeline.domain.threading import thread_key
from pipeline.parse.email import parse_email
from pipeline.parse.headers import header_texts
from pipeline.parse.message import Email
from pipeline.parse.reply import split_reply
from pipeline.wire import Envelope, Record

MAX_COPIED = 100
"""Recipients of a mail that count as copied; a mail to more is a mailing."""

_MAX_MENTIONS = 24
_MAX_OURS = 20
_MAX_TRACE = 16_384
_NULL_SENDER = re.compile(rb"^return-path:[ \t]*<>", re.IGNORECASE | re.MULTILINE)


def read_mail(rules: Rules, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
    """The mail that a record holds."""
    mail = _parsed(rules, raw)
    sender = normal_address(mail.author) if mail.author else None
    auto = _automatic(rules, mail, raw)
    policy = rules.automatic.policy(auto) if auto else None
    mentioned = _mentions(mail)
    to_and_cc = [normal_address(address.address) for address in (*mail.to, *mail.cc)]
    delivered = [normal_address(address) for address in envelope.facts.get("envelopeto", "").split(",")]
    mailboxes = _mailboxes(rules, to_and_cc, delivered, envelope)
    mailbox = mailboxes[0] if mailboxes else None
    is_ours = sender is not None and rules.is_ours(sender)
    verdict, doubt = _verdict(rules, mail, envelope), mailbox.unauthenticated if mailbox else "flag"
    belief = believe(verdict, as_us=is_ours, doubt=doubt)
    key = mail_key(
        message_id=mail.message_id,
        sender=sender or "",
        date=mail.date,
        subject=mail.subject,
        text=mail.text,
        files=[attachment.sha256 for attachment in mail.attachments],
        connector_id=envelope.id,
    )
    whole_key, key = key, of_mailbox(mailbox.address, key) if rules.each_mailbox and mailbox else key
    refuted = belief.standing == "refuted"
    subject_references, misses = rules.tokens.references(mail.subject) if "[#" in mail.subject else ([], 0)
    others = _foreign(rules, to_and_cc)
    alike_to = likeness(mail.subject, mail.text)
    notices = tuple(rules.tokens.notices_in(mentioned))
    tokens = (*rules.tokens.in_addresses((*to_and_cc, *delivered)), *rules.tokens.in_ids(mentioned))
    told = MailMessage(
        mailbox=mailbox.address if mailbox else "",
        key=whole_key,
        others=() if rules.each_mailbox else tuple((m.address, m.queue or rules.default_queue) for m in mailboxes[1:]),
        twins=_twins(rules, delivered, mailboxes) if rules.each_mailbox else (),
        recipients=others,
        people=people_of(sender, others, rules),
        alike=alike(rules, mail, sender, others, mailbox),
        references=references_in(rules, mail, raw),
        misses=misses,
        guesses=bool(misses or subject_references),
        notices=notices,
        ours=_ours(rules, mail, mentioned),
        if_agent=believe(verdict, as_us=True, doubt=doubt),
        as_mailbox=is_ours and belief.standing == "proven",
        forwarded=mail.forwarded,
        written=split_reply(mail.text)[0] if notices else "",
        bounce=mail.bounce,
        may_end=may_end(verdict, doubt=doubt),
        like=(alike_to.of(sender) if sender else "", alike_to.but_digits),
        text=alike_to.text,
    )
    return correlated(
        rules,
        Incoming(
            record=record,
            envelope=envelope,
            id=uuid7(),
            source_id=mail.message_id or clean(envelope.id)[:2000],
            kind="email",
            subject=mail.subject,
            text=mail.text,
            queue=(mailbox and mailbox.queue) or rules.default_queue,
            dedupe_key=digest("refuted", key) if refuted else key,
            dedupe_genuine=key if refuted else None,
            sender=sender,
            sender_name=mail.from_.name if mail.from_ else "",
            own=thread_key(mail.message_id) if mail.message_id else None,
            mentioned=tuple(map(thread_key, mentioned)),
            tokens=tokens,
            references=tuple(subject_references),
            copied=frozenset(others[:MAX_COPIED]),
            auto=auto,
            automatic=automatic.is_automatic(auto, policy),
            may_append=automatic.may_append(auto, policy),
            may_open=automatic.may_open(auto, policy),
            standing=belief.standing,
            quarantine=clean(envelope.facts.get("quarantine", "")) or belief.quarantine,
            flags=belief.flags,
            defects=mail.defects,
            mail=told,
            acknowledge=bool(mailbox and mailbox.acknowledge)
            and _is_answerable(sender, auto, envelope, raw)
            and not is_ours,
            shown=_shown(rules, mail, mailbox, raw),
        ),
    )


def _shown(rules: Rules, mail: Email, mailbox: Mailbox | None, raw: bytes) -> dict[str, object]:
    """What conditions may ask of a mail, beside what they may of every message."""
    shown: dict[str, object] = {"mailbox": mailbox.address if mailbox else None}
    for name, addresses in (("to", mail.to), ("cc", mail.cc)):
        if rules.reads_message(name):
            shown[name] = [normal_address(address.address) for address in addresses]
    if rules.reads_message("headers"):
        shown["headers"] = header_texts(raw)
    return shown


def _parsed(rules: Rules, raw: bytes) -> Email:
    return parse_email(
        raw,
        our_domain=rules.tokens.domain,
        our_lists=rules.lists,
        ours=rules.mailbox_of_address.keys(),
        with_html=False,
        with_reply=False,
    )


def _automatic(rules: Rules, mail: Email, raw: bytes) -> str | None:
    """The parser's kind; a loop is one of ours only when the signature in its own Message-ID holds."""
    if mail.message_id and rules.tokens.in_ids([mail.message_id]):
        return "loop"
    if mail.auto != "loop":
        return mail.auto
    # people who write as our mailbox have Message-IDs of its domain, too
    found = parse_email(raw, our_lists=rules.lists, with_html=False, with_reply=False).auto
    return "auto-generated" if found == "loop" else found


def _verdict(rules: Rules, mail: Email, envelope: Envelope) -> Verdict:
    """What was found out about From; where our own list stands in its stead, only as far as it came by that list.

    A list that writes as a mailbox of ours must prove that as anybody who does.
    """
    verdict = read_verdict(envelope.facts.get("authresults", ""))
    if mail.via is None:
        return verdict
    if mail.via not in rules.lists and verdict.dmarc != "pass":
        return replace(verdict, dmarc="fail", why=f"it comes from {mail.via}, and nothing shows that we sent it")
    return passed_on(verdict, mail.via.rpartition("@")[2])


def _mailboxes(rules: Rules, recipients: list[str], delivered: list[str], envelope: Envelope) -> list[Mailbox]:
    """Our mailboxes in To, then Cc, then those it was delivered to; the first one owns it.

    Where each opens a case of its own, it belongs to the one that it was delivered to.
    """
    known = rules.mailbox_of_address
    taken = (*delivered, envelope.source.rpartition("/")[2])
    order = (*taken, *recipients) if rules.each_mailbox else (*recipients, *taken)
    found = (known.get(_without_plus(address)) or known.get(address) for address in order if address)
    return list({mailbox.address: mailbox for mailbox in found if mailbox}.values())


def _twins(rules: Rules, delivered: list[str], mailboxes: list[Mailbox]) -> tuple[tuple[str, str], ...]:
    """The other mailboxes that this very delivery went to."""
    known = rules.mailbox_of_address
    reached = [known.get(_without_plus(address)) or known.get(address) for address in delivered]
    return tuple((m.address, m.queue or rules.default_queue) for m in mailboxes[1:] if m in reached)


def _foreign(rules: Rules, recipients: list[str]) -> tuple[str, ...]:
    others = (address for address in recipients if address and _without_plus(address) not in rules.mailbox_of_address)
    return tuple(dict.fromkeys(others))


def _ours(rules: Rules, mail: Email, mentioned: tuple[str, ...]) -> tuple[str, ...]:
    """Ids that only we stamp: its own when it is ours, those it answers, that of the mail it returns."""
    end = f"@{rules.tokens.domain.lower()}>"
    ids = (*((mail.message_id,) if mail.message_id else ()), *mentioned)
    return tuple(one for one in ids if one.lower().endswith(end))[:_MAX_OURS]


def _is_answerable(sender: str | None, auto: str | None, envelope: Envelope, raw: bytes) -> bool:
    """Whether it may be answered automatically: a person wrote it, to us and not by a list (RFC 3834, section 2)."""
    if sender is None or auto is not None or is_nobody(sender):
        return False
    return envelope.facts.get("envelopefrom") != "" and _NULL_SENDER.search(raw, 0, _MAX_TRACE) is None


def _mentions(mail: Email) -> tuple[str, ...]:
    """In-Reply-To first, then References from the newest; of a very long list the newest and the root."""
    newest_first = tuple(dict.fromkeys((*mail.in_reply_to[:4], *reversed(mail.references))))
    returned = mail.bounce.original_message_id if mail.bounce else None
    kept = newest_first[: _MAX_MENTIONS - 1] + newest_first[-1:] if len(newest_first) > _MAX_MENTIONS else newest_first
    return tuple(i for i in dict.fromkeys((*kept, *((returned,) if returned else ()))) if i != mail.message_id)


def _without_plus(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"

"""Reads a mail into a typed message."""

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.rules import Rules
from pipeline.agents.text import clean
from pipeline.config.channels import Mailbox
from pipeline.domain import automatic
from pipeline.domain.duplicates import digest, mail_key
from pipeline.domain.matching import normal_address
from pipeline.domain.speaker import believe, read_verdict
from pipeline.domain.threading import thread_key
from pipeline.parse.email import parse_email
from pipeline.parse.message import Email
from pipeline.wire import Envelope, Record

MAX_COPIED = 100
"""Recipients of a mail that count as copied; a mail to more is a mailing."""

_MAX_MENTIONS = 24


def read_mail(rules: Rules, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
    """The mail that a record holds."""
    mail = parse_email(raw, our_domain=rules.tokens.domain, with_html=False, with_reply=False)
    sender = normal_address(mail.author) if mail.author else None
    auto = _automatic(rules, mail)
    policy = rules.automatic.policy(auto) if auto else None
    mentioned = _mentions(mail)
    recipients = [normal_address(address.address) for address in (*mail.to, *mail.cc)]
    delivered = envelope.facts.get("envelopeto", "").split(",")
    mailbox = _mailbox_of_mail(rules, recipients, delivered, envelope)
    belief = believe(
        read_verdict(envelope.facts.get("authresults", "")),
        as_us=sender is not None and rules.is_ours(_without_plus(sender)),
        doubt=mailbox.unauthenticated if mailbox else "flag",
    )
    key = mail_key(
        message_id=mail.message_id,
        sender=sender or "",
        date=mail.date,
        subject=mail.subject,
        text=mail.text,
        files=[attachment.sha256 for attachment in mail.attachments],
        connector_id=envelope.id,
    )
    refuted = belief.standing == "refuted"
    return Incoming(
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
        tokens=(*rules.tokens.in_addresses((*recipients, *delivered)), *rules.tokens.in_ids(mentioned)),
        references=tuple(rules.tokens.in_subject(mail.subject)),
        copied=frozenset(
            address
            for address in recipients[:MAX_COPIED]
            if address and _without_plus(address) not in rules.mailbox_of_address
        ),
        auto=auto,
        automatic=automatic.is_automatic(auto, policy),
        may_append=automatic.may_append(auto, policy),
        may_open=automatic.may_open(auto, policy),
        standing=belief.standing,
        quarantine=clean(envelope.facts.get("quarantine", "")) or belief.quarantine,
        flags=belief.flags,
        defects=mail.defects,
    )


def _automatic(rules: Rules, mail: Email) -> str | None:
    """The parser's kind; a loop is one of ours only when the signature in its own Message-ID holds."""
    if mail.message_id and rules.tokens.in_ids([mail.message_id]):
        return "loop"
    return "auto-generated" if mail.auto == "loop" else mail.auto


def _mailbox_of_mail(rules: Rules, recipients: list[str], delivered: list[str], envelope: Envelope) -> Mailbox | None:
    """The first mailbox of ours in To, then Cc, else the one it was delivered to."""
    known = rules.mailbox_of_address
    for address in (*recipients, *map(normal_address, delivered), envelope.source.rpartition("/")[2]):
        if mailbox := known.get(_without_plus(address)) or known.get(address):
            return mailbox
    return None


def _mentions(mail: Email) -> tuple[str, ...]:
    """In-Reply-To first, then References from the newest; of a very long list the newest and the root."""
    newest_first = tuple(dict.fromkeys((*mail.in_reply_to[:4], *reversed(mail.references))))
    returned = mail.bounce.original_message_id if mail.bounce else None
    kept = newest_first[: _MAX_MENTIONS - 1] + newest_first[-1:] if len(newest_first) > _MAX_MENTIONS else newest_first
    return tuple(i for i in dict.fromkeys((*kept, *((returned,) if returned else ()))) if i != mail.message_id)


def _without_plus(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"

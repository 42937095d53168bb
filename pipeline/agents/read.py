"""Reads a record into a typed message, before any transaction begins."""

import re
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Self

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.rules import Rules, compile_rules
from pipeline.blobs import BlobStore
from pipeline.config import Config
from pipeline.config.channels import Mailbox
from pipeline.domain import automatic
from pipeline.domain.duplicates import digest, mail_key, window_keys
from pipeline.domain.matching import normal_address
from pipeline.domain.outcomes import Dead
from pipeline.domain.speaker import believe, read_verdict
from pipeline.domain.threading import thread_key
from pipeline.parse.addresses import MAX_ADDRESS
from pipeline.parse.email import parse_email
from pipeline.parse.message import Email
from pipeline.parse.web import parse_form
from pipeline.wire import Envelope, Record

MAX_TEXT = 1_000_000
"""Characters of a body that are kept as text; the raw message keeps the rest."""

MAX_COPIED = 100
"""Recipients of a mail that count as copied; a mail to more is a mailing."""

_MAX_MENTIONS = 24
_CONTROL = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be made a message, and why; `envelope` is None when even that is unreadable."""

    record: Record
    envelope: Envelope | None
    raw: bytes
    dead: Dead


class Reader:
    """Parses by channel; what Python raises becomes a value of that one record."""

    def __init__(self, rules: Rules, blobs: BlobStore) -> None:
        self._rules = rules
        self._blobs = blobs

    @classmethod
    def of(cls, config: Config) -> Self:
        """The reader of a desk. Raises LookupError when a secret is not there."""
        return cls(compile_rules(config), BlobStore(Path(config.blobs.url)))

    def read(self, record: Record) -> Incoming | Unread:
        """The typed message of a record. Never raises: a record that cannot be read is dead, alone."""
        try:
            envelope = Envelope.of_record(record.key, record.value, record.headers)
        except ValueError as error:
            return Unread(record, None, record.value or b"", Dead(str(error), "unreadable", "envelope"))
        raw = envelope.raw
        try:
            if envelope.dataref is not None:
                raw = self._blobs.get(envelope.dataref)
            return self._parsed(record, envelope, raw)
        except LookupError as error:
            return Unread(record, envelope, raw, Dead(str(error), "unreadable", "read"))
        except Exception as error:  # noqa: BLE001  # one message's surprise must not stop the others
            return Unread(record, envelope, raw, Dead(repr(error)[:500], "unexpected", f"parse {envelope.channel}"))

    def unread(self, record: Record, dead: Dead) -> Unread:
        """The record as dead, without looking into its message."""
        try:
            envelope = Envelope.of_record(record.key, record.value, record.headers)
        except ValueError:
            envelope = None
        return Unread(record, envelope, record.value or b"", dead)

    def _parsed(self, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
        if envelope.channel == "email":
            return self._mail(record, envelope, raw)
        if envelope.channel == "web":
            return self._form(record, envelope, raw)
        raise LookupError(f"no reader for channel {envelope.channel}")

    def _mail(self, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
        rules = self._rules
        mail = parse_email(raw, our_domain=rules.tokens.domain, with_html=False, with_reply=False)
        sender = normal_address(mail.from_.address) if mail.from_ else None
        auto = self._automatic(mail)
        policy = rules.automatic.policy(auto) if auto else None
        mentioned = _mentions(mail)
        recipients = [normal_address(address.address) for address in (*mail.to, *mail.cc)]
        delivered = envelope.facts.get("envelopeto", "").split(",")
        mailbox = self._mailbox_of_mail(recipients, delivered, envelope)
        belief = believe(
            read_verdict(envelope.facts.get("authresults", "")),
            as_us=sender is not None and rules.is_ours(_without_plus(sender)),
            doubt=mailbox.unauthenticated if mailbox else "flag",
        )
        return Incoming(
            record=record,
            envelope=envelope,
            id=uuid7(),
            source_id=mail.message_id or _clean(envelope.id)[:2000],
            kind="email",
            subject=mail.subject,
            text=mail.text,
            queue=(mailbox and mailbox.queue) or rules.default_queue,
            dedupe_key=mail_key(
                message_id=mail.message_id,
                sender=sender or "",
                date=mail.date,
                subject=mail.subject,
                text=mail.text,
                files=[attachment.sha256 for attachment in mail.attachments],
                connector_id=envelope.id,
            ),
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
            quarantine=_clean(envelope.facts.get("quarantine", "")) or belief.quarantine,
            flags=belief.flags,
            defects=mail.defects,
        )

    def _automatic(self, mail: Email) -> str | None:
        """The parser's kind; a loop is one of ours only when the signature in its own Message-ID holds."""
        if mail.message_id and self._rules.tokens.in_ids([mail.message_id]):
            return "loop"
        return "auto-generated" if mail.auto == "loop" else mail.auto

    def _mailbox_of_mail(self, recipients: list[str], delivered: list[str], envelope: Envelope) -> Mailbox | None:
        """The first mailbox of ours in To, then Cc, else the one it was delivered to."""
        known = self._rules.mailbox_of_address
        for address in (*recipients, *map(normal_address, delivered), envelope.source.rpartition("/")[2]):
            if mailbox := known.get(_without_plus(address)) or known.get(address):
                return mailbox
        return None

    def _form(self, record: Record, envelope: Envelope, raw: bytes) -> Incoming:
        name = envelope.facts.get("form", envelope.source.rpartition("/")[2])
        form = self._rules.forms.get(name)
        if form is None:
            raise LookupError(f"there is no [[form]] named {name}")
        post = parse_form(raw, envelope.content_type, form)
        address = normal_address(parseaddr(post.email or "")[1])
        idempotency = envelope.facts.get("idempotencykey")
        known = (post.name, post.email, post.phone, post.subject, post.text, post.product)
        content = (*known, sorted(post.fields.items()))
        files = [attachment.sha256 for attachment in post.attachments]
        own, *near = (
            [digest("form-key", name, idempotency, address)]  # two senders may well think of the same key
            if idempotency
            else window_keys(digest("form", name, *content, *files), envelope.time)
        )
        return Incoming(
            record=record,
            envelope=envelope,
            id=uuid7(),
            source_id=envelope.id,
            kind="web",
            subject=_clean(post.subject or "")[:2000],
            text=_clean(post.text or ""),
            queue=self._rules.queue_of_form(name),
            dedupe_key=own,
            dedupe_near=tuple(near),
            sender=_clean(address[:MAX_ADDRESS]) or None,
            sender_name=_clean(post.name or ""),
            quarantine="its hidden field was filled in, as robots do" if "honeypot" in envelope.facts else None,
            defects=(
                *((_clean(post.malformed),) if post.malformed else ()),
                *(_clean(f"{field[:100]}: {error}") for field, error in post.errors.items()),
            ),
        )


def _mentions(mail: Email) -> tuple[str, ...]:
    """In-Reply-To first, then References from the newest; of a very long list the newest and the root."""
    newest_first = tuple(dict.fromkeys((*mail.in_reply_to[:4], *reversed(mail.references))))
    returned = mail.bounce.original_message_id if mail.bounce else None
    kept = newest_first[: _MAX_MENTIONS - 1] + newest_first[-1:] if len(newest_first) > _MAX_MENTIONS else newest_first
    return tuple(i for i in dict.fromkeys((*kept, *((returned,) if returned else ()))) if i != mail.message_id)


def _clean(text: str) -> str:
    """Text that PostgreSQL and JSON can hold, of bounded length."""
    return _CONTROL.sub("\ufffd", text[:MAX_TEXT])


def _without_plus(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"

"""Makes of a row, and of what is known beside, the mail that leaves: its words, its bytes, its envelope."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.config import Config
from pipeline.dispatch.mail.door import Mail
from pipeline.dispatch.mail.headers import one_line, wire_address
from pipeline.dispatch.mail.mime import Letter, build
from pipeline.dispatch.mail.signing import SigningKey, load_keys, sign
from pipeline.dispatch.mail.templates import Templates
from pipeline.dispatch.mail.unsubscribing import PATH
from pipeline.dispatch.mail.vocabulary import TO_CUSTOMERS
from pipeline.dispatch.mail.words import told_time, words_of
from pipeline.domain.letters import BY_A_PERSON, MAY_BE_LEFT, leave_headers, letter_subject, thread_of, token_address
from pipeline.domain.tokens import TokenKeys
from pipeline.store.letters import Known, Outgoing

MAX_QUOTE = 20_000
"""Characters of the customer's message that an answer quotes; they have the rest."""

_TIMES = frozenset({"deadline", "since"})
_DAYS = frozenset({"closes_at"})
_LANGUAGE = re.compile(rb"^(?:content|accept)-language:[ \t]*([A-Za-z]{2,3})\b", re.IGNORECASE | re.MULTILINE)
"""What mail programs tell of their user's language (RFC 8255 and 3282; Outlook writes both)."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail in its envelope; `failed` tells which template of the desk could not word it."""

    mail: Mail
    failed: str | None


@dataclass(frozen=True, slots=True)
class Composer:
    """Knows the desk: how it words, what it signs with, where answers and bounces are to come."""

    name: str
    zone: ZoneInfo
    templates: Templates
    tokens: TokenKeys
    keys: Sequence[SigningKey] = ()
    plus_addresses: bool = False
    url: str | None = None

    @classmethod
    def of(cls, config: Config) -> "Composer":
        """The one of a configuration. Raises LookupError when a secret or key is not there, BadKeyError."""
        own = Path(config.templates.path) if config.templates.path else None
        return cls(
            name=config.desk.name,
            zone=ZoneInfo(config.desk.timezone),
            templates=Templates(own, config.desk.language),
            tokens=TokenKeys(config.desk.domain, config.desk.keys()),
            keys=load_keys(config.mail.dkim),
            plus_addresses=config.mail.plus_addresses,
            url=config.http.url,
        )

    def compose(self, known: Known) -> Composed:
        """The mail, the same bytes each time. Raises NoAddressError."""
        mail, concerned = known.mail, known.concerned
        number = concerned.number if concerned else None
        language = self.templates.choose(mail.template, *self._wishes(known))
        worded = self.templates.word(mail.template, language, self._values(known, language))
        link = self._farewell(mail)
        comes_back = token_address(mail.sender, self.tokens, number) if self.plus_addresses and number else None
        agent = concerned.agent if concerned and mail.template in BY_A_PERSON else None
        raw = build(
            Letter(
                sender=mail.sender,
                sender_name=f"{one_line(agent)} ({self.name})" if agent else self.name,
                recipient=mail.recipient,
                subject=letter_subject(self.tokens, number, worded.subject),
                message_id=mail.message_id,
                at=mail.created_at.astimezone(self.zone),
                text=worded.text,
                html=worded.html,
                language=worded.language,
                in_reply_to=mail.in_reply_to,
                references=thread_of(known.conversation, mail.in_reply_to),
                reply_to=comes_back,
                headers={**mail.headers, **(leave_headers(link) if link else {})},
            )
        )
        envelope = self._envelope(mail, comes_back)
        signed = sign(raw, mail.sender, self.keys)
        return Composed(Mail(mail.message_id, envelope, wire_address(mail.recipient), signed), worded.failed)

    def _farewell(self, mail: Outgoing) -> str | None:
        """Where its reader asks for no more of its kind; one click needs https (RFC 8058, section 3.1)."""
        if mail.template not in MAY_BE_LEFT or not self.url or not self.url.startswith("https://"):
            return None
        return f"{self.url}{PATH}/{self.tokens.farewell(mail.recipient.lower())}"

    @staticmethod
    def _envelope(mail: Outgoing, comes_back: str | None) -> str:
        """Where a bounce goes: to its case, if the address can say so.

        Else automatic mail goes out under the null reverse-path, which nothing answers (RFC 3834, section 3.3, asks for
        that, or for an address that answers nothing itself, as one with a token is).
        """
        if comes_back:
            return wire_address(comes_back)
        return wire_address(mail.sender) if mail.template in BY_A_PERSON else ""

    @staticmethod
    def _wishes(known: Known) -> Sequence[str | None]:
        """The customer's language, then that of their message; nobody knows those of agents."""
        if known.concerned is None or known.answered is None or known.mail.template not in TO_CUSTOMERS:
            return ()
        found = _LANGUAGE.search(_head(known.answered.head or b""))
        return known.concerned.language, found[1].decode() if found else None

    def _values(self, known: Known, language: str) -> Mapping[str, Any]:
        mail, concerned, answered = known.mail, known.concerned, known.answered
        number = concerned.number if concerned else None
        reference = self.tokens.reference(number) if number else ""
        values: dict[str, Any] = {
            "subject": mail.subject.removeprefix(reference).strip(),
            "text": mail.body,
            "desk": {"name": self.name},
            "case": {
                "number": number,
                "title": concerned.title if concerned else None,
                "status": concerned.status if concerned else None,
                "priority": concerned.priority if concerned else None,
                "reference": reference,
            },
            "contact": {"name": concerned.contact if concerned else None},
            "agent": {"name": concerned.agent if concerned else None},
            "quote": {},
            "unsubscribe": self._farewell(mail),
        }
        if mail.template in BY_A_PERSON and answered is not None and answered.is_it and answered.text and answered.at:
            at = told_time(answered.at.astimezone(self.zone), language)
            author = one_line(answered.author or mail.recipient)
            values["quote"] = {"author": author, "at": at, "text": answered.text[:MAX_QUOTE].strip()}
        return values | {name: self._told(name, value, language) for name, value in mail.data.items()}

    def _told(self, name: str, value: str, language: str) -> str:
        """A value for people: times as they write them."""
        if name not in _TIMES | _DAYS:
            return value
        try:
            at = datetime.fromisoformat(value).astimezone(self.zone)
        except ValueError:
            return value
        if name in _DAYS:
            return at.strftime(words_of(language)["date"].partition(" ")[0])
        return told_time(at, language)


def _head(raw: bytes) -> bytes:
    return re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]

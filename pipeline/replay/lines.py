"""Reads one line of a journal in JSON lines."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import orjson

from pipeline.config import Config
from pipeline.config.channels import Form
from pipeline.connectors.recipients import Recipients
from pipeline.parse.keys import header_ids
from pipeline.parse.web import parse_form
from pipeline.replay.deed_lines import Known, read_deed, shown
from pipeline.replay.payloads import Sources
from pipeline.replay.steps import Arrival, Deed, Mistake
from pipeline.topics import CHANNELS
from pipeline.wire import Envelope

_VERDICTS = ("pass", "fail", "none")
_VERDICT = re.compile(r"(?:[a-z]+=[^;=]*; *)*dmarc=[a-z]+(?:; *[a-z]+=[^;]*)*")


@dataclass(frozen=True, slots=True)
class Found:
    """What a line says, or what is wrong with it."""

    file: str
    line: int | None
    step: Arrival | Deed | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def place(self) -> str:
        """Where it stands."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def mistake(self, says: str) -> Mistake:
        """A mistake at its place."""
        return Mistake(self.file, self.line, says)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the lines of a journal may name."""

    recipients: Recipients
    mailboxes: tuple[str, ...]
    forms: Mapping[str, Form]
    zone: ZoneInfo
    known: Known
    sources: Sources

    @classmethod
    def of(cls, config: Config) -> Self:
        """The desk of a configuration."""
        zone = ZoneInfo(config.desk.timezone)
        return cls(
            recipients=Recipients(config.mailbox),
            mailboxes=tuple(mailbox.address for mailbox in config.mailbox),
            forms={form.name: form for form in config.form},
            zone=zone,
            known=Known(tuple(queue.name for queue in config.queue), tuple(config.fields.case), zone),
            sources=Sources.of(config),
        )

    def takes(self, source: str) -> bool:
        """Whether what comes to a source like `/web/contact` can be read by this configuration."""
        kind, _, name = source.strip("/").partition("/")
        known = {
            "web": self.forms,
            "phone": [one.name for one in self.sources.phones],
            "social": [one.name for one in self.sources.pages],
            "mqtt": [one.name for one in self.sources.feeds],
        }
        return kind not in known or name in known[kind]

    @property
    def first_mailbox(self) -> str:
        """Where mail comes that names no mailbox."""
        return self.mailboxes[0] if self.mailboxes else ""


def read_line(line: bytes, file: str, number: int, desk: Desk) -> Found:
    """The step that a line says, with every mistake in it."""
    reader = _Line(line, Path(file), desk)
    step = reader.step()
    mistakes = tuple(Mistake(file, number, says) for says in reader.says)
    return Found(file, number, None if mistakes else step, mistakes)


def mail_envelope(raw: bytes, *, name: str, at: datetime, mailbox: str, facts: Mapping[str, str]) -> Envelope:
    """A mail as the connector would have published it."""
    ids = header_ids(raw)
    own = ids.message_id or name
    return Envelope(
        id=own,
        channel="email",
        source=f"/email/{mailbox}",
        key=ids.conversation(own),
        time=at,
        content_type="message/rfc822",
        raw=raw,
        facts={"envelopeto": mailbox, "mailbox": mailbox, **facts},
    )


class _Line:
    """A line while it is read; `says` collects its mistakes."""

    def __init__(self, line: bytes, file: Path, desk: Desk) -> None:
        self.says: list[str] = []
        self._file = file
        self._desk = desk
        self._values: dict[str, Any] = {}
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            self.says.append(f"not JSON: {error}")
            return
        if isinstance(values, dict):
            self._values = values
        else:
            self.says.append("a line is a JSON object")

    def step(self) -> Arrival | Deed | None:
        if self.says:
            return None
        at = self._at()
        if "do" in self._values:
            deed, says = read_deed(self._values, at, self._desk.known)
            self.says += says
            return deed
        channel = self._values.get("channel")
        read: Callable[[str, datetime], Envelope | None]
        if "source" in self._values and channel in CHANNELS:
            read = self._whole
        elif channel == "email":
            read = self._mail
        elif channel == "web":
            read = self._form
        elif channel in {"phone", "social", "iot"}:
            read = self._payload
        else:
            says = f'"channel" is {shown(channel)}, which cannot be rehearsed; there are: {", ".join(CHANNELS)}'
            self.says.append(says)
            return None
        name = self._text("id", needed=True)
        envelope = read(name or "", at) if at else None
        was = self._values.get("was")
        before = self._values.get("before") is True
        return Arrival(name, envelope, before, was if isinstance(was, dict) else None) if name and envelope else None

    def _at(self) -> datetime | None:
        value = self._values.get("at")
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            self.says.append(f'"at" is {shown(value)}; write a time like "2026-03-02T11:00:00+01:00"')
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self._desk.zone)

    def _text(self, key: str, *, needed: bool = False) -> str | None:
        value = self._values.get(key)
        if isinstance(value, str) and (value or not needed):
            return value
        if needed or value is not None:
            self.says.append(f'"{key}" must be text, and is {shown(value)}')
        return None

    # ---- messages

    def _whole(self, name: str, at: datetime) -> Envelope | None:
        """A message as `casestream journal` writes it: from which source, under which id, with all that was known."""
        source, own = self._text("source", needed=True), self._text("source_id") or name
        content_type = self._text("content_type", needed=True)
        facts = self._values.get("facts", {})
        if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
            self.says.append(f'"facts" must be an object of texts, and is {shown(facts)}')
            return None
        raw = self._raw()
        if raw is None or source is None or content_type is None or self.says:
            return None
        if not self._desk.takes(source):
            self.says.append(f'the configuration has nothing that takes what comes to "{source}"')
            return None
        channel: str = self._values["channel"]
        key = header_ids(raw).conversation(own) if channel == "email" else own
        return Envelope(
            id=own, channel=channel, source=source, key=key, time=at, content_type=content_type, raw=raw, facts=facts
        )

    def _mail(self, name: str, at: datetime) -> Envelope | None:
        mailbox = self._text("mailbox") or self._desk.first_mailbox
        if self._desk.recipients.find(mailbox) is None:
            there = ", ".join(self._desk.mailboxes) or "none"
            self.says.append(f'no [[mailbox]] takes mail to "{mailbox}"; there are: {there}')
        auth = self._auth()
        raw = self._raw()
        if raw is None or self.says:
            return None
        return mail_envelope(raw, name=name, at=at, mailbox=mailbox, facts={"authresults": auth})

    def _auth(self) -> str:
        """What was found out about the sender: a word, or all of it, as the connector writes it."""
        auth = self._values.get("auth", "none")
        if auth in _VERDICTS:
            return f"dmarc={auth}"
        if isinstance(auth, str) and _VERDICT.fullmatch(auth):
            return auth
        self.says.append(f'"auth" is {shown(auth)}; there are: {", ".join(_VERDICTS)}')
        return ""

    def _raw(self) -> bytes | None:
        given = [key for key in ("file", "raw", "raw_base64") if key in self._values]
        if len(given) != 1:
            self.says.append('a mail is given by one of "file", "raw", "raw_base64"')
            return None
        if (value := self._text(given[0])) is None:
            return None
        try:
            if given[0] == "raw_base64":
                return base64.b64decode(value, validate=True)
            return value.encode("utf-8") if given[0] == "raw" else (self._file.parent / value).read_bytes()
        except binascii.Error as error:
            self.says.append(f'"raw_base64" is no base64: {error}')
        except OSError as error:
            self.says.append(f"cannot read {self._file.parent / value}: {error.strerror}")
        return None

    def _form(self, name: str, at: datetime) -> Envelope | None:
        payload = self._values.get("payload")
        form = self._desk.forms.get(str(payload.get("form"))) if isinstance(payload, dict) else None
        if form is None:
            there = ", ".join(self._desk.forms) or "none"
            self.says.append(f'"payload" must be an object whose "form" names a [[form]]; there are: {there}')
            return None
        raw = orjson.dumps(payload)
        seen = parse_form(raw, "application/json", form)
        facts = {"form": form.name}
        if seen.trap:
            facts["honeypot"] = "true"
        if key := self._text("idempotency_key"):
            facts["idempotencykey"] = key
        return Envelope(
            id=name,
            channel="web",
            source=f"/web/{form.name}",
            key=(seen.email or "").lower() or name,
            time=at,
            content_type="application/json",
            raw=raw,
            facts=facts,
        )

    def _payload(self, name: str, at: datetime) -> Envelope | None:
        if "payload" not in self._values:
            self.says.append('"payload" is missing; it is what the source sends')
            return None
        payload, channel = self._values["payload"], self._values["channel"]
        phone, format_ = self._text("phone"), self._text("format")
        topic = self._text("topic", needed=channel == "iot")
        if self.says:
            return None
        try:
            if channel == "phone":
                return self._desk.sources.call(payload, name=name, at=at, phone=phone, format_=format_)
            if channel == "social":
                return self._desk.sources.item(payload, at=at)
            kept = self._values.get("retained") is True
            return self._desk.sources.reading(payload, name=name, at=at, topic=topic or "", retained=kept)
        except ValueError as error:
            self.says.append(str(error))
            return None

"""Mail servers and browsers: each keeps its connection, and sends again what was not acknowledged."""

import http.client
import smtplib
import threading
from collections import Counter
from dataclasses import dataclass
from random import Random

import orjson

from .desk import FORM, MAILBOX
from .oracle import Acked, Oracle

ANSWER_WITHIN = 25.0
AGAIN_AFTER = 0.3

SPELLED = str.maketrans("0123456789", "abcdefghij")
"""A mail says its name in letters: mails that differ in digits alone are a storm."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail; ids are without their `<>`."""

    id: str
    sender: str
    answers: str | None = None
    references: tuple[str, ...] = ()
    filler: int = 0
    conversation: str | None = None
    place: int | None = None

    def raw(self) -> str:
        """The mail as it is sent."""
        lines = [f"From: Customer <{self.sender}>", f"To: {MAILBOX}", f"Subject: About {self.id}"]
        lines.append(f"Message-ID: <{self.id}>")
        if self.answers:
            lines.append(f"In-Reply-To: <{self.answers}>")
        if self.references:
            lines.append("References: " + " ".join(f"<{one}>" for one in self.references))
        body = [f"It does not print, says {self.id.translate(SPELLED)}.", *["x" * 70] * (self.filler // 70)]
        return "\r\n".join([*lines, "", *body, ""])


class MailSender:
    """One mail server with one kept session."""

    def __init__(self, port: int, oracle: Oracle, refused: Counter[str]) -> None:
        self._port = port
        self._oracle = oracle
        self._refused = refused
        self._session: smtplib.SMTP | None = None

    def send(self, mail: Mail) -> bool:
        """Whether the mail was acknowledged."""
        try:
            if self._session is None:
                self._session = smtplib.SMTP("127.0.0.1", self._port, timeout=ANSWER_WITHIN)
                self._session.ehlo()
            self._session.sendmail(mail.sender, [MAILBOX], mail.raw())
        except (OSError, smtplib.SMTPException) as error:
            code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
            self._refused[f"{type(error).__name__}{code}"] += 1
            self.close()
            return False
        self._oracle.note(Acked("mail", f"<{mail.id}>", mail.conversation, mail.place))
        return True

    def send_until_taken(self, mail: Mail, stop: threading.Event) -> bool:
        """Send it again until it is acknowledged, or until `stop`."""
        while not stop.is_set():
            if self.send(mail):
                return True
            stop.wait(AGAIN_AFTER)
        return False

    def close(self) -> None:
        """Give the session up; it may be broken."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


class FormSender:
    """One browser that posts forms."""

    def __init__(self, port: int, oracle: Oracle, refused: Counter[str]) -> None:
        self._port = port
        self._oracle = oracle
        self._refused = refused
        self._connection: http.client.HTTPConnection | None = None

    def post(self, key: str) -> bool:
        """Whether the form of this Idempotency-Key was acknowledged."""
        form = {"email": f"{key}@web.example", "subject": f"About {key}", "text": f"It does not print, says {key}."}
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_WITHIN)
            self._connection.request("POST", f"/form/{FORM}", orjson.dumps(form), headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._refused[type(error).__name__] += 1
            self.close()
            return False
        if answer.status != http.HTTPStatus.ACCEPTED:
            self._refused[f"HTTP {answer.status}"] += 1
            return False
        self._oracle.note(Acked("form", key))
        return True

    def close(self) -> None:
        """Give the connection up; it may be broken."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def dice(seed: str) -> Random:
    """Chances that a seed repeats."""
    return Random(seed)  # noqa: S311  # no secrets are made of it

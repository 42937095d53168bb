"""Decides what is written next: a stream of deliveries that looks like a week at a busy desk."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from pipeline.demo import calls, forms, mails, posts
from pipeline.demo.calls import Calls
from pipeline.demo.devices import Devices
from pipeline.demo.mails import Draft
from pipeline.demo.posts import Posts
from pipeline.demo.texts import NEWSLETTER, PEOPLE, Person, Topic

SUPPORT = "support@demo.example"
BILLING = "billing@demo.example"
FORM = "contact"
EXCHANGE = "pbx"
SOCIAL_PAGE = "facebook"

_OPEN_CONVERSATIONS = 300
_LONGEST_CONVERSATION = 6

KINDS: dict[str, int] = {
    "new": 24,
    "reply": 34,
    "paper": 8,
    "two mailboxes": 5,
    "again": 5,
    "away": 4,
    "bounce": 3,
    "newsletter": 3,
    "form": 9,
    "form with file": 4,
    "robot": 1,
    "call": 10,
    "post": 8,
    "reading": 12,
}
"""How often each kind is chosen, out of their sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing to deliver. A mail is known by its Message-ID, a form by the receipt that it will get.

    `to` is the mailbox, the name of the form, the exchange or the page, or the topic. A form's `id` is its
    Idempotency-Key; what a device measures has none.
    """

    channel: str
    kind: str
    id: str
    to: str
    body: bytes
    sender: str = ""
    content_type: str = "message/rfc822"


@dataclass(slots=True)
class _Conversation:
    person: Person
    topic: Topic
    to: str
    subject: str
    last: str
    ids: list[str]


class Traffic:
    """An endless stream; the same `seed` writes the same, `run` makes its ids different from any other run's."""

    def __init__(self, seed: int, run: str, now: Callable[[], datetime]) -> None:
        self._random = Random(seed)  # noqa: S311  # it chooses what to write about
        self._run = run
        self._now = now
        self._count = 0
        self._conversations: deque[_Conversation] = deque(maxlen=_OPEN_CONVERSATIONS)
        self._sent: deque[Delivery] = deque(maxlen=_OPEN_CONVERSATIONS)
        self._calls = Calls(self._random)
        self._posts = Posts(self._random, now)
        self._devices = Devices(self._random, now)
        self._makers: dict[str, Callable[[], list[Delivery]]] = {
            "new": self._new,
            "reply": self._reply,
            "paper": self._paper,
            "two mailboxes": self._two_mailboxes,
            "again": self._again,
            "away": self._away,
            "bounce": self._bounce,
            "newsletter": self._newsletter,
            "form": self._form,
            "form with file": self._form_with_file,
            "robot": self._robot,
            "call": self._call,
            "post": self._post,
            "reading": self._reading,
        }

    def next(self) -> list[Delivery]:
        """What comes next: one delivery, or the same mail for two mailboxes."""
        (kind,) = self._random.choices(list(KINDS), list(KINDS.values()))
        return self._makers[kind]()

    def _id(self) -> str:
        self._count += 1
        return f"{self._run}-{self._count}"

    def _begin(self) -> _Conversation:
        person = self._random.choice(PEOPLE)
        topic = self._random.choice(person.topics)
        number = str(self._random.randrange(20_000, 99_999))
        to = BILLING if "nvoice" in topic.subject or "Rechnung" in topic.subject else SUPPORT
        opening = topic.opening.format(number=number)
        conversation = _Conversation(person, topic, to, topic.subject.format(number=number), opening, [])
        self._conversations.append(conversation)
        return conversation

    def _draft(self, conversation: _Conversation, subject: str) -> Draft:
        person = conversation.person
        draft = Draft(
            sender=person,
            to=conversation.to,
            message_id=f"<{self._id()}@{person.address.partition('@')[2]}>",
            at=self._now(),
            subject=subject,
            references=tuple(conversation.ids),
        )
        conversation.ids.append(draft.message_id)
        return draft

    def _mail(self, kind: str, draft: Draft, body: bytes, sender: str | None = None) -> Delivery:
        address = draft.sender.address if sender is None else sender
        mail = Delivery(channel="email", kind=kind, id=draft.message_id, to=draft.to, body=body, sender=address)
        self._sent.append(mail)
        return mail

    def _new(self) -> list[Delivery]:
        conversation = self._begin()
        draft = self._draft(conversation, conversation.subject)
        return [self._mail("new", draft, mails.plain(draft, conversation.last))]

    def _reply(self) -> list[Delivery]:
        running = [one for one in self._conversations if len(one.ids) < _LONGEST_CONVERSATION]
        if not running:
            return self._new()
        conversation = self._random.choice(running)
        draft = self._draft(conversation, f"Re: {conversation.subject}")
        text = self._random.choice(conversation.topic.later)
        body = mails.reply(draft, text, conversation.last)
        conversation.last = text
        return [self._mail("reply", draft, body)]

    def _paper(self) -> list[Delivery]:
        conversation = self._begin()
        draft = self._draft(conversation, conversation.subject)
        return [self._mail("paper", draft, mails.with_paper(draft, conversation.last))]

    def _two_mailboxes(self) -> list[Delivery]:
        (mail,) = self._new()
        other = BILLING if mail.to == SUPPORT else SUPPORT
        return [mail, replace(mail, kind="two mailboxes", to=other)]

    def _again(self) -> list[Delivery]:
        """A mail server that saw no answer delivers a second time."""
        if not self._sent:
            return self._new()
        return [replace(self._random.choice(self._sent), kind="again")]

    def _away(self) -> list[Delivery]:
        if not self._conversations:
            return self._new()
        conversation = self._random.choice(self._conversations)
        draft = replace(self._draft(conversation, f"Out of office: {conversation.subject}"), at=self._now())
        return [self._mail("away", draft, mails.away(draft), sender="")]

    def _bounce(self) -> list[Delivery]:
        person = self._random.choice(PEOPLE)
        lost = Draft(
            sender=person,
            to=SUPPORT,
            message_id=f"<{self._id()}@mx.harbourprint.example>",
            at=self._now(),
            subject="Undelivered mail returned to sender",
        )
        returned = f"<{self._id()}@elsewhere.example>"
        return [self._mail("bounce", lost, mails.bounce(lost, person.address, returned), sender="")]

    def _newsletter(self) -> list[Delivery]:
        person = self._random.choice(PEOPLE)
        domain = person.address.partition("@")[2]
        letter = Draft(
            sender=person, to=SUPPORT, message_id=f"<{self._id()}@{domain}>", at=self._now(), subject=NEWSLETTER[0]
        )
        return [self._mail("newsletter", letter, mails.newsletter(letter))]

    def _fields(self) -> dict[str, str]:
        person = self._random.choice(PEOPLE)
        topic = self._random.choice(person.topics)
        number = str(self._random.randrange(20_000, 99_999))
        subject, text = topic.subject.format(number=number), topic.opening.format(number=number)
        reference = f"Reference {self._run}/{self._count}."
        return {"name": person.name, "email": person.address, "subject": subject, "text": f"{text}\n\n{reference}"}

    def _filled(self, kind: str, content_type: str, body: bytes) -> list[Delivery]:
        return [Delivery(channel="web", kind=kind, id=self._id(), to=FORM, body=body, content_type=content_type)]

    def _form(self) -> list[Delivery]:
        return self._filled("form", *forms.as_json(self._fields()))

    def _form_with_file(self) -> list[Delivery]:
        fields = self._fields()
        return self._filled("form with file", *forms.as_browser(fields, "report.txt", fields["text"].encode()))

    def _robot(self) -> list[Delivery]:
        """It fills the field that people do not see."""
        return self._filled("robot", *forms.as_json({**self._fields(), "website": "https://pills.example"}))

    def _call(self) -> list[Delivery]:
        id_, body = self._calls.next(self._id())
        return [Delivery(channel="phone", kind="call", id=id_, to=EXCHANGE, body=body, content_type=calls.CONTENT_TYPE)]

    def _post(self) -> list[Delivery]:
        id_, body = self._posts.next(self._id())
        return [
            Delivery(channel="social", kind="post", id=id_, to=SOCIAL_PAGE, body=body, content_type=posts.CONTENT_TYPE)
        ]

    def _reading(self) -> list[Delivery]:
        id_, topic, payload = self._devices.next()
        return [Delivery(channel="iot", kind="reading", id=id_, to=topic, body=payload, content_type="")]

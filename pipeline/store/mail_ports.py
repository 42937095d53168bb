"""What mail asks of the store, beside what every message does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pipeline.domain.storms import Arrival


@dataclass(frozen=True, slots=True)
class MailWanted:
    """What a batch with mail asks before it decides, as of `at`, which is when its first message came.

    `ours` are Message-IDs of our own domain, `likes` what mails are like, `recipients` whom we may acknowledge to,
    `guessers` who bore references that prove nothing, `returned` the mails that reports say did not arrive.
    """

    at: datetime | None = None
    ours: Collection[str] = ()
    likes: Collection[str] = ()
    recipients: Collection[str] = ()
    guessers: Collection[str] = ()
    returned: Collection[str] = ()
    newcomers: bool = False


ANSWER = "answer"
"""The template of what an agent sent from a program of their own."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail of ours, as far as its return or its answer is judged by it."""

    case_id: UUID | None
    recipient: str
    template: str


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What the store knows: mails of ours by Message-ID, and times of the last hour or day.

    `likes` are the last like mails of a sender, `acknowledged` when an address was acknowledged to, `bounced` the
    addresses that cannot be reached, `misses` when a sender's references proved nothing, `newcomers` when forms named
    an address that we did not know; `answers` are those mails among the `returned` that agents sent past us.
    """

    sent: Mapping[str, Sent] = field(default_factory=dict)
    likes: Mapping[str, Sequence[Arrival]] = field(default_factory=dict)
    acknowledged: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    bounced: Collection[str] = frozenset()
    misses: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    newcomers: Sequence[datetime] = ()
    answers: Mapping[str, Sent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The first message of an address that we did not know, by what it says; `case_id` is the case it is on."""

    key: str
    channel: str
    address: str
    at: datetime
    case_id: UUID | None


@dataclass(frozen=True, slots=True)
class Bounced:
    """An address that could not be reached, since when and why; `message_id` is our mail that came back."""

    address: str
    at: datetime
    status: str
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Watch:
    """A case that another mailbox than its own sees too, since its mail went to both."""

    case_id: UUID
    mailbox: str
    queue: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an agent, and their manager, get mail."""

    agent: str
    address: str | None
    manager: str | None
    manager_address: str | None


@dataclass(slots=True)
class MailChanges:
    """What a batch with mail writes beside all else."""

    likes: dict[str, Sequence[Arrival]] = field(default_factory=dict)
    misses: list[tuple[str, datetime]] = field(default_factory=list)
    newcomers: list[Newcomer] = field(default_factory=list)
    bounced: list[Bounced] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)


class MailQuestions(Protocol):
    """What a transaction answers about mail where someone must know; nothing is asked of an ordinary mail."""

    async def newcomers(self, keys: Collection[str], since: datetime) -> Sequence[Newcomer]:
        """Who else sent one of these texts first, since a time, in the order of time."""

    async def touched(self, cases: Collection[UUID]) -> Mapping[UUID, datetime]:
        """When people of ours last did something on these cases."""

    async def wrote_to(self, cases: Collection[UUID], addresses: Collection[str]) -> Collection[tuple[UUID, str]]:
        """To which of these addresses, in lower case, we wrote on these cases, as to customers."""

    async def reach(self, agents: Collection[UUID]) -> Mapping[UUID, Reach]:
        """Where these agents and their managers get mail."""

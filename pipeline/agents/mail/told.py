"""What a mail tells beside what every message does, on its way through intake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pipeline.domain.speaker import Belief
from pipeline.domain.storms import Arrival
from pipeline.domain.tokens import Notice
from pipeline.parse.message import Address, Bounce
from pipeline.store.mail_ports import MailChanges, Newcomer


@dataclass(frozen=True, slots=True, kw_only=True)
class MailMessage:
    """What a mail is, where it goes, what it is like.

    `mailbox` is the one that owns it, `key` is by what it is known wherever it went, `others` are those that got it too
    (mailbox and queue), `twins` those of them that it was delivered to at once where each opens a case of its own.
    `recipients` are all in To and Cc but ourselves, `people` these and the sender as links keep them. `references` are
    numbers of cases that references in its text or files prove, by source; `misses` counts those in its subject that
    prove nothing, `guesses` holds when there is any. `notices` may be tokens of notifications to an agent, `ours` ids
    of our domain that it bears or mentions. `if_agent` is how far it is believed if its sender turns out to be an
    agent; `as_mailbox` holds when it was surely sent as a mailbox of ours. `written` is what its author newly wrote,
    where that may go to a customer; `may_end` holds when it is believed that something is over. `like` is what storms
    are known by, `text` what the same text of others is.
    """

    mailbox: str
    key: str = ""
    others: tuple[tuple[str, str], ...] = ()
    twins: tuple[tuple[str, str], ...] = ()
    recipients: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()
    alike: str | None = None
    references: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    misses: int = 0
    guesses: bool = False
    notices: tuple[Notice, ...] = ()
    ours: tuple[str, ...] = ()
    if_agent: Belief = field(default_factory=lambda: Belief("unproven"))
    as_mailbox: bool = False
    forwarded: Address | None = None
    written: str = ""
    bounce: Bounce | None = None
    may_end: bool = True
    like: tuple[str, str] = ("", "")
    text: str = ""


@dataclass(slots=True)
class MailState:
    """What a batch with mail knows: like mails so far, by what they are like; newcomers by their text.

    `touched` is when people of ours last did something on cases of like mails.
    """

    likes: dict[str, list[Arrival]] = field(default_factory=dict)
    newcomers: dict[str, list[Newcomer]] = field(default_factory=dict)
    touched: dict[UUID, datetime] = field(default_factory=dict)
    changes: MailChanges = field(default_factory=MailChanges)

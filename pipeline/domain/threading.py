"""Threading: which case a mail belongs to, and by what signal."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

MAX_ID = 400
"""Longer ids are kept as their digest, so that they fit an index."""

MAX_MENTIONING_CONTACTS = 5
"""An id that more contacts mention than this is a newsletter's or a list's; it joins nothing."""

SHARED_PEOPLE = 2
"""Mails of strangers to each other that mention the same id are of one conversation when they share so many people."""

MAX_LINKS = 20
"""Links of one id that are looked at, a mail's own first, then the oldest; who reuses an id makes no endless work."""


@dataclass(frozen=True, slots=True)
class ThreadLink:
    """An id that a stored mail of a case bears (`own`) or only mentions, and whose mail that was.

    Of one that it only mentions also the `mailbox` it came to, and between whom (`people`, as `person_key` writes
    them, without ourselves).
    """

    id: str
    case_id: UUID
    own: bool
    contact_id: UUID | None
    mailbox: str | None = None
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Correspondents:
    """Between whom a mail goes: its sender's contact, everybody but ourselves, the mailbox of ours."""

    contact_id: UUID | None = None
    people: frozenset[str] = frozenset()
    mailbox: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that a signal names, with the reason a person can read."""

    case_id: UUID
    by: str
    reason: str


def thread_key(message_id: str) -> str:
    """The form in which an id is stored and compared: itself, or a digest when it is very long."""
    if len(message_id) <= MAX_ID:
        return message_id
    return "sha256:" + hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest()


_REASONS: Mapping[str, str] = {
    "token": "it bears our signed token",
    "subject_reference": "its subject bears our signed reference",
    "body_reference": "its text bears our signed reference",
    "attachment_reference": "a file in it bears our signed reference",
}


def person_key(address: str) -> str:
    """A person's address as a link keeps it: short, and readable for nobody."""
    return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=6).hexdigest()


def subject_key(subject: str, people: Iterable[str], mailbox: str) -> str:
    """The id under which mails of one subject between the same people are known."""
    named = "\0".join([mailbox, subject, *sorted(people)])
    return "subject:" + hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=16).hexdigest()


def candidates(
    *,
    named: Mapping[str, Iterable[UUID]],
    own: str | None,
    mentioned: Sequence[str],
    alike: str | None,
    between: Correspondents,
    links: Mapping[str, Iterable[ThreadLink]],
    sources: Sequence[str],
) -> Iterator[Candidate]:
    """The cases a mail may belong to, best signal first.

    `named` are, by source, the cases of tokens and references whose signature holds. `mentioned` holds In-Reply-To,
    then References from the newest. A known Message-ID of a stored mail is the signal `message_id`. An id that stored
    mails only mention joins mails of one contact, or of one mailbox that share two people; a late root joins the
    answers that mention it (`own`) by the same rule. `alike` is the mail's `subject_key`.
    """
    for source in sources:
        if source == "message_id":
            yield from _by_ids(own, mentioned, between, links)
        elif source == "same_subject":
            for link in islice(links.get(alike or "", ()), MAX_LINKS):
                reason = "a mail of the same subject went between the same people"
                yield Candidate(link.case_id, "same_subject", reason)
        else:
            yield from (Candidate(case, source, _REASONS[source]) for case in named.get(source, ()))


def _by_ids(
    own: str | None, mentioned: Sequence[str], between: Correspondents, links: Mapping[str, Iterable[ThreadLink]]
) -> Iterator[Candidate]:
    for message_id in mentioned:
        for link in islice(links.get(message_id, ()), MAX_LINKS):
            if link.own:
                yield Candidate(link.case_id, "message_id", f"it answers {message_id}")
    for message_id in (*mentioned, *((own,) if own else ())):
        yield from _by_mention(message_id, between, islice(links.get(message_id, ()), MAX_LINKS))


def _by_mention(message_id: str, between: Correspondents, links: Iterable[ThreadLink]) -> Iterator[Candidate]:
    mentions = [link for link in links if not link.own]
    if len({link.contact_id for link in mentions}) > MAX_MENTIONING_CONTACTS:
        return
    for link in mentions:
        if between.contact_id is not None and link.contact_id == between.contact_id:
            yield Candidate(link.case_id, "message_id", f"an earlier mail of the same contact mentions {message_id}")
        elif _share(link, between):
            reason = f"an earlier mail between the same people mentions {message_id}"
            yield Candidate(link.case_id, "message_id", reason)


def _share(link: ThreadLink, between: Correspondents) -> bool:
    return (
        between.mailbox is not None
        and link.mailbox == between.mailbox
        and len(between.people.intersection(link.people)) >= SHARED_PEOPLE
    )

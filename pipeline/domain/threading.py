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

MAX_LINKS = 20
"""Links of one id that are looked at, a mail's own first, then the oldest; who reuses an id makes no endless work."""


@dataclass(frozen=True, slots=True)
class ThreadLink:
    """An id that a stored mail of a case bears (`own`) or only mentions, and whose mail that was."""

    id: str
    case_id: UUID
    own: bool
    contact_id: UUID | None


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


def candidates(
    *,
    token_cases: Iterable[UUID],
    subject_cases: Iterable[UUID],
    own: str | None,
    mentioned: Sequence[str],
    contact_id: UUID | None,
    links: Mapping[str, Iterable[ThreadLink]],
    sources: Sequence[str],
) -> Iterator[Candidate]:
    """The cases a mail may belong to, best signal first.

    `token_cases` and `subject_cases` are named by tokens and subject references whose signature holds. `mentioned`
    holds In-Reply-To, then References from the newest. A known Message-ID of a stored mail is the signal
    `message_id`. An id that stored mails only mention joins for the same contact alone, and a late root joins the
    answers that mention it (`own`) by the same rule.
    """
    for source in sources:
        if source == "token":
            yield from (Candidate(case, "token", "it bears our signed token") for case in token_cases)
        elif source == "subject_reference":
            reason = "its subject bears our signed reference"
            yield from (Candidate(case, "subject_reference", reason) for case in subject_cases)
        elif source == "message_id":
            for message_id in mentioned:
                for link in islice(links.get(message_id, ()), MAX_LINKS):
                    if link.own:
                        yield Candidate(link.case_id, "message_id", f"it answers {message_id}")
            for message_id in (*mentioned, *((own,) if own else ())):
                yield from _by_mention(message_id, contact_id, islice(links.get(message_id, ()), MAX_LINKS))


def _by_mention(message_id: str, contact_id: UUID | None, links: Iterable[ThreadLink]) -> Iterator[Candidate]:
    mentions = [link for link in links if not link.own]
    contacts = {link.contact_id for link in mentions}
    if contact_id is None or len(contacts) > MAX_MENTIONING_CONTACTS:
        return
    for link in mentions:
        if link.contact_id == contact_id:
            yield Candidate(link.case_id, "message_id", f"an earlier mail of the same contact mentions {message_id}")

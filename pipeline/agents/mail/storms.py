"""Collects what tells a storm from mail that people write."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from pipeline.agents.batch import Batch, Incoming
from pipeline.domain.cases import Case
from pipeline.domain.storms import HOUR, MOST_A_DAY, MOST_NEWCOMERS, Arrival, Fold, fold, kept, likeness
from pipeline.store.mail_ports import Newcomer
from pipeline.store.ports import Transaction

STORM = "storm"
"""The flag of a case that like mails were folded into."""

FEWEST_WORDS = 3
"""A text of fewer words may well be many people's own."""


class Storms:
    """Reads the like mails of each sender, and who else sent the text of a newcomer."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Ask only what some mail needs: hardly any has likes, few are a newcomer's."""
        batch.mail.likes = {key: [*arrivals] for key, arrivals in batch.facts.mail.likes.items()}
        many = [arrivals for arrivals in batch.mail.likes.values() if len(arrivals) >= MOST_A_DAY - 1]
        if cases := {arrival.case_id for arrivals in many for arrival in arrivals}:
            batch.mail.touched = dict(await tx.mail.touched(cases))
        new = [message for message in batch.undecided() if is_newcomer(message)]
        if texts := {key for message in new if (key := text_of(message)) is not None}:
            since = min(message.received for message in new) - HOUR
            for known in await tx.mail.newcomers(texts, since):
                batch.mail.newcomers.setdefault(known.key, []).append(known)


def is_newcomer(message: Incoming) -> bool:
    """Whether it is the first message of an address."""
    return message.is_new and message.kind in {"email", "web"}


def text_of(message: Incoming) -> str | None:
    """By what its text is known when others send it too.

    None when it says too little, or answers something: very many people may answer one newsletter in the same words.
    """
    if message.mentioned or len(f"{message.subject} {message.text}".split(maxsplit=FEWEST_WORDS)) < FEWEST_WORDS:
        return None
    return message.mail.text if message.mail is not None else likeness(message.subject, message.text).text


def stormy_cases(message: Incoming, batch: Batch) -> Iterator[UUID]:
    """The cases that it may be folded into."""
    if message.mail is not None:
        arrivals = batch.mail.likes.get(message.mail.like[0], ())
        if len(arrivals) >= MOST_A_DAY:
            yield from {arrival.case_id for arrival in arrivals}
    if is_newcomer(message) and (key := text_of(message)) is not None:
        yield from [known.case_id for known in batch.mail.newcomers.get(key, ())[:1] if known.case_id]


def folded(message: Incoming, batch: Batch) -> Fold | None:
    """The case that it is folded into instead of opening one."""
    mail = message.mail
    if mail is not None and mail.like[0] and message.standing != "refuted":
        arrivals = batch.mail.likes.get(mail.like[0], [])
        touched = (at for arrival in arrivals if (at := batch.mail.touched.get(arrival.case_id)) is not None)
        if found := fold(arrivals, message.received, mail.like[1], touched):
            return found
    if is_newcomer(message) and (key := text_of(message)) is not None:
        known = [one for one in batch.mail.newcomers.get(key, ()) if _within_hour(one, message)]
        if len({one.address for one in known}) >= MOST_NEWCOMERS and known[0].case_id is not None:
            reason = f"more than {MOST_NEWCOMERS} addresses that we did not know sent its text within an hour"
            return Fold(known[0].case_id, reason)
    return None


def note_arrival(message: Incoming, case: Case, batch: Batch, *, was_folded: bool) -> None:
    """Keep that it came, so that the next like one is known for it."""
    mail = message.mail
    if mail is not None and mail.like[0] and message.standing != "refuted":
        arrivals = batch.mail.likes.setdefault(mail.like[0], [])
        arrivals.append(Arrival(message.received, mail.like[1], case.id, was_folded))
        batch.mail.changes.likes[mail.like[0]] = kept(arrivals)
    if is_newcomer(message) and message.sender:
        key = text_of(message) or ""
        if not key and message.kind != "web":
            return
        known = batch.mail.newcomers.setdefault(key, [])
        target = known[0].case_id if known else case.id
        one = Newcomer(key, message.kind, message.sender, message.received, target)
        known.append(one)
        batch.mail.changes.newcomers.append(one)


def _within_hour(one: Newcomer, message: Incoming) -> bool:
    return timedelta() <= message.received - one.at < HOUR

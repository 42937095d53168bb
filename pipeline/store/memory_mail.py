"""What intake asks and writes for mail, in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.letters import TO_A_CUSTOMER
from pipeline.domain.matching import Identity
from pipeline.store.mail_ports import ANSWER, MailChanges, MailFacts, MailWanted, Newcomer, Reach, Sent

if TYPE_CHECKING:
    from pipeline.store.memory import Tables

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OURS = frozenset({"note", "task", "resolution", "appointment"})


def known_mail(tables: "Tables", wanted: MailWanted) -> MailFacts:
    """What is known about what was wanted."""
    if wanted.at is None:
        return MailFacts()
    since = wanted.at - _HOUR
    acknowledged: dict[str, list[datetime]] = {}
    for mail in tables.outbound.values():
        recent = mail.created_at > wanted.at - _DAY and mail.template == "acknowledgement"
        if recent and mail.recipient in wanted.recipients:
            acknowledged.setdefault(mail.recipient, []).append(mail.created_at)
    misses: dict[str, list[datetime]] = {}
    for sender, at in tables.misses.values():
        if sender in wanted.guessers and at > since:
            misses.setdefault(sender, []).append(at)
    sent = (tables.outbound[one] for one in wanted.ours if one in tables.outbound)
    from_forms = (one.at for one in tables.newcomers.values() if one.channel == "web" and one.at > since)
    return MailFacts(
        sent={mail.message_id: Sent(mail.case_id, mail.recipient, mail.template) for mail in sent},
        likes={key: tuple(tables.likes[key]) for key in wanted.likes if key in tables.likes},
        acknowledged={address: sorted(times) for address, times in acknowledged.items()},
        bounced=frozenset(address for address in wanted.recipients if address in tables.bounced),
        misses={sender: sorted(times) for sender, times in misses.items()},
        newcomers=sorted(from_forms) if wanted.newcomers else (),
        answers=dict(_answers(tables, wanted.returned)),
    )


def _answers(tables: "Tables", returned: Collection[str]) -> Iterator[tuple[str, Sent]]:
    for message in tables.messages.values():
        row = tables.activities.get(message.activity_id) if message.activity_id else None
        if message.source_id not in returned or row is None or (row.kind, row.direction) != ("email", "out"):
            continue
        for link in tables.links:
            if link.own and link.id == message.source_id and link.case_id in {message.case_id, row.case_id}:
                yield link.id, Sent(link.case_id, row.recipient or "", ANSWER)


class MemoryMail:
    """What intake asks about mail where it must."""

    def __init__(self, tables: "Tables") -> None:
        self._tables = tables

    async def newcomers(self, keys: Collection[str], since: datetime) -> Sequence[Newcomer]:
        """Who else sent one of these texts first, since a time."""
        found = (one for one in self._tables.newcomers.values() if one.key in keys and one.at > since)
        return sorted(found, key=lambda one: (one.key, one.at))

    async def touched(self, cases: Collection[UUID]) -> Mapping[UUID, datetime]:
        """When people of ours last did something on these cases."""
        found: dict[UUID, datetime] = {}
        for one in self._tables.activities.values():
            if one.case_id in cases and one.case_id and (one.direction == "out" or one.kind in _OURS):
                found[one.case_id] = max(one.at, found.get(one.case_id, one.at))
        return found

    async def reach(self, agents: Collection[UUID]) -> Mapping[UUID, Reach]:
        """Where these agents and their managers get mail."""
        return {agent: self._tables.reach[agent] for agent in agents if agent in self._tables.reach}

    async def wrote_to(self, cases: Collection[UUID], addresses: Collection[str]) -> Collection[tuple[UUID, str]]:
        """To which of these addresses we wrote on these cases, as to customers."""
        mails = (one for one in self._tables.outbound.values() if one.template in TO_A_CUSTOMER)
        found = ((one.case_id, one.recipient.lower()) for one in mails if one.case_id is not None)
        return {(case, address) for case, address in found if case in cases and address in addresses}


def write_mail(tables: "Tables", changes: MailChanges) -> None:
    """Write what there is."""
    tables.likes.update({key: tuple(arrivals) for key, arrivals in changes.likes.items() if arrivals})
    tables.misses.update(enumerate(changes.misses, start=len(tables.misses)))
    tables.newcomers.update(enumerate(changes.newcomers, start=len(tables.newcomers)))
    known = (one for one in changes.bounced if Identity("email", one.address) in tables.identities)
    tables.bounced.update({one.address: one for one in known})
    for watch in changes.watches:
        tables.watches.setdefault((watch.case_id, watch.mailbox), watch)

"""Merges contacts, and takes them apart again: identities and cases move, and move back."""

from collections.abc import AsyncIterator, Collection, Mapping
from uuid import UUID

import stamina
from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, ContactTold, Deed
from pipeline.agents.consequences import Consequences
from pipeline.domain.cases import Case
from pipeline.domain.contacts import (
    Changed,
    ContactMerge,
    ContactOrder,
    KnownContact,
    MergeContacts,
    MovedCase,
    UnmergeContact,
    given_back,
    given_to,
    taken_back,
)
from pipeline.domain.matching import Identity, Ref
from pipeline.domain.orders import Done, Refused
from pipeline.errors import Retry
from pipeline.store.casework_ports import DeedRow
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.ports import Store, Transaction

ATTEMPTS = 8


class Contacts:
    """Each order is a transaction of its own, with an event for the contact and for each case that moves."""

    def __init__(self, store: Store, consequences: Consequences) -> None:
        self._store = store
        self._consequences = consequences

    async def do(self, order: ContactOrder, by: Deed) -> Done | Refused:
        """Carry out an order. Raises Retry when the store is away."""
        async for attempt in _again():
            with attempt:
                async with self._store.transaction() as tx:
                    match order:
                        case MergeContacts():
                            return await self._merge(order, by, tx)
                        case UnmergeContact():
                            return await self._unmerge(order, by, tx)
        raise AssertionError("the loop above returns or raises")

    async def _merge(self, order: MergeContacts, by: Deed, tx: Transaction) -> Done | Refused:
        named = await _named((order.contact, order.into), tx)
        if isinstance(named, Refused):
            return named
        known = await tx.lock_contacts(named.values())
        contact, into = known[named[order.contact]], _survivor(known[named[order.into]], known)
        if contact.survivor is not None:
            if contact.survivor == into.ref.id:
                return Done(changed=False)
            return Refused(
                f"{order.contact} was merged before; take it out of {_called(_survivor(contact, known))} first"
            )
        if contact.ref.id == into.ref.id:
            return Refused(f"{order.contact} and {order.into} are one contact already")
        cases = await tx.lock_cases(await tx.cases_of(contact.ref.id))
        work = _Work(by)
        moved = [
            MovedCase(case.id, account, case.account)
            for case, account in [(case, case.account) for case in cases.values() if _is_of(case, contact)]
            if work.tell(case, given_to(case, into.ref, into.account))
        ]
        merge = ContactMerge(
            id=uuid7(),
            contact=contact.ref.id,
            into=into.ref.id,
            at=by.at,
            actor=by.actor_id or by.actor,
            identities=contact.identities,
            cases=tuple(moved),
            absorbed=contact.absorbed,
        )
        work.changes.merged.append(merge)
        work.changes.identities = dict.fromkeys(contact.identities, into.ref.id)
        work.changes.survivors = dict.fromkeys((contact.ref.id, *contact.absorbed), into.ref.id)
        work.ordered("MergeContacts", contact=_name_of(order.contact, contact), into=_name_of(order.into, into))
        return await self._finish("contact.merged", contact, into.ref, contact.identities, work, tx)

    async def _unmerge(self, order: UnmergeContact, by: Deed, tx: Transaction) -> Done | Refused:
        named = await _named((order.contact,), tx)
        if isinstance(named, Refused):
            return named
        known = await tx.lock_contacts(named.values())
        contact = known[named[order.contact]]
        if contact.merge is None or contact.survivor is None:
            return Refused(f"{order.contact} is not merged into another contact; name the one that was merged")
        survivor = _survivor(contact, known)
        since = await _since(contact.merge, tx)
        cases = await tx.lock_cases([moved.case for moved in contact.merge.cases])
        work = _Work(by)
        for moved in contact.merge.cases:
            if case := cases.get(moved.case):
                work.tell(case, given_back(case, contact, moved, since))
        back = taken_back(contact, survivor)
        work.changes.undone = {contact.merge.id: by.at}
        work.changes.identities = dict.fromkeys(back.identities, contact.ref.id)
        work.changes.survivors = {contact.ref.id: None, **dict.fromkeys(back.absorbed, contact.ref.id)}
        work.ordered("UnmergeContact", contact=_name_of(order.contact, contact))
        return await self._finish("contact.unmerged", contact, survivor.ref, back.identities, work, tx)

    async def _finish(  # what the event tells
        self,
        kind: str,
        contact: KnownContact,
        other: Ref,
        identities: Collection[Identity],
        work: "_Work",
        tx: Transaction,
    ) -> Done:
        told = ContactTold(contact.ref, other, tuple(identities))
        batch = Batch(cases={case.id: case for case, _ in work.moved}, contacts=work.changes)
        batch.work.deeds += work.deeds
        batch.events.append(CaseEvent(kind, work.by, contact=told))
        for case, changed in work.moved:
            batch.touch(case)
            batch.events.append(CaseEvent("case.updated", work.by, case, changed))
        await self._consequences(batch, tx)
        return Done(changed=True)


class _Work:
    """What an order brings about."""

    def __init__(self, by: Deed) -> None:
        self.by = by
        self.changes = ContactChanges()
        self.moved: list[tuple[Case, Changed]] = []
        self.deeds: list[DeedRow] = []

    def ordered(self, verb: str, **names: str) -> None:
        """Keep who ordered it, for the journal of the past."""
        self.deeds.append(DeedRow(uuid7(), None, self.by.at, self.by.actor, self.by.actor_id, verb, names))

    def tell(self, case: Case, changed: Changed) -> bool:
        """Note what changed in a case; whether anything did."""
        if changed:
            self.moved.append((case, changed))
        return bool(changed)


async def _named(names: Collection[str], tx: Transaction) -> Mapping[str, UUID] | Refused:
    """The one contact of each name."""
    found = await tx.find_contacts(names)
    for name in names:
        contacts = found.get(name, ())
        if not contacts:
            return Refused(f'there is no contact "{name}"; name one by its external id, address or number')
        if len(contacts) > 1:
            ids = ", ".join(str(one) for one in sorted(contacts))
            return Refused(f'"{name}" names several contacts; write the id of one of them: {ids}')
    return {name: next(iter(found[name])) for name in names}


def _survivor(contact: KnownContact, known: Mapping[UUID, KnownContact]) -> KnownContact:
    return known[contact.survivor] if contact.survivor is not None else contact


async def _since(merge: ContactMerge, tx: Transaction) -> list[ContactMerge]:
    """The merges by which what it was merged into became a part of others, in order."""
    found: list[ContactMerge] = []
    while True:
        into = (found[-1] if found else merge).into
        above = (await tx.lock_contacts([into])).get(into)
        if above is None or above.merge is None:
            return found
        found.append(above.merge)


def _is_of(case: Case, contact: KnownContact) -> bool:
    return case.contact is not None and case.contact.id == contact.ref.id


def _name_of(asked: str, contact: KnownContact) -> str:
    """How another desk, which gives ids of its own, would know it: as it was asked for, unless that was by our id."""
    if asked != str(contact.ref.id):
        return asked
    return contact.ref.external_id or next((one.value for one in contact.identities), asked)


def _called(contact: KnownContact) -> str:
    return contact.ref.external_id or contact.ref.name


def _again() -> AsyncIterator[stamina.Attempt]:
    """Tries again while others are at the same cases."""
    return stamina.retry_context(on=Retry, attempts=ATTEMPTS, wait_initial=0.02, wait_max=1.0, wait_jitter=0.1)

"""Merging contacts in memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.domain.contacts import KnownContact
from pipeline.store.contact_ports import ContactChanges
from pipeline.store.contacts import as_id, as_value

if TYPE_CHECKING:
    from pipeline.store.memory import Tables


def find_contacts(tables: "Tables", names: Collection[str]) -> Mapping[str, Collection[UUID]]:
    """The contacts that are called so."""
    return {
        name: {
            *(ref.id for ref, _ in tables.contacts.values() if name == ref.external_id or as_id(name) == ref.id),
            *(
                contact
                for identity, (contact, _) in tables.identities.items()
                if contact is not None and identity.kind != "device" and identity.value == as_value(name)
            ),
        }
        for name in names
    }


def lock_contacts(tables: "Tables", ids: Collection[UUID]) -> Mapping[UUID, KnownContact]:
    """The contacts with their survivors, and what they are known by."""
    wanted = {*ids, *(tables.survivors[one] for one in ids if one in tables.survivors)}
    return {one: _known(tables, one) for one in sorted(wanted) if one in tables.contacts}


def _known(tables: "Tables", contact: UUID) -> KnownContact:
    ref, account = tables.contacts[contact]
    return KnownContact(
        ref=ref,
        account=tables.accounts[account] if account else None,
        identities=tuple(sorted(one for one, (holder, _) in tables.identities.items() if holder == contact)),
        absorbed=tuple(sorted(one for one, survivor in tables.survivors.items() if survivor == contact)),
        survivor=tables.survivors.get(contact),
        merge=tables.contact_merges.get(contact),
    )


def cases_of(tables: "Tables", contact: UUID) -> Sequence[UUID]:
    """All cases of a contact."""
    return sorted(case.id for case in tables.cases.values() if case.contact is not None and case.contact.id == contact)


def write_contacts(tables: "Tables", changes: ContactChanges) -> None:
    """Write what there is."""
    tables.identities.update({one: (to, None) for one, to in changes.identities.items()})
    for contact, survivor in changes.survivors.items():
        if survivor is None:
            tables.survivors.pop(contact, None)
        else:
            tables.survivors[contact] = survivor
    for contact, merge in list(tables.contact_merges.items()):
        if merge.id in changes.undone:
            del tables.contact_merges[contact]
    tables.contact_merges.update({merge.contact: merge for merge in changes.merged})

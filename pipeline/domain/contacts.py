"""Merging contacts: two records of one person become one, and can be taken apart again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pipeline.domain.cases import Case
from pipeline.domain.matching import Identity, Ref


@dataclass(frozen=True, slots=True)
class MergeContacts:
    """Let a contact be another one; each is named by its external id, its id, or what it is known by."""

    contact: str
    into: str


@dataclass(frozen=True, slots=True)
class UnmergeContact:
    """Take a contact out again of the one it was merged into."""

    contact: str


ContactOrder = MergeContacts | UnmergeContact
"""What may be done to contacts."""


@dataclass(frozen=True, slots=True)
class MovedCase:
    """A case that moved with its contact: the account that it had, and the one that it got."""

    case: UUID
    account: Ref | None
    then: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMerge:
    """What came with a merge: identities, cases, and contacts that had been merged before."""

    id: UUID
    contact: UUID
    into: UUID
    at: datetime
    actor: str
    identities: tuple[Identity, ...] = ()
    cases: tuple[MovedCase, ...] = ()
    absorbed: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A contact: what it is known by, those merged into it, the one it was merged into, and what came with that."""

    ref: Ref
    account: Ref | None = None
    identities: tuple[Identity, ...] = ()
    absorbed: tuple[UUID, ...] = ()
    survivor: UUID | None = None
    merge: ContactMerge | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What is compared of a contact: its id as a person names it, and what is known of it."""

    id: str
    name: str
    numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """What moves between two contacts: identities, contacts merged before; each case tells its own change."""

    identities: tuple[Identity, ...]
    absorbed: tuple[UUID, ...]


Changed = Mapping[str, tuple[Any, Any]]


def given_to(case: Case, contact: Ref, account: Ref | None) -> Changed:
    """Make the contact the case's customer; the account follows, unless the new contact has none."""
    changed: dict[str, tuple[Any, Any]] = {"contact": (case.contact, contact)}
    case.contact = contact
    if account is not None and (case.account is None or case.account.id != account.id):
        changed["account"] = (case.account, account)
        case.account = account
    return changed


def given_back(case: Case, contact: KnownContact, moved: MovedCase, since: Iterable[ContactMerge]) -> Changed:
    """Undo that for a case that is where the merge put it; an account that was given since, but by merges, stays.

    `since` are the merges by which the other contact, and those it became a part of, were merged themselves.
    """
    if case.contact is None or case.contact.id != contact.survivor:
        return {}
    changed: dict[str, tuple[Any, Any]] = {"contact": (case.contact, contact.ref)}
    case.contact = contact.ref
    then = moved.then
    for merge in since:
        then = next((one.then for one in merge.cases if one.case == case.id), then)
    if _id(moved.account) != _id(then) and _id(case.account) == _id(then):
        changed["account"] = (case.account, moved.account)
        case.account = moved.account
    return changed


def taken_back(contact: KnownContact, survivor: KnownContact) -> Moves:
    """What of that which came with the merge is still where it went; what arrived since stays."""
    merge = contact.merge
    if merge is None:
        return Moves((), ())
    held, absorbed = set(survivor.identities), set(survivor.absorbed)
    return Moves(
        tuple(one for one in merge.identities if one in held), tuple(one for one in merge.absorbed if one in absorbed)
    )


def _id(ref: Ref | None) -> UUID | None:
    return ref.id if ref else None

"""Open or append: what a message does to the case it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pipeline.domain.matching import Party, Ref

MAX_PARTICIPANTS = 500
"""Addresses that may write to a case because they were copied; who comes after so many is a stranger."""

State = Literal["active", "resolved", "cancelled"]


@dataclass(slots=True)
class Case:
    """A case as far as it is decided on; `event_seq` and `revision` rise as it changes.

    `product` and `entitlement` are external ids, `sla` a name, `fields` the desk's own; `subject` is the heading
    under which the desk files it. `waiting_since` is when the
    customer wrote what nobody has answered, `until` when a hold or a wait ends by itself. `sla_by` says who chose the
    SLA, `only_answer` which answer is the only one as yet.
    """

    id: UUID
    title: str
    state: State
    status: str
    priority: str
    origin: str
    queue: str
    opened_at: datetime
    number: int = 0
    contact: Ref | None = None
    account: Ref | None = None
    device: str | None = None
    resolved_at: datetime | None = None
    follow_up_of: UUID | None = None
    linked_to: UUID | None = None
    merged_into: UUID | None = None
    owner: Ref | None = None
    product: str | None = None
    severity: str | None = None
    type: str | None = None
    entitlement: str | None = None
    sla: str | None = None
    first_response_at: datetime | None = None
    waiting_since: datetime | None = None
    until: datetime | None = None
    escalated: bool = False
    parent: UUID | None = None
    description: str = ""
    subject: str | None = None
    decrement: bool = True
    sla_by: str | None = None
    only_answer: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    revision: int = 0
    event_seq: int = 0
    participants: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Join:
    """The message joins the case: `reopens` a resolved one, or `wakes` one that waited for details."""

    reopens: bool = False
    wakes: bool = False


@dataclass(frozen=True, slots=True)
class Follow:
    """The message opens a new case that follows the old one."""

    reason: str


def join_or_follow(
    case: Case, *, received: datetime, automatic: bool, closed_reply: str, reopen_days: int
) -> Join | Follow:
    """What a message of a participant does to a case.

    Automatic mail never reopens and never wakes. A resolved case is reopened until `reopen_days` times 24 h after
    it was resolved, if the queue says so; a cancelled one never.
    """
    if case.state == "active":
        return Join(wakes=case.status == "waiting for details" and not automatic)
    if automatic:
        return Join()
    if case.state == "cancelled":
        return Follow(f"case {case.number} was cancelled")
    if closed_reply == "new":
        return Follow(f"case {case.number} is resolved and its queue opens a new case then")
    if case.resolved_at is not None and received - case.resolved_at > timedelta(hours=24 * reopen_days):
        return Follow(f"case {case.number} was resolved more than {reopen_days} days before")
    return Join(reopens=True)


def may_append(case: Case, *, sender: str | None, party: Party | None, policy: str) -> bool:
    """Whether a sender is a participant: the customer, whoever was copied, or (policy `account`) their colleagues."""
    if policy == "anyone":
        return True
    if sender is not None and sender in case.participants:
        return True
    return may_copy(case, party, policy)


def may_copy(case: Case, party: Party | None, policy: str) -> bool:
    """Whether it is the customer or (policy `account`) a colleague, whose copies make others participants."""
    if party is None:
        return False
    if party.contact is not None and case.contact is not None and party.contact.id == case.contact.id:
        return True
    colleagues = party.account is not None and case.account is not None and party.account.id == case.account.id
    return policy != "case" and colleagues


def survivor(case_id: UUID, cases: Mapping[UUID, Case]) -> Case | None:
    """The case, or the last one it was merged into."""
    case = cases.get(case_id)
    seen: set[UUID] = set()
    while case is not None and case.merged_into is not None and case.id not in seen:
        seen.add(case.id)
        case = cases.get(case.merged_into)
    return case


def case_title(subject: str, text: str) -> str:
    """A title that is never empty: the subject, else the first line of the text, else a fixed word."""
    for candidate in (subject, *text.split("\n", 20)[:20]):
        if line := " ".join(candidate.split()):
            return line[:300]
    return "(no subject)"

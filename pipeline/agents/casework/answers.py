"""Carries out that an agent answers a customer, or writes a note."""

from uuid import UUID

from pipeline.agents.casework.desk import WorkDesk, new_activity
from pipeline.agents.casework.platform_answers import answer_item, is_account
from pipeline.domain import casework
from pipeline.domain.answers import answered
from pipeline.domain.orders import Note, Refused, Reply
from pipeline.domain.platforms import PLATFORMS
from pipeline.store.casework_ports import Correspondence
from pipeline.store.outbound_ports import ANSWER, NewMail

_BY_ADDRESS = frozenset({"email", "web", "iot"})
"""Where a case came from when its customer is answered by mail."""


def reply(desk: WorkDesk, order: Reply) -> UUID | Refused:
    """Write to the customer, where they wrote last unless the order says otherwise."""
    case = desk.case
    theirs = desk.facts.answers.get(case.id) or Correspondence(case.origin, None)
    said_there = theirs.kind == "social" or (theirs.kind in PLATFORMS and theirs.address is None)
    on_platform = order.answers is not None or (is_account(order.to) if order.to else said_there)
    if not on_platform:
        return _write(desk, order, theirs)
    made = answer_item(desk, order)
    return made if isinstance(made, Refused) else _answered(desk, order, made, str(made))


def _write(desk: WorkDesk, order: Reply, theirs: Correspondence) -> UUID | Refused:
    """Whoever is no customer of the case gets a mail too, which answers nobody."""
    case = desk.case
    to = order.to or theirs.address
    if to is None and case.contact is None and case.account is None:
        return Refused(f"case {case.number} has nobody to answer; give an address (to)")
    if to is None and theirs.kind in _BY_ADDRESS:
        return Refused(f"no address of the customer of case {case.number} is known; give one (to)")
    kind = "email" if (to is not None and "@" in to) or theirs.kind == "web" else theirs.kind
    leaves = kind == "email" and to is not None
    is_answer = to is None or to in {theirs.address, *theirs.known}
    subject = order.subject or _answering(case.title)
    made = desk.add(
        new_activity(
            case,
            kind,
            desk.at,
            direction="out",
            subject=subject,
            body=order.text,
            recipient=to,
            agent=desk.by_agent(),
            contact_id=case.contact.id if case.contact else None,
            delivery="queued" if leaves else None,
        )
    )
    if leaves and to is not None:
        in_reply_to = theirs.message_id if to == theirs.address else None
        desk.batch.outbound.append(
            NewMail(to=to, template="reply", subject=subject, body=order.text, at=desk.at, case=case,
                    in_reply_to=in_reply_to, activity=made, values={ANSWER: to} if is_answer else {})
        )  # fmt: skip
    if not is_answer:
        desk.tell("case.noted", case, {}, activity=made)
        return made
    return _answered(desk, order, made, to or str(made))


def _answered(desk: WorkDesk, order: Reply, made: UUID, answer: str) -> UUID:
    """The customer has an answer; `answer` is what a report of its failure would name."""
    desk.tell("case.replied", desk.case, answered(desk.case, desk.at, answer), activity=made)
    if order.waits:
        desk.tell_if("case.status_changed", desk.case, casework.rest(desk.case, "waiting for details", order.until))
    return made


def note(desk: WorkDesk, order: Note) -> UUID:
    """Write down what only the desk reads."""
    made = desk.add(new_activity(desk.case, "note", desk.at, body=order.text, agent=desk.by_agent()))
    desk.tell("case.noted", desk.case, {}, activity=made)
    return made


def _answering(title: str) -> str:
    return title if title[:3].lower() == "re:" else f"Re: {title}"

"""Decides what becomes of a mail that one of us wrote: an answer, a note, or a case for a customer."""

from collections.abc import Iterable

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.mail.speak import is_forward
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.matching import Identity
from pipeline.domain.threading import Candidate
from pipeline.store.outbound_ports import ANSWER, NewMail

PASSED_ON = "passed on"
"""What an answer is known by that we passed on to the customer; its own Message-ID went to us."""


class FromUs:
    """Agents take part in every case; what they write reopens none and wakes none."""

    def decide(self, message: Incoming, found: Iterable[Candidate], book: Casebook, notices: set[int]) -> None:
        """Put it on the first case that it belongs to; `notices` are cases about which it answers our notification."""
        forward = is_forward(message, book.batch) and not notices
        for candidate in () if forward else found:
            case = survivor(candidate.case_id, book.batch.cases)
            if case is not None:
                self._on_case(message, case, candidate, book, notices)
                return
        message.direction = "in" if forward or message.behalf is None else "out"
        message.party = message.party if message.behalf else None
        reason = "an agent forwards it" if forward else "one of us wrote it, and it belongs to no case yet"
        case = book.open(message, reason=reason)
        if message.direction == "out":
            book.answered(message, case, message.received, message.source_id)

    def _on_case(self, message: Incoming, case: Case, candidate: Candidate, book: Casebook, notices: set[int]) -> None:
        message.party = None
        written = message.mail.written.strip() if message.mail else ""
        by, reason = candidate.by, candidate.reason
        notified = candidate.case_id in {book.batch.facts.case_ids.get(number) for number in notices}
        if goes_to_customer(message, case, book.batch):
            message.direction = "out"
            book.append(message, case, by=by, reason=f"{reason}, to its customer", effect=Join(), event="case.replied")
            book.answered(message, case, message.received, message.source_id)
        elif notified and written and (case.contact is not None or case.account is not None):
            message.direction, message.text = "out", written
            told = f"{reason}, a notification to its writer, and goes on to the customer"
            book.append(message, case, by=by, reason=told, effect=Join(), event="case.replied")
            book.answered(message, case, message.received, PASSED_ON)
            book.batch.outbound.append(_passed_on(message, case, written))
        else:
            message.direction, message.activity_kind = "internal", "note"
            book.append(message, case, by=by, reason=f"{reason}, as a note", effect=Join(), event="case.noted")


def goes_to_customer(message: Incoming, case: Case, batch: Batch) -> bool:
    """Whether the case's customer is in To or Cc; who takes part in a case of nobody's stands for them."""
    recipients = message.mail.recipients if message.mail else ()
    if case.contact is None and case.account is None:
        return not case.participants.isdisjoint(recipients)
    for address in recipients:
        party = batch.facts.parties.get(Identity("email", address))
        if party is None:
            continue
        if case.contact is not None and party.contact is not None and party.contact.id == case.contact.id:
            return True
        if case.contact is None and party.account is not None and party.account == case.account:
            return True
    return False


def _passed_on(message: Incoming, case: Case, text: str) -> NewMail:
    subject = case.title if case.title[:3].lower() == "re:" else f"Re: {case.title}"
    return NewMail(
        to="customer",
        template="reply",
        subject=subject,
        body=text,
        at=message.received,
        case=case,
        activity=message.activity_id,
        values={ANSWER: PASSED_ON},
    )

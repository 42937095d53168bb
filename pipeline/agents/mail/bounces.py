"""Marks the addresses that our mail did not reach, and tells their cases."""

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.mail.from_us import PASSED_ON
from pipeline.domain.answers import taken_back
from pipeline.domain.cases import Case
from pipeline.parse.message import Bounce
from pipeline.store.mail_ports import Bounced
from pipeline.store.ports import Transaction

UNREACHED = "address bounces"
"""The flag of a case whose mail came back for good."""


class Bounces:
    """Believes only what returned a mail of ours to its case, so that nobody marks addresses by forged reports."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Note each report that joined a case."""
        for message in batch.messages:
            bounce = message.mail.bounce if message.mail else None
            joined = message.outcome is not None and message.outcome.name == "appended"
            if bounce is not None and joined and message.case is not None:
                _note(message, bounce, message.case, batch)


def is_hard(bounce: Bounce) -> bool:
    """Whether trying again would not help (RFC 3463, class 5)."""
    return bounce.action == "failed" or (bounce.action is None and (bounce.status or "").startswith("5"))


def _note(message: Incoming, bounce: Bounce, case: Case, batch: Batch) -> None:
    sent = batch.facts.mail.sent.get(bounce.original_message_id or "")
    address = (bounce.recipient or "").strip().lower() or (sent.recipient if sent else "")
    hard = is_hard(bounce)
    says = f"{address or 'an address'} {'cannot be reached' if hard else 'was not reached yet'}"
    batch.why(case, "bounce", f"{says}: {bounce.status or bounce.action or 'no status'}", message.received)
    changed: dict[str, tuple[object, object]] = {}
    if hard and UNREACHED not in case.flags:
        changed["flags"] = (case.flags, (*case.flags, UNREACHED))
        case.flags += (UNREACHED,)
    if hard and (sent is None or sent.template == "reply"):
        changed |= taken_back(case, bounce.original_message_id, address or None, PASSED_ON if sent else None)
    batch.events.append(CaseEvent("delivery.failed", message, case, changed))
    if hard and address and (address in case.participants or (sent is not None and sent.recipient == address)):
        status = (bounce.status or bounce.action or "failed")[:100]
        returned = bounce.original_message_id if sent is not None else None
        batch.mail.changes.bounced.append(Bounced(address, message.received, status, returned))

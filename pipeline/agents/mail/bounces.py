"""Marks the addresses that our mail did not reach, and tells their cases."""

from collections.abc import Collection, Iterator
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, DeliveryTold, Incoming
from pipeline.agents.mail.from_us import PASSED_ON
from pipeline.domain.answers import taken_back
from pipeline.domain.cases import Case, survivor
from pipeline.parse.message import Bounce
from pipeline.store.mail_ports import ANSWER, Bounced, Sent
from pipeline.store.ports import Transaction

UNREACHED = "address bounces"
"""The flag of a case whose mail came back for good."""


class Bounces:
    """Believes only what returned a mail of ours to its case; a report of another stands there, and moves nothing."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Note each report that joined the case of what it returns."""
        wrote = await _wrote_to(batch, tx)
        for message in batch.messages:
            bounce = message.mail.bounce if message.mail else None
            joined = message.outcome is not None and message.outcome.name == "appended"
            if bounce is None or not joined or message.case is None:
                continue
            if _returns_ours(message, message.case, batch):
                _note(message, bounce, message.case, batch, wrote)
            else:
                batch.why(message.case, "bounce", f"{message.source_id} returns no mail that we sent", message.received)


async def _wrote_to(batch: Batch, tx: Transaction) -> Collection[tuple[UUID, str]]:
    """To whom we wrote on the cases of reports that show a token, but no mail of ours."""
    asked = [
        (one, _named(one.mail.bounce))
        for one in batch.messages
        if one.mail is not None
        and one.mail.bounce is not None
        and one.case is not None
        and returned(one, batch) is None
    ]
    cases = {case for one, address in asked if address for case in _cases(one, batch)}
    return await tx.mail.wrote_to(cases, {address for _, address in asked if address}) if cases else ()


def _cases(message: Incoming, batch: Batch) -> Iterator[UUID]:
    """The case of a report, by all ids under which our mail may have left."""
    if message.case is not None:
        yield message.case.id
    for number in message.tokens:
        if (one := batch.facts.case_ids.get(number)) is not None and survivor(one, batch.cases) is message.case:
            yield one


def _returns_ours(message: Incoming, case: Case, batch: Batch) -> bool:
    """Whether a report shows that it is about a mail of ours on the case.

    Only whoever got that mail can say by what token, or by what Message-ID, it goes. What somebody else wrote there was
    never sent by us, and a report that names another address than ours went to is made up.
    """
    signed = (batch.facts.case_ids.get(number) for number in message.tokens)
    if any(one is not None and survivor(one, batch.cases) is case for one in signed):
        return True
    sent = returned(message, batch)
    if sent is None or sent.case_id is None or survivor(sent.case_id, batch.cases) is not case:
        return False
    return _went_to(sent, message.mail.bounce if message.mail else None)


def returned(message: Incoming, batch: Batch) -> Sent | None:
    """The mail of ours that a report returns, by its Message-ID."""
    bounce, mail = message.mail.bounce if message.mail else None, batch.facts.mail
    key = bounce.original_message_id if bounce else None
    if key is None:
        return None
    if (sent := mail.sent.get(key) or mail.answers.get(key)) is not None:
        return sent
    for one in batch.messages:
        if one.source_id == key and one.from_us and one.direction == "out" and one.mail and one.case is not None:
            return Sent(one.case.id, ", ".join(one.mail.recipients), ANSWER)
    return None


def _went_to(sent: Sent, bounce: Bounce | None) -> bool:
    address = _named(bounce)
    return not address or address in {one.strip() for one in sent.recipient.lower().split(",")}


def _named(bounce: Bounce | None) -> str:
    """Whom a report says that it is about."""
    return (bounce.recipient or "").strip().lower() if bounce else ""


def is_hard(bounce: Bounce) -> bool:
    """Whether trying again would not help (RFC 3463, class 5)."""
    return bounce.action == "failed" or (bounce.action is None and (bounce.status or "").startswith("5"))


def _note(message: Incoming, bounce: Bounce, case: Case, batch: Batch, wrote: Collection[tuple[UUID, str]]) -> None:
    sent = batch.facts.mail.sent.get(bounce.original_message_id or "")
    ours = returned(message, batch)
    meant = ours.recipient.lower() if ours and "," not in ours.recipient else ""
    address = _named(bounce) or meant
    hard = is_hard(bounce)
    says = f"{address or 'an address'} {'cannot be reached' if hard else 'was not reached yet'}"
    batch.why(case, "bounce", f"{says}: {bounce.status or bounce.action or 'no status'}", message.received)
    changed: dict[str, tuple[object, object]] = {}
    if hard and UNREACHED not in case.flags:
        changed["flags"] = (case.flags, (*case.flags, UNREACHED))
        case.flags += (UNREACHED,)
    if hard and (sent is None or sent.template == "reply"):
        changed |= taken_back(case, bounce.original_message_id, address or None, PASSED_ON if sent else None)
    told = DeliveryTold("mail", address or "", None, bounce.status or bounce.action, 1)
    batch.events.append(CaseEvent("delivery.failed", message, case, changed, delivery=told))
    if hard and address and _may_know(message, ours, address, batch, wrote):
        status = (bounce.status or bounce.action or "failed")[:100]
        of_ours = bounce.original_message_id if sent is not None else None
        batch.mail.changes.bounced.append(Bounced(address, message.received, status, of_ours))


def _may_know(
    message: Incoming, ours: Sent | None, address: str, batch: Batch, wrote: Collection[tuple[UUID, str]]
) -> bool:
    """Whether a report may speak of an address for the whole desk: its very mail went there.

    A customer has tokens too, and could name anybody. Vendors that return no Message-ID of ours, but write to the
    address with the token, are believed of those to whom we wrote on the case.
    """
    if ours is not None:
        return _went_to(ours, message.mail.bounce if message.mail else None)
    return any((case, address) in wrote for case in _cases(message, batch))

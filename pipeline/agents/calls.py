"""Decides what a message about a call does: a call is one activity, from the first ring to the hang-up."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.rules import Rules
from pipeline.agents.told import CallMessage, Ongoing
from pipeline.domain.calls import (
    REUSED_AFTER,
    SAME_CALL_S,
    CallTold,
    CallView,
    call_subject,
    call_view,
    is_kept,
    opens_case,
)
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.outcomes import Duplicate, Recorded
from pipeline.store.channel_ports import About, ToldActivity


class Calls:
    """Puts what is told of one call together, joins its caller's case, opens one as the exchange's policy says."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case that the call has, else those that its caller has."""
        if message.call is None:
            return
        ongoing = _find(message.call, message.received, batch)
        if ongoing is not None and ongoing.case_id is not None:
            yield ongoing.case_id
        elif message.party and message.party.contact:
            yield from batch.channels.active.get(message.party.contact.id, ())

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Add what the message says to what was said before, then see what the call needs."""
        call = message.call
        if call is None:
            raise AssertionError(f"{message.source_id} tells of no call")
        ongoing = _find(call, message.received, book.batch)
        if ongoing is None:
            ongoing = Ongoing(uuid7(), message.id)
            before = None
            if not call.told.record and call.told.state not in {None, "ringing"}:
                message.defects += ("no ring was told before",)
        else:
            before = call_view(_calls(ongoing))
        message.party = message.party or ongoing.party
        ongoing.party = message.party
        if is_kept(call.told, _calls(ongoing)):
            ongoing.told += (call.told,)
        view = call_view(_calls(ongoing))
        message.activity_id, message.subject = ongoing.id, call_subject(view)
        if view == before:
            message.outcome = Duplicate("it tells nothing new of a call", ongoing.first)
        elif ongoing.case_id is not None and (case := survivor(ongoing.case_id, book.batch.cases)):
            reason = f"it tells of the same call: {view.state}"
            book.append(message, case, by="call", reason=reason, effect=Join())
        elif case := self._joined(message, view, before, book):
            wakes = case.status == "waiting for details" and view.direction == "in"
            reason = f"{view.party} has this one active case"
            book.append(message, case, by="only active case", reason=reason, effect=Join(wakes=wakes))
        else:
            self._open_or_record(message, view, before, book)
        ongoing.case_id = message.case.id if message.case else ongoing.case_id
        _keep(ongoing, call, view, message, book.batch)

    def _joined(self, message: Incoming, view: CallView, before: CallView | None, book: Casebook) -> Case | None:
        """The only active case of the customer at the other end; none for a call that was over before."""
        contact = message.party.contact if message.party else None
        if contact is None or view.party is None or (before is not None and before.over):
            return None
        if self._rules.phone(message.envelope.source).joins == "never":
            return None
        named = dict.fromkeys(book.batch.channels.active.get(contact.id, ()))
        cases = [case for case in map(book.batch.cases.get, named) if case is not None and case.state == "active"]
        return cases[0] if len(cases) == 1 else None

    def _open_or_record(self, message: Incoming, view: CallView, before: CallView | None, book: Casebook) -> None:
        policy = self._rules.phone(message.envelope.source).opens_case
        if not opens_case(view, policy) or (before is not None and before.over):
            message.outcome = Recorded(f"a call ({view.state}) that opens no case here")
        elif message.refused is not None:
            message.outcome = message.refused
        else:
            book.open(message, reason=f"a call: {view.state}")


def _find(call: CallMessage, received: datetime, batch: Batch) -> Ongoing | None:
    """The call that the message is about, by its id, else by number and time from the other kind of account."""
    began = _began(call.told, received)
    ongoing = batch.channels.ongoing.get(call.key)
    if ongoing is not None and abs(began - _began_first(ongoing, received)) < REUSED_AFTER:
        return ongoing
    for key in call.alike:
        alike = batch.channels.ongoing.get(key)
        if alike is not None and abs((began - _began_first(alike, received)).total_seconds()) <= SAME_CALL_S:
            return alike
    return None


def _calls(ongoing: Ongoing) -> list[CallTold]:
    return [told for told in ongoing.told if isinstance(told, CallTold)]


def _began(told: CallTold, received: datetime) -> datetime:
    return told.started_at or told.answered_at or told.ended_at or received


def _began_first(ongoing: Ongoing, received: datetime) -> datetime:
    return min((_began(told, received) for told in _calls(ongoing)), default=received)


def _keep(ongoing: Ongoing, call: CallMessage, view: CallView, message: Incoming, batch: Batch) -> None:
    channels = batch.channels
    for key in (call.key, *call.known_as):
        if channels.ongoing.get(key) is not ongoing:
            channels.ongoing[key] = ongoing
            channels.about[key] = About(key, ongoing.id, ongoing.first)
    channels.activities[ongoing.id] = ToldActivity(
        id=ongoing.id,
        case_id=ongoing.case_id,
        kind="phone",
        direction=view.direction,
        state="closed" if view.over else "open",
        result=view.state,
        subject=call_subject(view),
        body="",
        sender=view.caller,
        recipient=view.called,
        agent=view.agent,
        contact_id=ongoing.party.contact.id if ongoing.party and ongoing.party.contact else None,
        at=_began_first(ongoing, message.received),
        started_at=view.started_at,
        answered_at=view.answered_at,
        ended_at=view.ended_at,
        duration_s=view.duration_s,
        billable_s=view.billable_s,
        told=ongoing.told,
    )

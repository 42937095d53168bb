"""Decides what a message about a call does: a call is one activity, from the first ring to the hang-up."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.channels.call_activity import CALL_END, began_first, calls_of, keep_call
from pipeline.agents.channels.told import CallMessage, Ongoing
from pipeline.agents.rules import Rules
from pipeline.domain.calls import (
    NO_END_AFTER,
    REUSED_AFTER,
    SAME_CALL_S,
    CallView,
    call_subject,
    call_view,
    is_kept,
    opens_case,
)
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.outcomes import Duplicate, Recorded
from pipeline.domain.timers import Timer
from pipeline.store.channel_ports import About


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
            before = call_view(calls_of(ongoing))
            message.asks = not _was_answered(before)
        message.party = message.party or ongoing.party
        ongoing.party = message.party
        if is_kept(call.told, calls_of(ongoing)):
            ongoing.told += (call.told,)
        view = call_view(calls_of(ongoing))
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
        if message.case and _was_answered(view) and not (before and _was_answered(before)):
            book.answered(message, message.case, view.answered_at or message.received, str(ongoing.id))
        ongoing.case_id = message.case.id if message.case else ongoing.case_id
        _know(ongoing, call, book.batch)
        keep_call(ongoing, view, message.received, book.batch, _wanted_back(message))
        _watch(ongoing, call, view, before, message, book.batch)

    def _joined(self, message: Incoming, view: CallView, before: CallView | None, book: Casebook) -> Case | None:
        """The only active case of the customer at the other end; none for a call that was over before."""
        if view.party is None or (before is not None and before.over):
            return None
        if self._rules.phone(message.envelope.source).joins == "never":
            return None
        cases = _active(message, book)
        return cases[0] if len(cases) == 1 else None

    def _open_or_record(self, message: Incoming, view: CallView, before: CallView | None, book: Casebook) -> None:
        policy = self._rules.phone(message.envelope.source).opens_case
        if not opens_case(view, policy) or (before is not None and before.over):
            message.outcome = Recorded(f"a call ({view.state}) that opens no case here{_suggested(message, book)}")
        elif message.refused is not None:
            message.outcome = message.refused
        else:
            book.open(message, reason=f"a call: {view.state}{_suggested(message, book)}")


def _active(message: Incoming, book: Casebook) -> list[Case]:
    """The active cases of the customer at the other end."""
    contact = message.party.contact if message.party else None
    named = dict.fromkeys(book.batch.channels.active.get(contact.id, ())) if contact is not None else ()
    return [case for case in map(book.batch.cases.get, named) if case is not None and case.state == "active"]


def _suggested(message: Incoming, book: Casebook) -> str:
    """To which cases it may belong, for a person to attach it to one."""
    numbers = sorted(case.number for case in _active(message, book) if case.number)
    return f"; it may belong to {', '.join(f'case {number}' for number in numbers)}" if numbers else ""


def _was_answered(view: CallView) -> bool:
    """Whether someone of ours and the customer spoke."""
    return view.direction != "internal" and view.state in {"answered", "completed"}


def _find(call: CallMessage, received: datetime, batch: Batch) -> Ongoing | None:
    """The call that the message is about, by its id, else by number and time from the other kind of account."""
    began = call.told.began or received
    ongoing = batch.channels.ongoing.get(call.key)
    if ongoing is not None and abs(began - began_first(ongoing, received)) < REUSED_AFTER:
        return ongoing
    for key in call.alike:
        alike = batch.channels.ongoing.get(key)
        if alike is not None and abs((began - began_first(alike, received)).total_seconds()) <= SAME_CALL_S:
            return alike
    return None


def _know(ongoing: Ongoing, call: CallMessage, batch: Batch) -> None:
    """Let later messages find the call by the keys that this one names."""
    channels = batch.channels
    for key in (call.key, *call.known_as):
        if channels.ongoing.get(key) is not ongoing:
            channels.ongoing[key] = ongoing
            channels.about[key] = About(key, ongoing.id, ongoing.first)


def _wanted_back(message: Incoming) -> str | None:
    """The queue in which the caller waits to be called back; none for whom the desk does not take."""
    return message.queue if message.refused is None else None


def _watch(
    ongoing: Ongoing, call: CallMessage, view: CallView, before: CallView | None, message: Incoming, batch: Batch
) -> None:
    """Let the clock close a call in progress if nobody tells its end."""
    if not view.over:
        began = min(began_first(ongoing, message.received), message.received)
        data = {"keys": [call.key, *call.known_as], "caller": view.party, "queue": _wanted_back(message)}
        batch.arm(Timer(CALL_END, str(ongoing.id), began + NO_END_AFTER, ongoing.case_id, "messages", data))
    elif before is not None and not before.over:
        batch.disarm(CALL_END, str(ongoing.id))

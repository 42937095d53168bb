"""Decides what an alarm does that a device raises or clears itself: one is active per device and name at most."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.rules import Rules
from pipeline.domain.alarms import Alarm, AlarmTold, Verdict, judge, raised_priority
from pipeline.domain.cases import Case, Join, survivor
from pipeline.domain.outcomes import Duplicate, Recorded

_NOTHING_NEW: dict[Verdict, str] = {
    "same": "the alarm stands so already",
    "older": "something later was told of this alarm before",
    "not active": "it clears an alarm that nobody raised",
}


class Alarms:
    """Moves the alarm, and tells the case it has; opens one when the alarm is severe enough for its feed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The case that the alarm had last."""
        told = message.alarm
        alarm = batch.channels.alarms.get((told.device, told.name)) if told else None
        if alarm is not None and alarm.case_id is not None:
            yield alarm.case_id

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Judge the alarm by what was told of it before."""
        told = message.alarm
        if told is None:
            raise AssertionError(f"{message.source_id} tells of no alarm")
        channels = book.batch.channels
        name = (told.device, told.name)
        before = channels.alarms.get(name)
        verdict, alarm = judge(before, told)
        case = survivor(alarm.case_id, book.batch.cases) if alarm.case_id else None
        if verdict in {"raised", "updated"} and book.batch.watch.maintained(told.device, told.at):
            message.outcome = Recorded(f"{told.device} is under maintenance, {told.name} is not raised")
            return
        if verdict in _NOTHING_NEW:
            known = verdict == "same"
            why = _NOTHING_NEW[verdict]
            message.outcome = Duplicate(why, message.id) if known else Recorded(why)
            message.original_case_id = alarm.case_id if known else None
        else:
            alarm = self._settled(message, told, verdict, alarm, case, book)
            event = CaseEvent(f"alarm.{verdict}", message, message.case, alarm=alarm)
            book.batch.events.append(event)
        if alarm != before:
            channels.alarms[name] = alarm
            channels.judged.add(name)

    def _settled(  # what is known of the alarm, from two sides
        self, message: Incoming, told: AlarmTold, verdict: Verdict, alarm: Alarm, case: Case | None, book: Casebook
    ) -> Alarm:
        opens = told.severity in self._rules.feed(message.envelope.source).opens_case
        if case is not None and (case.state == "active" or verdict != "raised"):
            reason = f"the alarm {told.name} of {told.device} is {verdict}"
            book.append(message, case, by="alarm", reason=reason, effect=Join())
            self._raise_priority(message, told, case, book)
        elif opens:
            reason = f"{told.device} raises {told.name}, which is {told.severity}"
            case = book.open(message, reason=reason, follow_up_of=case)
        else:
            message.outcome = Recorded(f"an alarm ({told.severity or verdict}) that opens no case here")
        return replace(alarm, case_id=message.case.id if message.case else None)

    @staticmethod
    def _raise_priority(message: Incoming, told: AlarmTold, case: Case, book: Casebook) -> None:
        raised = raised_priority(case.priority, told.severity)
        if case.state == "active" and raised != case.priority:
            changed = {"priority": (case.priority, raised)}
            case.priority = raised
            book.batch.events.append(CaseEvent("case.updated", message, case, changed))

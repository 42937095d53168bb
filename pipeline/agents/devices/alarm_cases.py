"""Tells the cases of alarms that moved: opens them, adds to them, groups them, resolves them, sends commands."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Deed, Incoming
from pipeline.agents.casework.by_rule import resolve_by_rule
from pipeline.agents.devices.watch_state import Moved, Teller
from pipeline.agents.reading.readings import reading_alone
from pipeline.agents.rules import Rules
from pipeline.domain import casework
from pipeline.domain.alarm_rules import RuleAlarm
from pipeline.domain.alarms import raised_priority
from pipeline.domain.cases import Case, case_title, survivor
from pipeline.domain.outcomes import Appended, Opened, Recorded
from pipeline.store.ports import NewActivity, Transaction
from pipeline.store.watch_ports import AlarmGroup, AlarmName, Member, NewCommand, Retold

COMMAND_LIVES = timedelta(minutes=15)
"""A command that could not be sent for so long is not sent any more: its reason may be gone."""


MOST_NOTED = 10
"""Moves of one alarm that are noted on its case one by one; what comes then is one activity, which counts on."""


class RaiseAlarms:
    """What follows from alarms that rules moved; their cases are locked."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Go through the moves in order, then account for the messages of devices."""
        if batch.watch.moves:
            cleared = {*closing(batch)}
            touched = set(await tx.touched_cases(cleared)) if cleared else set()
            follow = AlarmCases(self._rules, batch, touched)
            for moved in batch.watch.moves:
                follow.tell(moved)
            follow.end()
        _account(batch)


def closing(batch: Batch) -> Iterator[UUID]:
    """The cases that their rules may resolve, since their alarms are over."""
    for moved in batch.watch.moves:
        if moved.rule.resolve_on_clear and moved.move.kind == "cleared" and moved.move.alarm.case_id:
            yield moved.move.alarm.case_id


class AlarmCases:
    """The cases of the alarms of one batch."""

    def __init__(self, rules: Rules, batch: Batch, touched: set[UUID]) -> None:
        self._rules = rules
        self._batch = batch
        self._touched = touched
        self._case_of: dict[AlarmName, UUID | None] = {}
        self._noted: dict[AlarmName, tuple[int, UUID | None]] = {}
        self._told: list[tuple[Incoming | Deed, str]] = []

    def tell(self, moved: Moved) -> None:
        """What a move does to its alarm's case."""
        move, alarm = moved.move, moved.move.alarm
        name = (alarm.device, alarm.rule)
        before = self._case_of.get(name, alarm.case_id)
        case = survivor(before, self._batch.cases) if before else None
        cause = self._cause(moved.teller)
        says = f"{alarm.rule} is {move.kind}: {alarm.text}"
        self._noted.setdefault(name, (alarm.noted, alarm.folded))
        if move.kind == "raised":
            case = self._raised(moved, case, cause, says)
        elif case is not None:
            self._add_move(moved, case, cause, says)
        elif move.entered is not None and move.entered.opens_case:
            case = self._open(moved, cause, says, None)
        self._case_of[name] = case.id if case else None
        alarm = replace(alarm, case_id=case.id if case else None)
        self._told.append((cause, f"{says} ({alarm.severity or 'no severity'}), which opens no case"))
        self._batch.events.append(CaseEvent(f"alarm.{move.kind}", cause, case, alarm=alarm.told()))
        if case is not None:
            if not self._is_folded(name):
                self._explain(moved, case, cause)
            if alarm.is_active:
                self._worsen(case, alarm, cause)
            elif moved.rule.resolve_on_clear and not self._is_folded(name):
                self._resolve(case, alarm, cause)
        self._command(moved, case, cause)

    def end(self) -> None:
        """Let every alarm know its case, and every message what became of it."""
        for cause, says in self._told:
            if isinstance(cause, Incoming) and cause.outcome is None:
                cause.outcome = Recorded(says)
        state = self._batch.watch
        for name, case_id in self._case_of.items():
            if (alarm := state.alarms.get(name)) is not None:
                noted, folded = self._noted[name]
                state.alarms[name] = replace(alarm, case_id=case_id, noted=noted, folded=folded)

    # ---- cases

    def _raised(self, moved: Moved, before: Case | None, cause: Incoming | Deed, says: str) -> Case | None:
        level = moved.move.entered
        if moved.move.again and before is not None and before.state != "cancelled":
            self._add_move(moved, before, cause, says)
            if changed := casework.reactivate(before):
                self._batch.touch(before)
                self._batch.events.append(CaseEvent("case.reopened", cause, before, changed))
            return before
        if level is None or not level.opens_case:
            return None
        case = self._open(moved, cause, says, before)
        self._group(moved, case, cause)
        return case

    def _open(self, moved: Moved, cause: Incoming | Deed, says: str, before: Case | None) -> Case:
        alarm, batch = moved.move.alarm, self._batch
        case = self._new(alarm, cause, case_title(f"{alarm.rule} on {alarm.device}: {alarm.text}", ""))
        facts = batch.watch.known.get(alarm.device)
        case.device, case.severity = alarm.device, alarm.severity
        case.account = facts.account if facts else None
        case.product = facts.product.ref.external_id if facts and facts.product else None
        if before is not None:
            case.follow_up_of = before.id if before.state != "active" else None
            case.linked_to = before.id if before.state == "active" else None
        if isinstance(cause, Incoming) and cause.outcome is None:
            cause.outcome = Opened(says)
        self._noted[alarm.device, alarm.rule] = (0, None)
        self._add_move(moved, case, cause, says)
        batch.events.append(CaseEvent("case.opened", cause, case))
        if before is not None:
            batch.events.append(CaseEvent("case.linked", cause, case, linked=before))
        if facts is not None and facts.warranty_until is not None:
            stands = "ended on" if facts.warranty_until < moved.move.at.date() else "lasts until"
            batch.why(case, "alarm", f"the warranty of {alarm.device} {stands} {facts.warranty_until}", cause.at)
        return case

    def _new(self, alarm: RuleAlarm, cause: Incoming | Deed, title: str) -> Case:
        case = Case(
            id=uuid7(),
            title=title,
            state="active",
            status="in progress",
            priority=raised_priority("normal", alarm.severity),
            origin="iot",
            queue=self._queue(alarm.source),
            opened_at=cause.at,
        )
        self._batch.cases[case.id] = self._batch.opened[case.id] = case
        return case

    def _is_folded(self, name: AlarmName) -> bool:
        """Whether the case was told very many moves of this alarm."""
        return self._noted[name][1] is not None

    def _add_move(self, moved: Moved, case: Case, cause: Incoming | Deed, says: str) -> None:
        """The case is told of a move; of very many, one activity tells how many, and the last."""
        name = (moved.move.alarm.device, moved.move.alarm.rule)
        noted, folded = self._noted[name]
        if noted < MOST_NOTED:
            self._noted[name] = (noted + 1, None)
            self._add(case, cause, says)
            return
        more = noted + 1 - MOST_NOTED
        subject = f"{moved.rule.name} does not settle: {more} more {'moves' if more > 1 else 'move'}"
        body = f"{subject}, the last at {moved.move.at.isoformat()}: {says}"
        if folded is None:
            folded = self._note(case, cause, body)
        self._noted[name] = (noted + 1, folded)
        self._batch.watch.retold[folded] = Retold(folded, subject[:300], body)
        self._batch.touch(case)
        self._add(case, cause, says, folded)

    def _add(self, case: Case, cause: Incoming | Deed, says: str, activity: UUID | None = None) -> None:
        """The case gets an activity: that of the message, unless that belongs to another case already."""
        if isinstance(cause, Incoming) and cause.case is case:
            return
        if (
            isinstance(cause, Incoming)
            and cause.case is None
            and (cause.outcome is None or cause.outcome.name == "opened")
        ):
            cause.outcome = cause.outcome or Appended("alarm", says)
            cause.case, cause.activity_id = case, activity or cause.activity_id or uuid7()
            self._batch.touch(case)
            if cause.outcome.name == "appended":
                self._batch.events.append(CaseEvent("case.appended", cause, case))
        elif activity is None:
            self._note(case, cause, says)

    def _note(self, case: Case, cause: Incoming | Deed, says: str, direction: str = "in") -> UUID:
        """An activity of nobody's message; its id."""
        own = uuid7()
        device = case.device if direction == "in" else None
        self._batch.activities.append(
            NewActivity(own, case.id, "iot", direction, "closed", says[:300], says, device, None, cause.at)
        )
        self._batch.touch(case)
        return own

    def _worsen(self, case: Case, alarm: RuleAlarm, cause: Incoming | Deed) -> None:
        """The case's priority follows upward, its severity both ways."""
        changed: dict[str, tuple[object, object]] = {}
        raised = raised_priority(case.priority, alarm.severity)
        if case.state == "active" and raised != case.priority:
            changed["priority"] = (case.priority, raised)
            case.priority = raised
        if alarm.severity != case.severity and case.device == alarm.device:
            changed["severity"] = (case.severity, alarm.severity)
            case.severity = alarm.severity
        if changed:
            self._batch.touch(case)
            self._batch.events.append(CaseEvent("case.updated", cause, case, changed))

    def _resolve(self, case: Case, alarm: RuleAlarm, cause: Incoming | Deed) -> None:
        if case.state != "active":
            return
        if case.id in self._touched or case.id in {event.case.id for event in self._batch.events
                                                    if event.case and _by_person(event)}:  # fmt: skip
            self._note(case, cause, f"{alarm.rule} is cleared; the case stays open, since a person works on it")
            return
        says = f"{alarm.rule} on {alarm.device} is cleared: {alarm.text}"
        if hindrance := resolve_by_rule(case, alarm.rule, says, cause, (self._batch, self._rules)):
            self._note(case, cause, f"{alarm.rule} is cleared, but {hindrance}")

    # ---- many at once

    def _group(self, moved: Moved, case: Case, cause: Incoming | Deed) -> None:
        """The case counts in its group; once there are too many, all of them have one parent."""
        group, alarm = moved.rule.group, moved.move.alarm
        if group is None or alarm.group_key is None:
            return
        name = (alarm.rule, alarm.group_key)
        known = self._batch.watch.groups.get(name, AlarmGroup(*name))
        members = [one for one in known.members if one.device != alarm.device]
        members.append(Member(alarm.device, moved.move.at, case.id))
        known = replace(known, members=members)
        parent = survivor(known.case_id, self._batch.cases) if known.case_id else None
        recent = [one for one in members if moved.move.at - one.raised_at <= group.within]
        goes_on = parent is not None and parent.state == "active" and len(recent) > 1
        if not goes_on and len(recent) > group.more_than:
            title = f"{alarm.rule} on {len(recent)} devices of {group.by.partition('.')[2]} {alarm.group_key}"
            parent = self._new(alarm, cause, case_title(title, ""))
            self._note(parent, cause, title)
            self._batch.events.append(CaseEvent("case.opened", cause, parent))
            known = replace(known, case_id=parent.id)
            self._batch.watch.grouped.add(name)
            goes_on = True
        self._batch.watch.groups[name] = known
        if goes_on and parent is not None:
            self._adopt(parent, recent, alarm, cause)

    def _adopt(self, parent: Case, members: list[Member], alarm: RuleAlarm, cause: Incoming | Deed) -> None:
        for member in members:
            child = survivor(member.case_id, self._batch.cases) if member.case_id else None
            if child is not None and child.parent is None and child.id != parent.id and child.state == "active":
                child.parent = parent.id
                self._batch.touch(child)
                changed = {"parent": (None, str(parent.id))}
                self._batch.events.append(CaseEvent("case.updated", cause, child, changed))
        self._worsen(parent, replace(alarm, device=""), cause)

    # ---- what else follows

    def _command(self, moved: Moved, case: Case | None, cause: Incoming | Deed) -> None:
        """Commands for the device; none when what raised the alarm came late."""
        move, rule = moved.move, moved.rule
        level = move.entered.on_raise if move.entered else ()
        actions = {"raised": (*rule.on_raise, *level), "updated": level, "cleared": rule.on_clear}[move.kind]
        for action in dict.fromkeys(actions):
            name = action.partition(":")[2]
            if move.late:
                if case is not None:
                    says = f"{name} is not sent to {move.alarm.device}: what it would answer came late"
                    self._batch.why(case, "alarm", says, cause.at)
                continue
            activity = self._note(case, cause, f"{name} to {move.alarm.device}", "out") if case else None
            command = NewCommand(
                id=uuid7(),
                device=move.alarm.device,
                name=name,
                source=move.alarm.source,
                rule=rule.name,
                case_id=case.id if case else None,
                activity_id=activity,
                created_at=cause.at,
                expires_at=cause.at + COMMAND_LIVES,
            )
            self._batch.watch.commands.append(command)

    def _explain(self, moved: Moved, case: Case, cause: Incoming | Deed) -> None:
        move = moved.move
        again = f", for the {move.alarm.flaps + 1}th time in a row" if move.again else ""
        severity = f" as {move.alarm.severity}" if move.alarm.is_active else ""
        late = ", from what came late" if move.late else ""
        says = f"[[alarm]] {move.alarm.rule} is {move.kind}{severity} at {move.at.isoformat()}{again}{late}"
        self._batch.why(case, "alarm", f"{says}: {move.alarm.text}", cause.at)

    def _cause(self, teller: Teller) -> Incoming | Deed:
        """What moved the alarm; one of many messages becomes one by itself."""
        if teller.cause is None and teller.record is not None and teller.item is not None:
            teller.cause = reading_alone(teller.record, teller.item)
            self._batch.messages.append(teller.cause)
            alone, repeated = self._batch.watch.counts.get(teller.record.id, (0, 0))
            self._batch.watch.counts[teller.record.id] = (alone + 1, repeated + teller.repeated)
        if teller.cause is None:
            teller.cause = Deed(teller.at, "device", teller.device)
        return teller.cause

    def _queue(self, source: str) -> str:
        try:
            return self._rules.feed(source).queue or self._rules.default_queue
        except LookupError:  # the feed is no more
            return self._rules.default_queue


def _account(batch: Batch) -> None:
    """What became of each record, and how many of its messages left no row of their own."""
    counted: list[tuple[Incoming, int, int]] = []
    for record, new, repeated in batch.plain:
        alone, told_before = batch.watch.counts.get(record.id, (0, 0))
        counted.append((record, new - alone + told_before, repeated - told_before))
        record.outcome = Recorded("readings, kept as the state of their devices")
        for message in _messages_of(record, batch):
            record.outcome, record.case = message.outcome, message.case
    batch.plain = counted


def _messages_of(record: Incoming, batch: Batch) -> Iterator[Incoming]:
    """Those of a record that holds one message alone, as the record of a dead letter does."""
    if record.envelope.count == 1:
        yield from (message for message in batch.messages if message.record is record.record)


def _by_person(event: CaseEvent) -> bool:
    if isinstance(event.cause, Deed):
        return event.cause.actor in {"agent", "customer"}
    return event.cause.sender_kind != "device"

"""Writes into a batch that a message opens a case, or joins one."""

from bisect import insort
from dataclasses import replace
from datetime import datetime

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.mail.storms import note_arrival
from pipeline.agents.rules import Rules
from pipeline.config.sections import Queue
from pipeline.domain.alarms import raised_priority
from pipeline.domain.answers import answered, customer_wrote
from pipeline.domain.cases import MAX_PARTICIPANTS, Case, Join, case_title, may_append, may_copy
from pipeline.domain.outcomes import Appended, Opened
from pipeline.domain.threading import ThreadLink
from pipeline.store.mail_ports import Watch
from pipeline.store.outbound_ports import NewMail

BY_RULE = "correlation"
"""The signal of what a rule of the desk says belongs to a case."""


class Casebook:
    """The cases of one batch, as its messages change them."""

    def __init__(self, rules: Rules, batch: Batch) -> None:
        self._rules = rules
        self.batch = batch

    def queue(self, case: Case) -> Queue:
        """The policy of the queue that a case waits in; of the first one, when its own is no more."""
        return self._rules.queue(case.queue)

    def open(
        self,
        message: Incoming,
        *,
        reason: str,
        follow_up_of: Case | None = None,
        linked_to: Case | None = None,
        link: str = "not a participant",
    ) -> Case:
        """The case that the message opens; it may follow an old one, or be linked to another's, flagged `link`."""
        batch = self.batch
        case = Case(
            id=uuid7(),
            title=case_title(message.subject, message.text),
            state="active",
            status="in progress",
            priority=raised_priority("normal", message.alarm.severity) if message.alarm else "normal",
            origin=message.origin or message.kind,
            queue=message.queue,
            opened_at=message.received,
            contact=message.party.contact if message.party else None,
            account=message.party.account if message.party else None,
            follow_up_of=follow_up_of.id if follow_up_of else None,
            linked_to=linked_to.id if linked_to else None,
            device=message.alarm.device if message.alarm else None,
            flags=message.flags + ((link,) if linked_to and message.standing != "refuted" else ()),
        )
        if _makes_wait(message):
            customer_wrote(case, message.received, automatic=message.automatic)
        batch.cases[case.id] = batch.opened[case.id] = case
        message.outcome = Opened(reason)
        self._join(message, batch, case)
        batch.events.append(CaseEvent("case.opened", message, case))
        if linked := follow_up_of or linked_to:
            batch.events.append(CaseEvent("case.linked", message, case, linked=linked))
        if case.contact is not None:
            batch.channels.active.setdefault(case.contact.id, []).append(case.id)
        return case

    def append(
        self, message: Incoming, case: Case, *, by: str, reason: str, effect: Join, event: str = "case.appended"
    ) -> None:
        """The message joins the case by a signal; it may reopen or wake it."""
        batch = self.batch
        changed: dict[str, tuple[object, object]] = {}
        if effect.reopens or effect.wakes:
            changed["status"] = (case.status, "in progress")
            case.status = "in progress"
            changed |= {"until": (case.until, None)} if case.until is not None else {}
            case.until = None
        if effect.reopens:
            changed["state"] = (case.state, "active")
            case.state, case.resolved_at = "active", None
        if message.flags and (added := tuple(flag for flag in message.flags if flag not in case.flags)):
            case.flags += added
        by_nobody = message.automatic or message.is_folded
        waits = customer_wrote(case, message.received, automatic=by_nobody) if _makes_wait(message) else {}
        message.outcome = Appended(by, reason)
        self._join(message, batch, case)
        batch.events.append(CaseEvent(event, message, case, waits))
        if changed:
            kind = "case.reopened" if effect.reopens else "case.status_changed"
            batch.events.append(CaseEvent(kind, message, case, changed))
        if case.status == "on hold" and message.asks and not (message.from_us or by_nobody):
            batch.outbound.append(_on_hold(message, case))

    def watch_original(self, message: Incoming) -> None:
        """Show the case of a mail to the other mailboxes that a later copy of it went to."""
        case = message.original.case if message.original is not None else None
        case_id = case.id if case is not None else message.original_case_id
        if case_id is not None and message.outcome is not None and message.outcome.name == "duplicate":
            for mailbox, queue in message.mail.others if message.mail else ():
                self.batch.mail.changes.watches.append(Watch(case_id, mailbox, queue))

    def _watched(self, message: Incoming, case: Case) -> None:
        """Show the case to the other mailboxes that its message went to."""
        for mailbox, queue in message.mail.others if message.mail else ():
            self.batch.mail.changes.watches.append(Watch(case.id, mailbox, queue))

    def answered(self, message: Incoming, case: Case, at: datetime, answer: str) -> None:
        """The message tells that someone of ours answered the case's customer."""
        changed = answered(case, at, answer)
        events = self.batch.events
        if changed and case.id not in self.batch.opened:
            of_message = (index for index, event in enumerate(events) if event.cause is message and event.case is case)
            index = next(of_message)
            events[index] = replace(events[index], changed={**events[index].changed, **changed})

    def _join(self, message: Incoming, batch: Batch, case: Case) -> None:
        message.case = case
        message.activity_id = message.activity_id or uuid7()
        batch.touch(case)
        # under nobody's name, so that an id that someone forged draws none of the contact's real mails to it
        party = message.party if message.standing != "refuted" else None
        contact_id = party.contact.id if party and party.contact else None
        mail = message.mail
        known = {(link.id, link.own) for key in (message.own, mail and mail.alike, *message.mentioned) if key
                 for link in batch.links.get(key, ()) if link.case_id == case.id}  # fmt: skip
        between = (mail.mailbox, tuple(sorted(mail.people))) if mail and message.standing != "refuted" else ()
        own_keys = (message.own, mail.alike if mail else None)
        for key, own in (*((key, True) for key in own_keys), *((mention, False) for mention in message.mentioned)):
            if key and (key, True) not in known and (key, own) not in known:
                link = ThreadLink(key, case.id, own, contact_id, *(() if own else between))
                links = batch.links.setdefault(key, [])
                # as the store answers the next batch
                insort(links, link, key=lambda link: (not link.own, link.case_id))
                batch.new_links.append(link)
        self._add_participants(message, batch, case)
        self._watched(message, case)
        if not isinstance(message.outcome, Opened) and not message.is_folded:
            return
        note_arrival(message, case, batch, was_folded=message.is_folded)

    def _add_participants(self, message: Incoming, batch: Batch, case: Case) -> None:
        """The sender, and whom a customer or one of us copied.

        A robot, a forger, who was only copied, or one of a storm brings nobody in.
        """
        if message.automatic or message.is_folded or message.sender_kind != "email" or message.standing == "refuted":
            return
        policy = self._rules.participants
        opens = isinstance(message.outcome, Opened)
        if _by_rule(message) and not may_append(case, sender=message.sender, party=message.party, policy=policy):
            return  # whoever writes what a rule looks for adds to the case, and gains nothing by it
        may = opens or message.from_us or may_copy(case, message.party, policy)
        copied = tuple(sorted(message.copied)) if may and message.activity_kind != "note" else ()
        wrote = message.behalf.value if message.behalf and opens else None if message.from_us else message.sender
        people = dict.fromkeys(((wrote,) if wrote else ()) + copied)
        room = max(0, MAX_PARTICIPANTS - len(case.participants))
        if added := [address for address in people if address not in case.participants][:room]:
            case.participants |= set(added)
            batch.participants.extend((case.id, address) for address in added)


def _by_rule(message: Incoming) -> bool:
    """Whether it joined its case because a rule of the desk found there what it tells of."""
    return isinstance(message.outcome, Appended) and message.outcome.by == BY_RULE


def _makes_wait(message: Incoming) -> bool:
    """Whether a customer wrote or called, who may wait for an answer now."""
    by_agent = message.party is not None and message.party.agent is not None
    return message.asks and message.direction == "in" and message.kind != "iot" and not by_agent


def _on_hold(message: Incoming, case: Case) -> NewMail:
    """What tells the owner that the customer wrote on a case that rests; once an hour, as the same mail."""
    text = f"{case.title}\n\nThe customer wrote; the case stays on hold.\n"
    hour = message.received.replace(minute=0, second=0, microsecond=0)
    return NewMail(to="owner", template="on_hold_message", subject=case.title, body=text, at=hour, case=case)

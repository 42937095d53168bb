"""Opens a case for each message, or appends it to the one it belongs to."""

from bisect import insort
from collections.abc import Iterator

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.rules import Rules
from pipeline.domain.cases import (
    MAX_PARTICIPANTS,
    Case,
    Follow,
    Join,
    case_title,
    join_or_follow,
    may_append,
    may_copy,
    survivor,
)
from pipeline.domain.outcomes import Appended, Opened, Suppressed
from pipeline.domain.threading import Candidate, ThreadLink, candidates
from pipeline.store.ports import Transaction


class OpenOrAppend:
    """Decides in the order of arrival, so that a message sees what an earlier one of its batch did."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Lock every case that a signal names, in the order of ids, then decide on each message."""
        batch.links = {key: list(links) for key, links in batch.facts.links.items()}
        named = {candidate.case_id for message in batch.undecided() for candidate in self._candidates(message, batch)}
        batch.cases = dict(await tx.lock_cases(named))
        for message in batch.undecided():
            self._decide(message, batch)

    def _candidates(self, message: Incoming, batch: Batch) -> Iterator[Candidate]:
        contact = message.party.contact if message.party else None
        known = batch.facts.case_ids
        return candidates(
            token_cases=[known[number] for number in message.tokens if number in known],
            # automatic mail quotes subjects without knowing what stands in them
            subject_cases=[]
            if message.automatic
            else [known[number] for number in message.references if number in known],
            own=message.own,
            mentioned=message.mentioned,
            contact_id=contact.id if contact else None,
            links=batch.links,
            sources=self._rules.sources,
        )

    def _decide(self, message: Incoming, batch: Batch) -> None:
        if not message.may_append:
            message.outcome = Suppressed(f"automatic mail ({message.auto}), which this desk suppresses")
            return
        stranger_to: tuple[Case, str] | None = None
        for candidate in self._candidates(message, batch):
            case = survivor(candidate.case_id, batch.cases)
            if case is None:
                continue
            if not self._may_append(message, case):
                stranger_to = stranger_to or (case, f"{candidate.reason}, but {self._objection(message)}")
                continue
            queue = self._rules.queues.get(case.queue) or self._rules.queues[self._rules.default_queue]
            effect = join_or_follow(
                case,
                received=message.received,
                automatic=message.automatic,
                closed_reply=queue.closed_reply,
                reopen_days=queue.reopen_days,
            )
            if isinstance(effect, Follow):
                self._open(message, batch, reason=effect.reason, follow_up_of=case)
            else:
                self._append(message, batch, case, candidate, effect)
            return
        if not message.may_open:
            why = f": {stranger_to[1]}" if stranger_to else ""
            message.outcome = Suppressed(f"automatic mail ({message.auto}) that belongs to no case{why}")
        elif stranger_to is not None:
            case, reason = stranger_to
            self._open(message, batch, reason=reason, linked_to=case)
        else:
            self._open(message, batch, reason="it belongs to no case yet")

    @staticmethod
    def _objection(message: Incoming) -> str:
        return "its sender is unproven" if message.standing == "refuted" else "its sender takes no part in that case"

    def _may_append(self, message: Incoming, case: Case) -> bool:
        if message.standing == "refuted":
            return False  # nor a bounce: text of whoever forged it would stand on the case
        if message.auto == "bounce":
            return True  # the mailer daemon takes part nowhere, but knows what it returns
        return may_append(case, sender=message.sender, party=message.party, policy=self._rules.participants)

    def _open(
        self,
        message: Incoming,
        batch: Batch,
        *,
        reason: str,
        follow_up_of: Case | None = None,
        linked_to: Case | None = None,
    ) -> None:
        case = Case(
            id=uuid7(),
            title=case_title(message.subject, message.text),
            state="active",
            status="in progress",
            priority="normal",
            origin=message.kind,
            queue=message.queue,
            opened_at=message.received,
            contact=message.party.contact if message.party else None,
            account=message.party.account if message.party else None,
            follow_up_of=follow_up_of.id if follow_up_of else None,
            linked_to=linked_to.id if linked_to else None,
            flags=message.flags + (("not a participant",) if linked_to and message.standing != "refuted" else ()),
        )
        batch.cases[case.id] = batch.opened[case.id] = case
        message.outcome = Opened(reason)
        self._join(message, batch, case)
        batch.events.append(CaseEvent("case.opened", message, case))
        if linked := follow_up_of or linked_to:
            batch.events.append(CaseEvent("case.linked", message, case, linked=linked))

    def _append(self, message: Incoming, batch: Batch, case: Case, candidate: Candidate, effect: Join) -> None:
        changed: dict[str, tuple[object, object]] = {}
        if effect.reopens or effect.wakes:
            changed["status"] = (case.status, "in progress")
            case.status = "in progress"
        if effect.reopens:
            changed["state"] = (case.state, "active")
            case.state, case.resolved_at = "active", None
        if message.flags and (added := tuple(flag for flag in message.flags if flag not in case.flags)):
            case.flags += added
        message.outcome = Appended(candidate.by, candidate.reason)
        self._join(message, batch, case)
        batch.events.append(CaseEvent("case.appended", message, case))
        if changed:
            kind = "case.reopened" if effect.reopens else "case.status_changed"
            batch.events.append(CaseEvent(kind, message, case, changed))

    def _join(self, message: Incoming, batch: Batch, case: Case) -> None:
        message.case = case
        message.activity_id = uuid7()
        case.revision += 1
        if case.id not in batch.opened:
            batch.changed[case.id] = case
        # under nobody's name, so that an id that someone forged draws none of the contact's real mails to it
        party = message.party if message.standing != "refuted" else None
        contact_id = party.contact.id if party and party.contact else None
        known = {(link.id, link.own) for key in (message.own, *message.mentioned) if key
                 for link in batch.links.get(key, ()) if link.case_id == case.id}  # fmt: skip
        for key, own in ((message.own, True), *((mention, False) for mention in message.mentioned)):
            if key and (key, True) not in known and (key, own) not in known:
                link = ThreadLink(key, case.id, own, contact_id)
                links = batch.links.setdefault(key, [])
                # as the store answers the next batch
                insort(links, link, key=lambda link: (not link.own, link.case_id))
                batch.new_links.append(link)
        self._add_participants(message, batch, case)

    def _add_participants(self, message: Incoming, batch: Batch, case: Case) -> None:
        """The sender, and whom a customer copied; a robot, a forger, or who was only copied, brings nobody in."""
        if message.automatic or message.standing == "refuted":
            return
        policy = self._rules.participants
        opens = isinstance(message.outcome, Opened)
        copied = message.copied if opens or may_copy(case, message.party, policy) else ()
        people = dict.fromkeys(((message.sender,) if message.sender else ()) + tuple(sorted(copied)))
        room = max(0, MAX_PARTICIPANTS - len(case.participants))
        if added := [address for address in people if address not in case.participants][:room]:
            case.participants |= set(added)
            batch.participants.extend((case.id, address) for address in added)

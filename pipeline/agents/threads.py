"""Decides which case a mail or form belongs to, by what it answers."""

from collections.abc import Iterator
from uuid import UUID

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, Follow, join_or_follow, may_append, survivor
from pipeline.domain.outcomes import Suppressed
from pipeline.domain.threading import Candidate, candidates


class Threads:
    """Follows tokens, ids and subject references to a case in which the sender takes part."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The cases that a signal names."""
        return (candidate.case_id for candidate in self._candidates(message, batch))

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

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Append it to the first case in which its sender takes part, or open one."""
        if not message.may_append:
            message.outcome = Suppressed(f"automatic mail ({message.auto}), which this desk suppresses")
            return
        stranger_to: tuple[Case, str] | None = None
        for candidate in self._candidates(message, book.batch):
            case = survivor(candidate.case_id, book.batch.cases)
            if case is None:
                continue
            if not self._may_append(message, case):
                stranger_to = stranger_to or (case, f"{candidate.reason}, but {self._objection(message)}")
                continue
            queue = book.queue(case)
            effect = join_or_follow(
                case,
                received=message.received,
                automatic=message.automatic,
                closed_reply=queue.closed_reply,
                reopen_days=queue.reopen_days,
            )
            if isinstance(effect, Follow):
                self._open(message, book, reason=effect.reason, follow_up_of=case)
            else:
                book.append(message, case, by=candidate.by, reason=candidate.reason, effect=effect)
            return
        if not message.may_open:
            why = f": {stranger_to[1]}" if stranger_to else ""
            message.outcome = Suppressed(f"automatic mail ({message.auto}) that belongs to no case{why}")
        elif stranger_to is not None:
            case, reason = stranger_to
            self._open(message, book, reason=reason, linked_to=case)
        else:
            self._open(message, book, reason="it belongs to no case yet")

    @staticmethod
    def _open(
        message: Incoming,
        book: Casebook,
        *,
        reason: str,
        follow_up_of: Case | None = None,
        linked_to: Case | None = None,
    ) -> None:
        if message.refused is not None:
            message.outcome = message.refused
        else:
            book.open(message, reason=reason, follow_up_of=follow_up_of, linked_to=linked_to)

    @staticmethod
    def _objection(message: Incoming) -> str:
        return "its sender is unproven" if message.standing == "refuted" else "its sender takes no part in that case"

    def _may_append(self, message: Incoming, case: Case) -> bool:
        if message.standing == "refuted":
            return False  # nor a bounce: text of whoever forged it would stand on the case
        if message.auto == "bounce":
            return True  # the mailer daemon takes part nowhere, but knows what it returns
        return may_append(case, sender=message.sender, party=message.party, policy=self._rules.participants)

"""Decides which case a mail or form belongs to, by what it answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.casebook import Casebook
from pipeline.agents.dedupe import VARIANT
from pipeline.agents.mail.bounces import returned
from pipeline.agents.mail.from_us import FromUs
from pipeline.agents.mail.storms import STORM, folded, stormy_cases
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case, Follow, Join, join_or_follow, may_append, survivor
from pipeline.domain.outcomes import Suppressed
from pipeline.domain.threading import Candidate, Correspondents, ThreadLink, candidates


class Threads:
    """Follows tokens, ids and subject references to a case in which the sender takes part."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._from_us = FromUs()

    def named(self, message: Incoming, batch: Batch) -> Iterator[UUID]:
        """The cases that a signal names, and those that it may be folded into."""
        yield from (candidate.case_id for candidate in self._candidates(message, batch))
        yield from stormy_cases(message, batch)

    def _candidates(self, message: Incoming, batch: Batch) -> Iterator[Candidate]:
        contact = message.party.contact if message.party and not message.from_us else None
        mail = message.mail
        if VARIANT in message.flags:
            bearing = (link for link in batch.links.get(message.own or "", ()) if link.own)
            yield from (Candidate(link.case_id, "message_id", "another text of it came before") for link in bearing)
        yield from candidates(
            named=self._named_by_us(message, batch),
            own=message.own,
            mentioned=message.mentioned,
            alike=mail.alike if mail and not message.automatic else None,
            between=Correspondents(
                contact.id if contact else None,
                mail.people if mail else frozenset(),
                mail.mailbox if mail else None,
            ),
            links=_with_ours(message, batch) if batch.facts.mail.sent else batch.links,
            sources=self._rules.sources,
        )
        if (sent := returned(message, batch)) is not None and sent.case_id is not None:
            yield Candidate(sent.case_id, "message_id", "it returns our mail about that case")

    def _in_order(self, message: Incoming, batch: Batch) -> Iterable[Candidate]:
        """The best first; of several that one sign names, where each mailbox has its own case, that of this queue."""
        found = self._candidates(message, batch)
        if not self._rules.each_mailbox:
            return found
        listed = [*found]
        signs = [*dict.fromkeys(candidate.reason for candidate in listed)]
        queue_of = {case.id: case.queue for case in batch.cases.values()}
        return sorted(listed, key=lambda one: (signs.index(one.reason), queue_of.get(one.case_id) != message.queue))

    def _named_by_us(self, message: Incoming, batch: Batch) -> Mapping[str, Sequence[UUID]]:
        """The cases of what we signed, by source; automatic mail quotes without knowing what stands in it."""
        known, mail = batch.facts.case_ids, message.mail
        tokens = [*message.tokens, *self._notices(message)]
        named = {"token": [known[number] for number in tokens if number in known]}
        if message.automatic:
            return named
        named["subject_reference"] = [known[number] for number in message.references if number in known]
        for source, numbers in mail.references.items() if mail else ():
            named[source] = [known[number] for number in numbers if number in known]
        return named

    def _notices(self, message: Incoming) -> list[int]:
        """The cases about which it answers a notification of ours to its very writer."""
        if message.mail is None or message.agent is None or not message.from_us:
            return []
        agent = message.agent.external_id or ""
        return [one.number for one in message.mail.notices if self._rules.tokens.is_for(one, agent)]

    def decide(self, message: Incoming, book: Casebook) -> None:
        """Append it to the first case in which its sender takes part, or open one."""
        if not message.may_append:
            message.outcome = Suppressed(f"automatic mail ({message.auto}), which this desk suppresses")
            return
        if message.from_us:
            self._from_us.decide(message, self._candidates(message, book.batch), book, set(self._notices(message)))
            return
        stranger_to: tuple[Case, str] | None = None
        for candidate in self._in_order(message, book.batch):
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
        self._decide_without_case(message, book, stranger_to)

    def _decide_without_case(self, message: Incoming, book: Casebook, stranger_to: tuple[Case, str] | None) -> None:
        fold = folded(message, book.batch)
        into = survivor(fold.case_id, book.batch.cases) if fold else None
        if not message.may_open:
            why = f": {stranger_to[1]}" if stranger_to else ""
            message.outcome = Suppressed(f"automatic mail ({message.auto}) that belongs to no case{why}")
        elif fold is not None and into is not None and into.state == "active":
            message.is_folded = True
            message.flags += (STORM,)
            book.append(message, into, by="storm", reason=fold.reason, effect=Join())
            book.batch.why(into, "storm", f"{message.source_id} was folded into it: {fold.reason}", message.received)
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
        if message.agent is not None:
            return True
        if message.auto == "bounce":
            return True  # the mailer daemon takes part nowhere, but knows what it returns
        return may_append(case, sender=message.sender, party=message.party, policy=self._rules.participants)


def _with_ours(message: Incoming, batch: Batch) -> Mapping[str, Sequence[ThreadLink]]:
    """What it answers, mails of ours too: a notification's token is its reader's alone, its id whoever's answers it."""
    found: dict[str, Sequence[ThreadLink]] = {}
    for one in (message.own, *message.mentioned):
        links = batch.links.get(one, ()) if one else ()
        sent = batch.facts.mail.sent.get(one) if one else None
        if sent is not None and sent.case_id is not None and one and one != message.own:
            links = [*links, ThreadLink(one, sent.case_id, own=True, contact_id=None)]
        if one and links:
            found[one] = links
    if (alike := message.mail.alike if message.mail else None) and alike in batch.links:
        found[alike] = batch.links[alike]
    return found

"""Makes the mails that were asked for ours, so that they are written with all else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch
from pipeline.agents.numbers import number_cases
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.letters import letter_headers, letter_id, letter_subject
from pipeline.store.casework_ports import Correspondence, WorkWanted
from pipeline.store.mail_ports import Reach
from pipeline.store.outbound_ports import NewMail, OutboundMail
from pipeline.store.ports import Transaction

_OWNERS = frozenset({"owner", "manager"})


@dataclass(frozen=True, slots=True)
class _People:
    """Where agents and customers get mail; of each case its customer."""

    agents: Mapping[UUID, Reach]
    customers: Mapping[UUID, Correspondence]


@dataclass(frozen=True, slots=True)
class _To:
    """An address; whose, if an agent's; the message of theirs that a mail to them answers."""

    address: str
    agent: str | None = None
    answers: str | None = None


class Post:
    """Finds the address of whoever is meant, and gives each mail its Message-ID with our token, and its headers."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Post what was asked for; a mail that reaches nobody is not written, and its case tells why."""
        if not batch.outbound:
            return
        await number_cases(batch, tx)
        asked, batch.outbound = batch.outbound, []
        people = await self._people(asked, tx)
        for mail in asked:
            to = self._address(mail, people)
            if to is not None:
                batch.posted.append(self._letter(mail, to))
            elif mail.case is not None:
                batch.why(mail.case, "mail", f"{mail.template} to {mail.to} has no address to go to", mail.at)

    async def _people(self, asked: Sequence[NewMail], tx: Transaction) -> "_People":
        """Where owners, their managers and customers get mail; asked only about whom a mail is meant for."""
        owners = {mail.case.owner.id for mail in asked if mail.to in _OWNERS and mail.case and mail.case.owner}
        cases = {mail.case.id for mail in asked if mail.to == "customer" and mail.case}
        return _People(
            await tx.mail.reach(owners) if owners else {},
            (await tx.work(WorkWanted(answers=cases))).answers if cases else {},
        )

    def _address(self, mail: NewMail, people: "_People") -> "_To | None":
        if "@" in mail.to:
            return _To(mail.to)
        case = mail.case
        if mail.to == "customer":
            theirs = people.customers.get(case.id) if case else None
            return _To(theirs.address, None, theirs.message_id) if theirs and theirs.address else None
        reach = people.agents.get(case.owner.id) if mail.to in _OWNERS and case and case.owner else None
        if mail.to == "owner" and reach is not None and reach.address:
            return _To(reach.address, reach.agent)
        if mail.to == "manager" and reach is not None and reach.manager_address:
            return _To(reach.manager_address, reach.manager)
        name = mail.to.removeprefix("queue:") if mail.to.startswith("queue:") else case.queue if case else ""
        queue = self._rules.queue(name)
        return _To(queue.notify) if queue.notify else None

    def _letter(self, mail: NewMail, to: "_To") -> OutboundMail:
        tokens, case = self._rules.tokens, mail.case
        number = case.number if case else None
        return OutboundMail(
            id=uuid7(),
            case_id=case.id if case else None,
            sender=self._sender(case),
            recipient=to.address,
            subject=letter_subject(tokens, number, mail.subject),
            template=mail.template,
            message_id=letter_id(
                tokens, number, to=to.address, template=mail.template, at=mail.at, body=mail.body, agent=to.agent
            ),
            in_reply_to=mail.in_reply_to or to.answers,
            headers=letter_headers(mail.template, tokens.domain),
            body=mail.body,
            created_at=mail.at,
            data=mail.values,
            activity_id=mail.activity,
        )

    def _sender(self, case: Case | None) -> str:
        """The address of the case's queue, so that an answer comes back there."""
        of_queue = self._rules.address_of_queue
        return of_queue.get(case.queue if case else self._rules.default_queue, self._rules.address)

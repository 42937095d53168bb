"""Makes the mails that were asked for ours, so that they are written with all else."""

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch
from pipeline.agents.numbers import number_cases
from pipeline.agents.rules import Rules
from pipeline.domain.cases import Case
from pipeline.domain.letters import letter_headers, letter_id, letter_subject
from pipeline.store.outbound_ports import NewMail, OutboundMail
from pipeline.store.ports import Transaction


class Post:
    """Finds the address of whoever is meant, and gives each mail its Message-ID with our token, and its headers."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Post what was asked for; a mail that reaches nobody is not written."""
        if not batch.outbound:
            return
        await number_cases(batch, tx)
        asked, batch.outbound = batch.outbound, []
        for mail in asked:
            if address := self._address(mail):
                batch.posted.append(self._letter(mail, address))

    def _address(self, mail: NewMail) -> str | None:
        return mail.to if "@" in mail.to else None

    def _letter(self, mail: NewMail, address: str) -> OutboundMail:
        tokens, case = self._rules.tokens, mail.case
        number = case.number if case else None
        return OutboundMail(
            id=uuid7(),
            case_id=case.id if case else None,
            sender=self._sender(case),
            recipient=address,
            subject=letter_subject(tokens, number, mail.subject),
            template=mail.template,
            message_id=letter_id(tokens, number, to=address, template=mail.template, at=mail.at, body=mail.body),
            in_reply_to=mail.in_reply_to,
            headers=letter_headers(mail.template, tokens.domain),
            body=mail.body,
            created_at=mail.at,
        )

    def _sender(self, case: Case | None) -> str:
        """The address of the case's queue, so that an answer comes back there."""
        of_queue = self._rules.address_of_queue
        return of_queue.get(case.queue if case else self._rules.default_queue, self._rules.address)

"""Finds out which mails one of us wrote: an agent, or someone as a mailbox of ours."""

from dataclasses import replace

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.dedupe import variant_key
from pipeline.agents.mail.told import MailMessage
from pipeline.agents.rules import Rules
from pipeline.domain import automatic
from pipeline.domain.matching import Identity, Ref, normal_address
from pipeline.store.ports import Transaction


class Speak:
    """An agent's mail is theirs when it is proven; one that is not is a stranger's, who says they were an agent."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Whose addresses the mails of ours go to is asked at once, where there are any."""
        wanted: set[Identity] = set()
        for message in batch.messages:
            mail = message.mail
            if mail is None:
                continue
            party = batch.facts.parties.get(message.identity) if message.identity else None
            if message.source_id in batch.facts.mail.sent:
                self._came_back(message)
            elif mail.as_mailbox and not message.automatic:
                message.from_us = True
            elif party is not None and party.agent is not None:
                _judge(message, mail, party.agent)
            if message.from_us:
                wanted.update(Identity("email", address) for address in _addressed(mail))
        if wanted:
            known = await tx.parties(wanted)
            batch.facts = replace(batch.facts, parties={**batch.facts.parties, **known})
            for message in batch.messages:
                if message.from_us and message.mail is not None:
                    message.behalf = self._behalf(message, message.mail, batch)

    def _came_back(self, message: Incoming) -> None:
        """A mail that we sent and that came back to us, whoever passed it on."""
        message.auto = "loop"
        policy = self._rules.automatic.policy("loop")
        message.automatic = automatic.is_automatic("loop", policy)
        message.may_append, message.may_open = automatic.may_append("loop", policy), automatic.may_open("loop", policy)

    def _behalf(self, message: Incoming, mail: MailMessage, batch: Batch) -> Identity | None:
        """The customer of the case that it opens, if it opens one: who wrote what it forwards, else whom it is to."""

        def is_customer(address: str) -> bool:
            party = batch.facts.parties.get(Identity("email", address))
            return not self._rules.is_ours(address) and (party is None or party.agent is None)

        if is_forward(message, batch):
            inner = normal_address(mail.forwarded.address) if mail.forwarded else ""
            return Identity("email", inner) if inner and is_customer(inner) else None
        return next((Identity("email", address) for address in mail.recipients if is_customer(address)), None)


def _judge(message: Incoming, mail: MailMessage, agent: Ref) -> None:
    if message.standing == "proven":
        message.agent, message.from_us = agent, not message.automatic
        return
    belief = mail.if_agent
    message.standing, message.flags = belief.standing, belief.flags
    message.quarantine = message.quarantine or belief.quarantine
    if belief.standing == "refuted" and message.dedupe_genuine is None:
        # a forged mail never takes the place of the genuine one, and its own key is one that was asked for
        message.dedupe_genuine, message.dedupe_key = message.dedupe_key, variant_key(message)


def _addressed(mail: MailMessage) -> tuple[str, ...]:
    inner = (normal_address(mail.forwarded.address),) if mail.forwarded else ()
    return (*inner, *mail.recipients)


def is_forward(message: Incoming, batch: Batch) -> bool:
    """Whether it hands a mail of somebody else's on to us, as one that is about no case of ours yet."""
    mail = message.mail
    if mail is None or mail.forwarded is None:
        return False
    return not any(number in batch.facts.case_ids for number in (*message.tokens, *message.references))

"""Finds whose message each one is, and says by what."""

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.rules import Rules
from pipeline.domain.matching import account_domain
from pipeline.domain.outcomes import Quarantined, Suppressed
from pipeline.store.ports import NewContact, Transaction


class Match:
    """Matches by address, then by the account's mail domain, else makes a contact as the queue's policy says."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """One question for all known addresses was asked with the claim; one statement makes all new contacts."""
        wanted: dict[str, NewContact] = {}
        waiting: list[tuple[Incoming, str]] = []
        for message in batch.undecided():
            if message.quarantine is not None:
                message.outcome = Quarantined(message.quarantine)
            elif message.sender is not None:
                message.party = batch.facts.parties.get(message.sender)
                if message.party is None and (message.sender in wanted or self._admits(message, batch)):
                    wanted.setdefault(message.sender, self._new_contact(message, batch))
                    waiting.append((message, message.sender))
        made = await tx.create_contacts([wanted[address] for address in sorted(wanted)])
        for message, sender in waiting:
            message.party = made.get(sender)

    def _admits(self, message: Incoming, batch: Batch) -> bool:
        """Whether an unknown sender gets a contact; decides the message where the policy says otherwise."""
        if message.automatic or self._rules.is_ours(message.sender or ""):
            return False  # neither a robot nor a mailbox of ours is anybody's customer
        account = batch.facts.accounts.get(account_domain(message.sender or "") or "")
        policy = self._rules.queues[message.queue].new_sender
        if account is not None or policy == "create":
            return True
        if policy == "quarantine":
            message.outcome = Quarantined(f"{message.sender} is unknown, and {message.queue} asks a person then")
        else:
            message.outcome = Suppressed(f"{message.sender} is unknown, and {message.queue} takes no unknown senders")
        return False

    def _new_contact(self, message: Incoming, batch: Batch) -> NewContact:
        address = message.sender or ""
        account = batch.facts.accounts.get(account_domain(address) or "")
        name = message.sender_name or address.partition("@")[0]
        return NewContact(uuid7(), name[:200], address, account.id if account else None, message.received)

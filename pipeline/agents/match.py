"""Finds whose message each one is, and says by what."""

from dataclasses import replace

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.rules import Rules
from pipeline.domain.matching import Identity, Party, Ref, account_domain
from pipeline.domain.outcomes import Quarantined, Suppressed
from pipeline.parse.freemail import FREEMAIL
from pipeline.store.ports import NewContact, Transaction


class Match:
    """Matches by identity or a device's account, then by mail domain, else makes a contact as the queue's policy says.

    Whoever writes from an account's mail domain becomes a contact of it.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """One question for all known identities was asked with the claim; one statement makes all new contacts."""
        wanted: dict[Identity, NewContact] = {}
        waiting: list[tuple[Incoming, Identity]] = []
        for message in batch.undecided():
            identity = message.identity
            if message.quarantine is not None and not message.released:
                message.outcome = Quarantined(message.quarantine)
            elif identity is not None:
                message.party = _known(message, batch)
                if message.party is None and (identity in wanted or self._admits(message, batch)):
                    wanted.setdefault(identity, self._new_contact(message, identity, batch))
                    waiting.append((message, identity))
        made = await tx.create_contacts([wanted[identity] for identity in sorted(wanted)])
        if made and any(message.from_us for message in batch.messages):
            batch.facts = replace(batch.facts, parties={**batch.facts.parties, **made})  # whom we may write to here
        seen: set[Identity] = set()
        for message, identity in waiting:
            party = made.get(identity)
            known = identity in seen
            message.is_new = party is not None and party.by == "new contact" and not known
            seen.add(identity)
            if party is not None and known:
                party = replace(party, by="identity")  # as it would be in a batch of its own
            elif party is not None and party.account is not None and wanted[identity].account_id is not None:
                party = replace(party, by="mail domain")
            message.party = party

    def _admits(self, message: Incoming, batch: Batch) -> bool:
        """Whether an unknown sender gets a contact; decides the message where the policy says otherwise."""
        if message.behalf is not None:
            return True  # one of us vouches for them
        if message.automatic or not message.may_be_new or self._rules.is_ours(message.sender or ""):
            return False  # neither a robot nor a mailbox of ours is anybody's customer
        policy = self._rules.queues[message.queue].new_sender
        if policy == "create" or message.released or self._account(message, batch) is not None:
            return True
        refused: Quarantined | Suppressed
        if policy == "quarantine":
            refused = Quarantined(f"{message.sender} is unknown, and {message.queue} asks a person then")
        else:
            refused = Suppressed(f"{message.sender} is unknown, and {message.queue} takes no unknown senders")
        if message.about is None:
            message.outcome = refused
        else:
            message.refused = refused  # that a call came, or an item was written, is kept all the same
        return False

    @staticmethod
    def _account(message: Incoming, batch: Batch) -> Ref | None:
        """The account that owns the sender's mail domain."""
        identity = message.identity
        domain = account_domain(identity.value, FREEMAIL) if identity and identity.kind == "email" else None
        return batch.facts.accounts.get(domain or "")

    def _new_contact(self, message: Incoming, identity: Identity, batch: Batch) -> NewContact:
        account = self._account(message, batch)
        forwarded = message.mail.forwarded if message.mail and message.behalf else None
        said = (forwarded.name if forwarded else "") if message.behalf else message.sender_name
        name = said or identity.value.partition("@")[0]
        return NewContact(
            id=uuid7(),
            name=name[:200],
            identity=identity,
            account_id=account.id if account else None,
            created_at=message.received,
            origin=message.envelope.source,
        )


def _known(message: Incoming, batch: Batch) -> Party | None:
    """Who has the most certain of its identities; a range of numbers says so."""
    for identity in message.identities:
        if party := batch.facts.parties.get(identity):
            return replace(party, by="number range") if identity.value.endswith("*") else party
    return None

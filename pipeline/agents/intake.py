"""Composes the steps of intake: dedupe → match → open or append → observe, then what follows from it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.channels.wanted import channel_wanted, channels_of, claims_of
from pipeline.agents.consequences import Consequences, Step
from pipeline.agents.deadletters import dead_changes, unreadable_of
from pipeline.agents.dedupe import variant_key
from pipeline.agents.devices.watching import device_claim
from pipeline.agents.entitlements.drawing import Refused
from pipeline.agents.mail.twins import twins_of
from pipeline.agents.mail.wanted import mail_claims, mail_numbers, mail_wanted, written_for
from pipeline.agents.reading.readings import alarms_of
from pipeline.domain.matching import Identity, account_domain
from pipeline.domain.outcomes import Quarantined
from pipeline.parse.freemail import FREEMAIL
from pipeline.store.ports import Transaction, Wanted


class Intake:
    """Settles a batch of typed messages within a transaction that someone else opens and ends."""

    def __init__(self, steps: Sequence[Step], consequences: Consequences, *, may_refuse: bool = False) -> None:
        """With `may_refuse`, what follows may still put messages aside instead of opening a case."""
        self._steps = steps
        self._consequences = consequences
        self._may_refuse = may_refuse

    async def __call__(self, messages: Sequence[Incoming], tx: Transaction) -> None:
        """Run all steps, and what follows from what they decided."""
        telemetry = [message for message in messages if message.telemetry is not None]
        singles = list(_singles(messages))
        facts = await tx.read(_wanted(singles, telemetry))
        undecided = [replace(message) for message in singles] if self._may_refuse else []
        while True:
            batch = Batch([*singles], facts, telemetry=telemetry, channels=channels_of(facts.channels))
            try:
                await self._decide(batch, tx)
                break
            except Refused as refusal:  # nothing was written yet: decide again without the cases they would open
                undecided = [_refused(message, refusal.messages) for message in undecided]
                for message, before in zip(singles, undecided, strict=True):
                    _begin_again(message, before)
        if unreadable := [letter for record in telemetry for letter in unreadable_of(record)]:
            await tx.write(await dead_changes(unreadable, tx))

    async def _decide(self, batch: Batch, tx: Transaction) -> None:
        for step in self._steps:
            await step(batch, tx)
        for message in batch.messages:
            if message.outcome is not None and message.outcome.name in {"suppressed", "quarantined", "recorded"}:
                batch.events.append(CaseEvent(f"message.{message.outcome.name}", message))
        await self._consequences(batch, tx)


def _refused(message: Incoming, refused: Mapping[UUID, Quarantined]) -> Incoming:
    return replace(message, refused=refused.get(message.id, message.refused))


def _begin_again(message: Incoming, before: Incoming) -> None:
    """Let a message be as it was before any step decided on it."""
    for one in fields(message):
        setattr(message, one.name, getattr(before, one.name))


def _singles(messages: Iterable[Incoming]) -> Iterator[Incoming]:
    """The messages that are settled one by one: of a record of many, its alarms; of a mail to several, one each."""
    for message in messages:
        if message.telemetry is None:
            yield message
            yield from twins_of(message)
        else:
            yield from alarms_of(message)


def _wanted(messages: Sequence[Incoming], telemetry: Sequence[Incoming]) -> Wanted:
    claim: set[str] = set()
    keys: set[str] = set()
    identities: set[Identity] = set()
    about: set[Identity] = set()
    numbers: set[int] = set()
    for message in messages:
        genuine = {message.dedupe_genuine} if message.dedupe_genuine else set()
        keys |= {message.dedupe_key, *message.dedupe_near, *genuine, variant_key(message)}
        claim |= {message.dedupe_key, *message.dedupe_near, *genuine, *message.mentioned}
        claim |= {message.own} if message.own else set()
        numbers |= {*message.tokens, *message.references}
        identities |= {*message.identities}
        about |= written_for(message)
        claim |= claims_of(message) | mail_claims(message)
        numbers |= mail_numbers(message)
    for record in telemetry:
        claim |= {device_claim(device) for device in record.telemetry.devices} if record.telemetry else set()
    addresses = {value for kind, value in identities | about if kind == "email"}
    domains = {domain for address in addresses if (domain := account_domain(address, FREEMAIL))}
    return Wanted(claim, keys, identities, domains, numbers, channel_wanted(messages, telemetry), mail_wanted(messages))

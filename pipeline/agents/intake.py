"""Composes the steps of intake: dedupe → match → open or append → route, then writes it all at once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from pipeline.agents.batch import Batch, CaseEvent, Incoming
from pipeline.agents.channels import channel_changes, channel_wanted, channels_of, claims_of
from pipeline.agents.counts import Counted, count_outcomes
from pipeline.agents.deadletters import dead_changes, unreadable_of
from pipeline.agents.dedupe import variant_key
from pipeline.agents.events import build_events, keys_without_case
from pipeline.agents.numbers import number_cases
from pipeline.agents.read_readings import alarms_of
from pipeline.domain.matching import Identity, account_domain
from pipeline.domain.outcomes import Appended
from pipeline.store.ports import Changes, NewActivity, NewMessage, Transaction, Wanted


class Step(Protocol):
    """A step of intake: looks at the batch, asks the transaction, decides."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Decide what this step is for; leave what is decided already alone."""


class Intake:
    """Settles a batch of typed messages within a transaction that someone else opens and ends."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    async def __call__(self, messages: Sequence[Incoming], tx: Transaction) -> None:
        """Run all steps, then write what they decided."""
        telemetry = [message for message in messages if message.telemetry is not None]
        singles = list(_singles(messages)) if telemetry else list(messages)
        facts = await tx.read(_wanted(singles, telemetry))
        batch = Batch(singles, facts, telemetry=telemetry, channels=channels_of(facts.channels))
        for step in self._steps:
            await step(batch, tx)
        for message in batch.messages:
            if message.outcome is not None and message.outcome.name in {"suppressed", "quarantined", "recorded"}:
                batch.events.append(CaseEvent(f"message.{message.outcome.name}", message))
        await tx.write(await _changes(batch, tx))
        if unreadable := [letter for record in telemetry for letter in unreadable_of(record)]:
            await tx.write(await dead_changes(unreadable, tx))


def _singles(messages: Iterable[Incoming]) -> Iterator[Incoming]:
    """The messages that are settled one by one: of a record of many, its alarms."""
    for message in messages:
        if message.telemetry is None:
            yield message
        else:
            yield from alarms_of(message)


def _wanted(messages: Sequence[Incoming], telemetry: Sequence[Incoming]) -> Wanted:
    claim: set[str] = set()
    keys: set[str] = set()
    identities: set[Identity] = set()
    numbers: set[int] = set()
    for message in messages:
        genuine = {message.dedupe_genuine} if message.dedupe_genuine else set()
        keys |= {message.dedupe_key, *message.dedupe_near, *genuine, variant_key(message)}
        claim |= {message.dedupe_key, *message.dedupe_near, *genuine, *message.mentioned}
        claim |= {message.own} if message.own else set()
        numbers |= {*message.tokens, *message.references}
        if (identity := message.identity) is not None:
            identities.add(identity)
        claim |= claims_of(message)
    domains = {domain for kind, value in identities if kind == "email" and (domain := account_domain(value))}
    return Wanted(claim, keys, identities, domains, numbers, channel_wanted(messages, telemetry))


async def _changes(batch: Batch, tx: Transaction) -> Changes:
    await number_cases(batch, tx)
    events = build_events(batch.events, await tx.next_sequences(keys_without_case(batch.events)))
    return Changes(
        opened=list(batch.opened.values()),
        changed=list(batch.changed.values()),
        participants=batch.participants,
        activities=[_activity(message) for message in batch.messages if message.activity_id and not message.about],
        messages=[_message(message) for message in batch.messages],
        raws=[(message.id, message.envelope.raw) for message in batch.messages if not message.envelope.dataref],
        blobs=[(message.id, message.envelope.dataref) for message in batch.messages if message.envelope.dataref],
        links=batch.new_links,
        events=events,
        counts=count_outcomes(_counted(batch)),
        channels=channel_changes(batch.channels),
        outbound=batch.posted,
    )


def _counted(batch: Batch) -> Iterator[Counted]:
    for m in batch.messages:
        yield m.record.topic, m.record.partition, m.envelope.source, m.received, m.envelope.count, _outcome(m)
    for m, recorded, repeated in batch.plain:
        for count, outcome in ((recorded, "recorded"), (repeated, "duplicate")):
            if count:
                yield m.record.topic, m.record.partition, m.envelope.source, m.received, count, outcome


def _outcome(message: Incoming) -> str:
    if message.outcome is None:
        raise AssertionError(f"no step decided on {message.source_id}")
    return message.outcome.name


def _activity(message: Incoming) -> NewActivity:
    if message.activity_id is None or message.case is None:
        raise AssertionError(f"{message.source_id} joined no case")
    return NewActivity(
        id=message.activity_id,
        case_id=message.case.id,
        kind=message.kind,
        direction=message.direction,
        state="closed",
        subject=message.subject,
        body=message.text,
        sender=message.sender,
        contact_id=message.party.contact.id if message.party and message.party.contact else None,
        at=message.received,
    )


def _message(message: Incoming) -> NewMessage:
    outcome = message.outcome
    if outcome is None:
        raise AssertionError(f"no step decided on {message.source_id}")
    case = message.original.case if message.original is not None else message.case
    found_by = message.party.by if message.party else None
    return NewMessage(
        id=message.id,
        channel=message.envelope.channel,
        source=message.envelope.source,
        source_id=message.source_id,
        dedupe_key=None if outcome.name == "duplicate" else message.dedupe_key,
        outcome=outcome.name,
        reason=outcome.reason[:2000],
        matched_by=outcome.by if isinstance(outcome, Appended) else found_by,
        case_id=case.id if case else message.original_case_id,
        contact_id=message.party.contact.id if message.party and message.party.contact else None,
        activity_id=message.activity_id,
        received_at=message.received,
        flags=message.flags,
        defects=message.defects,
        body=None if message.activity_id else message.text,
        content_type=message.envelope.content_type,
        facts=message.envelope.facts,
        topic=message.record.topic,
        partition=message.record.partition,
        log_offset=message.record.offset,
        dataref=message.envelope.dataref,
    )

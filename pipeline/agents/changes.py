"""Collects all that a transaction writes of what was decided."""

from collections.abc import Iterator, Mapping

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.channels.wanted import channel_changes
from pipeline.agents.counts import Counted, count_outcomes
from pipeline.agents.events import build_events, keys_without_case
from pipeline.agents.numbers import number_cases
from pipeline.agents.text import clean
from pipeline.domain.outcomes import Appended
from pipeline.store.past import CE_ID
from pipeline.store.ports import Changes, NewActivity, NewMessage, Transaction
from pipeline.store.queue_ports import QueueChanges


async def changes_of(batch: Batch, tx: Transaction) -> Changes:
    """What to write; cases that are opened get their numbers now, events their sequence."""
    await number_cases(batch, tx)
    for event in batch.events:  # each raises the sequence of its case, which must be written then
        if event.case is not None and event.case.id not in batch.opened:
            batch.changed.setdefault(event.case.id, event.case)
    events = build_events(batch.events, await tx.next_sequences(keys_without_case(batch.events)))
    return Changes(
        opened=list(batch.opened.values()),
        changed=list(batch.changed.values()),
        participants=batch.participants,
        activities=[
            *(_activity(message) for message in batch.messages if _has_its_own(message, batch)),
            *batch.activities,
        ],
        messages=[_message(message, batch) for message in batch.messages],
        raws=[(message.id, message.envelope.raw) for message in batch.messages if not message.envelope.dataref],
        blobs=[(message.id, message.envelope.dataref) for message in batch.messages if message.envelope.dataref],
        links=batch.new_links,
        events=events,
        counts=count_outcomes(_counted(batch)),
        channels=channel_changes(batch.channels),
        outbound=batch.posted,
        delivered=batch.delivered,
        work=batch.work,
        mail=batch.mail.changes,
        whys=batch.whys,
        contacts=batch.contacts,
        timed=batch.timed,
        fired=batch.fired,
        watch=batch.watch.changes(),
        kpis=[one for promises in batch.promises.values() for one in promises.instances if one.changed],
        entitlements=batch.entitlements,
        queues=QueueChanges(batch.queues.items, batch.queues.failures, batch.queues.overflowed),
    )


def _has_its_own(message: Incoming, batch: Batch) -> bool:
    """Whether an activity is made of a message; not of what tells more of a call or item, or of one move of many."""
    return message.activity_id is not None and not message.about and message.activity_id not in batch.watch.retold


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
        kind=message.activity_kind or message.kind,
        direction=message.direction,
        state="closed",
        subject=message.subject,
        body=message.text,
        sender=message.sender,
        contact_id=message.party.contact.id if message.party and message.party.contact else None,
        at=message.received,
        agent=message.agent.external_id if message.agent and message.from_us else None,
        recipient=", ".join(message.mail.recipients)[:500] if message.mail and message.direction == "out" else None,
    )


def _facts(message: Incoming) -> Mapping[str, str]:
    """The transport's facts, with the source's own id of the message where it goes by another."""
    envelope = message.envelope
    return envelope.facts if envelope.id == message.source_id else {**envelope.facts, CE_ID: clean(envelope.id)[:2000]}


def _message(message: Incoming, batch: Batch) -> NewMessage:
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
        body=None if message.activity_id and message.activity_id not in batch.watch.retold else message.text,
        content_type=message.envelope.content_type,
        facts=_facts(message),
        topic=message.record.topic,
        partition=message.record.partition,
        log_offset=message.record.offset,
        dataref=message.envelope.dataref,
        account_id=message.party.account.id if message.party and message.party.account else None,
        customer_by=found_by,
    )

"""Writes messages that could not be settled: a dead letter each, counted, and told to `inbound.dead`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.counts import count_outcomes
from pipeline.agents.events import dead_event
from pipeline.agents.reading.readings import alone
from pipeline.agents.reading.record import Unread
from pipeline.domain.outcomes import Dead
from pipeline.store.ports import Changes, DeadLetter, NewEvent, Transaction
from pipeline.wire import Envelope

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = "dead:{}"  # a sequence of its own: on another topic, it would leave holes in the source's


async def dead_changes(unread: Sequence[Unread], tx: Transaction) -> Changes:
    """What to write for records that are dead. A record that is no envelope counts under its topic, in 1970."""
    letters = [_letter(one) for one in unread]
    keys = [_KEY.format(letter.source) for letter in letters]
    following = dict(await tx.next_sequences(Counter(keys)))
    events = []
    for key, letter in zip(keys, letters, strict=True):
        events.append(_event(letter, key, following[key]))
        following[key] += 1
    return Changes(
        dead=letters,
        events=events,
        blobs=[(letter.id, one.envelope.dataref) for letter, one in zip(letters, unread, strict=True)
               if one.envelope is not None and one.envelope.dataref],
        counts=count_outcomes((d.topic, d.partition, d.source, d.hour, d.count, "dead") for d in letters),
    )  # fmt: skip


def unreadable_of(record: Incoming) -> list[Unread]:
    """The messages of a record that cannot be read, each as if it had come in a record of its own."""
    telemetry = record.telemetry
    return [
        Unread(
            record=replace(record.record, value=one.raw, headers=tuple(envelope.headers())),
            envelope=envelope,
            raw=one.raw,
            dead=Dead(one.reason, "unreadable", "parse iot"),
            item=one.item,
        )
        for one in (telemetry.unreadable if telemetry else ())
        for envelope in (alone(record.envelope, one.raw),)
    ]


def _letter(one: Unread) -> DeadLetter:
    envelope, record = one.envelope, one.record
    at = envelope.time if envelope is not None else _EPOCH
    source = envelope.source if envelope is not None else f"/{record.topic}"
    return DeadLetter(
        id=uuid7(),
        topic=record.topic,
        partition=record.partition,
        log_offset=record.offset,
        kind=one.dead.kind,
        reason=one.dead.reason.replace("\0", " ")[:2000],
        place=one.dead.place,
        sender=(_sender(envelope) if envelope is not None else None) or source,
        source=source,
        hour=at.replace(minute=0, second=0, microsecond=0),
        count=envelope.count if envelope is not None else 1,
        key=record.key,
        headers=[(name, value.decode("utf-8", "replace").replace("\0", " ")) for name, value in record.headers],
        raw=b"" if envelope is not None and envelope.dataref else one.raw,
        at=at,
        item=one.item,
    )


def _sender(envelope: Envelope) -> str | None:
    """Who sent it, as far as the transport knows: the breaker counts these, and a form alone is one source for all."""
    return envelope.facts.get("envelopefrom") or envelope.facts.get("remoteip")


def _event(letter: DeadLetter, key: str, seq: int) -> NewEvent:
    data = {
        "id": str(letter.id),
        "source": letter.source,
        "kind": letter.kind,
        "reason": letter.reason,
        "place": letter.place,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.log_offset,
    }
    return dead_event(key=key, seq=seq, data=data, at=letter.at)

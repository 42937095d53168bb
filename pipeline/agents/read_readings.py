"""Reads a record of what devices told into a typed message: plain readings in bulk, each alarm for itself."""

from collections.abc import Iterator
from dataclasses import replace

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.rules import Rules
from pipeline.agents.told import AlarmItem, Observed, Telemetry, Unreadable
from pipeline.domain.alarms import AlarmTold, moment
from pipeline.domain.duplicates import digest
from pipeline.parse.iot import Delivery, read_readings, write_readings
from pipeline.parse.reading import Reading
from pipeline.parse.sparkplug import Births
from pipeline.store.channel_ports import DeviceState
from pipeline.wire import Envelope, Record

_ALARMS = frozenset({"alarm", "alarm_clear"})


def read_record(rules: Rules, record: Record, envelope: Envelope, raw: bytes, births: Births) -> Incoming:
    """The record. Raises LookupError when none of it can be read, or the desk has no such feed."""
    feed = rules.feed(envelope.source)
    try:
        deliveries = read_readings(raw, feed, envelope.time, births)
    except ValueError as error:
        raise LookupError(f"no record of readings: {error}"[:500]) from error
    if len(deliveries) != envelope.count:
        raise LookupError(f"it holds {len(deliveries)} messages, and says {envelope.count}")
    if len(deliveries) == 1 and (why := deliveries[0].told.unreadable):
        raise LookupError(why[:500])
    plain: list[tuple[Observed, ...]] = []
    alarms: list[AlarmItem] = []
    unreadable: list[Unreadable] = []
    for place, delivery in enumerate(deliveries):
        told = delivery.told
        alone = write_readings([delivery.message]) if len(deliveries) > 1 else raw
        if told.unreadable:
            unreadable.append(Unreadable(place, alone, told.unreadable[:500]))
        elif alarm := next((one for one in told.readings if one.type in _ALARMS and one.device), None):
            alarms.append(_alarm(alarm, alone, delivery, envelope))
        else:
            plain.append(tuple(_observed(one, envelope) for one in told.readings if one.device))
    return Incoming(
        record=record,
        envelope=envelope,
        id=uuid7(),
        source_id=envelope.id[:400],
        kind="iot",
        subject="",
        text="",
        queue=feed.queue or rules.default_queue,
        dedupe_key="",
        telemetry=Telemetry(tuple(plain), tuple(alarms), tuple(unreadable)),
    )


def alone(envelope: Envelope, raw: bytes) -> Envelope:
    """The envelope of one message of a record, as if it had come in a record of its own."""
    return replace(envelope, raw=raw, count=1, dataref=None)


def alarms_of(record: Incoming) -> Iterator[Incoming]:
    """The alarms of a record as messages, made anew at each call."""
    for item in record.telemetry.alarms if record.telemetry else ():
        told = item.told
        yield Incoming(
            record=record.record,
            envelope=alone(record.envelope, item.raw),
            id=uuid7(),
            source_id=f"{told.device} {told.name} {told.at.isoformat()}",
            kind="iot",
            subject=told.text or f"{told.name} {'cleared' if told.severity is None else 'raised'}",
            text=told.text,
            queue=record.queue,
            dedupe_key=item.dedupe_key,
            sender=told.device,
            sender_kind="device",
            may_be_new=False,
            alarm=told,
            defects=item.defects,
        )


def _alarm(reading: Reading, raw: bytes, delivery: Delivery, envelope: Envelope) -> AlarmItem:
    at, dated = moment(reading.at, envelope.time)
    severity = None if reading.type == "alarm_clear" else reading.severity or "minor"
    device, name = reading.device or "", reading.name or ""
    told = AlarmTold(device=device, name=name, at=at, dated=dated, severity=severity, text=reading.text or "")
    own = (at, severity, told.text) if dated else (envelope.id, delivery.message.topic, at, raw)
    return AlarmItem(told, raw, digest("alarm-told", device, name, reading.type, *own), reading.defects)


def _observed(reading: Reading, envelope: Envelope) -> Observed:
    at, dated = moment(reading.at, envelope.time)
    value = reading.value if reading.value is not None else reading.text
    if reading.type == "heartbeat" and value is None:
        value = "down" if reading.down else "up"
    name = reading.name or reading.type
    return Observed(DeviceState(reading.device or "", name, value, at, envelope.time), dated)

"""Reads a record of what devices told into a typed message: plain readings in bulk, each alarm for itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Incoming
from pipeline.agents.channels.told import AlarmItem, Observed, PlainItem, Telemetry, Unreadable
from pipeline.agents.rules import Rules
from pipeline.domain.alarms import AlarmTold, judged_at, moment
from pipeline.domain.duplicates import digest
from pipeline.parse.iot import Delivery, cut_out, read_readings, write_readings
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
    plain: list[PlainItem] = []
    alarms: list[AlarmItem] = []
    unreadable: list[Unreadable] = []
    for place, delivery in enumerate(deliveries):
        told = delivery.told
        if told.unreadable:
            unreadable.append(Unreadable(place, _alone(delivery, deliveries, raw), told.unreadable[:500], told.device))
        elif alarm := next((one for one in told.readings if one.type in _ALARMS and one.device), None):
            alarms.append(_alarm(alarm, _alone(delivery, deliveries, raw), delivery, envelope, place))
        else:
            plain.append(_plain(place, delivery, envelope))
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
        telemetry=Telemetry(tuple(plain), tuple(alarms), tuple(unreadable), _judged(rules, plain, alarms, unreadable)),
    )


def _judged(
    rules: Rules, plain: Sequence[PlainItem], alarms: Sequence[AlarmItem], unreadable: Sequence[Unreadable]
) -> frozenset[str]:
    """The devices whose messages are judged by rules; alarms of their own by maintenance in any case."""
    told = {item.told.device for item in alarms}
    if rules.alarms:
        told |= {item.device for item in plain if item.device}
        told |= {item.device for item in unreadable if item.device}
    return frozenset(told)


def _alone(delivery: Delivery, deliveries: Sequence[Delivery], raw: bytes) -> bytes:
    """A record of the message alone."""
    return write_readings([delivery.message]) if len(deliveries) > 1 else raw


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


def reading_alone(record: Incoming, item: PlainItem) -> Incoming:
    """A message of many that moved an alarm, as a message by itself."""
    envelope = record.envelope
    if envelope.count > 1:
        whole = replace(envelope, count=1)  # where it is so large that it lies apart
        envelope = whole if envelope.dataref else alone(whole, cut_out(envelope.raw, item.place))
    newest = item.readings[0].state if item.readings else None
    at = (newest.at if newest else envelope.time).isoformat()
    says = ", ".join(f"{one.state.name}: {one.state.value}"[:200] for one in item.readings[:20])
    return Incoming(
        record=record.record,
        envelope=envelope,
        id=uuid7(),
        source_id=f"{item.device} {newest.name if newest else ''} {at}",
        kind="iot",
        subject=says or item.device,
        text=says,
        queue=record.queue,
        dedupe_key=digest(
            "reading-told", record.envelope.id, record.record.partition, record.record.offset, item.place
        ),
        sender=item.device,
        sender_kind="device",
        may_be_new=False,
        defects=item.defects,
    )


def _alarm(reading: Reading, raw: bytes, delivery: Delivery, envelope: Envelope, place: int) -> AlarmItem:
    at, dated = moment(reading.at, envelope.time)
    severity = None if reading.type == "alarm_clear" else reading.severity or "minor"
    device, name = reading.device or "", reading.name or ""
    told = AlarmTold(device=device, name=name, at=at, dated=dated, severity=severity, text=reading.text or "")
    own = (at, severity, told.text) if dated else (envelope.id, delivery.message.topic, at, raw)
    key = digest("alarm-told", device, name, reading.type, *own)
    return AlarmItem(told, raw, key, reading.defects, place, delivery.message.retained)


def _plain(place: int, delivery: Delivery, envelope: Envelope) -> PlainItem:
    told = [one for one in delivery.told.readings if one.device]
    return PlainItem(
        place,
        (told[0].device if told else None) or "",
        tuple([_observed(one, envelope) for one in told]),
        delivery.message.retained,
        any(one.down for one in told),
        tuple(dict.fromkeys(defect for one in told for defect in one.defects)),
    )


def _observed(reading: Reading, envelope: Envelope) -> Observed:
    at, dated = judged_at(reading.at, envelope.time)
    value = reading.value if reading.value is not None else reading.text
    if reading.type == "heartbeat" and value is None:
        value = "down" if reading.down else "up"
    name = reading.name or reading.type
    return Observed(DeviceState(reading.device or "", name, value, at, envelope.time), dated, reading.unit or "")

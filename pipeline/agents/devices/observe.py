"""Takes in what devices tell: the newest value of each name is kept, and judged by the rules on readings."""

from collections.abc import Iterator
from decimal import Decimal

from pipeline.agents.batch import Batch, Incoming
from pipeline.agents.channels.told import AlarmItem, Observed, PlainItem, Telemetry, Unreadable
from pipeline.agents.devices.alarm_rules import AlarmRules
from pipeline.agents.devices.watch_state import Teller
from pipeline.agents.devices.watching import Watching
from pipeline.store.channel_ports import DeviceState, Value
from pipeline.store.ports import Transaction

Item = PlainItem | AlarmItem | Unreadable


class Observe:
    """Goes through all records in order; nobody keeps a row for each reading."""

    def __init__(self, rules: AlarmRules) -> None:
        self._rules = rules

    async def __call__(self, batch: Batch, tx: Transaction) -> None:
        """Keep what is news, judge it, and say which cases that may be about."""
        if not batch.telemetry:
            return
        devices = {device for record in batch.telemetry if record.telemetry for device in record.telemetry.devices}
        watching = None
        if devices:
            since = min(record.received for record in batch.telemetry)
            watching = await Watching.of(self._rules, devices, since, batch, tx)
        told = iter([message for message in batch.messages if message.alarm is not None])
        for record in batch.telemetry:
            if record.telemetry is None:
                raise AssertionError(f"{record.source_id} holds no readings")
            repeated = 0
            for item in _in_order(record.telemetry):
                if isinstance(item, PlainItem):
                    repeated += _plain(item, record, batch, watching)
                elif watching is not None and self._rules:
                    message = next(told) if isinstance(item, AlarmItem) else None
                    _other(item, message, record, batch, watching)
            batch.plain.append((record, len(record.telemetry.plain) - repeated, repeated))
        if watching is not None:
            await watching.look_around(tx)


def _in_order(telemetry: Telemetry) -> Iterator[Item]:
    """The messages of a record in the order in which they came."""
    if not telemetry.alarms and not telemetry.unreadable:
        yield from telemetry.plain
        return
    placed: list[tuple[int, Item]] = [(item.place, item) for item in telemetry.plain]
    placed += [(item.place, item) for item in telemetry.alarms]
    placed += [(item.item, item) for item in telemetry.unreadable]
    for _, item in sorted(placed, key=lambda one: one[0]):
        yield item


def _plain(item: PlainItem, record: Incoming, batch: Batch, watching: Watching | None) -> bool:
    """Keep what is news, and judge that; whether all of it was told before."""
    fresh, repeated = _news(item, batch)
    if watching is not None and item.device:
        teller = Teller(record.envelope.source, record.received, record=record, item=item, repeated=repeated)
        alive = not item.kept and not item.gone
        watching.hears(teller, item.device, alive=alive, gone=item.gone and (not item.kept or bool(fresh)))
        for observed in fresh:
            watching.reads(teller, observed, kept=item.kept)
        watching.has_heard(teller, item.device, alive=alive)
    return repeated


def _other(
    item: AlarmItem | Unreadable, message: Incoming | None, record: Incoming, batch: Batch, watching: Watching
) -> None:
    """An alarm of a device's own is a reading by its severity too; what cannot be read shows that its device lives."""
    device = item.told.device if isinstance(item, AlarmItem) else item.device
    if not device:
        return
    teller = Teller(record.envelope.source, record.received, cause=message, device=device)
    kept = isinstance(item, AlarmItem) and item.kept
    watching.hears(teller, device, alive=not kept, gone=False)
    if isinstance(item, AlarmItem) and message is not None and message.outcome is None:
        told = item.told
        before = batch.channels.alarms.get((device, told.name))
        if before is None or before.changed_at <= told.at:
            state = DeviceState(device, told.name, told.text, told.at, record.received)
            watching.reads(teller, Observed(state, told.dated), kept=kept, severity=told.severity or "")
    watching.has_heard(teller, device, alive=not kept)


def _news(item: PlainItem, batch: Batch) -> tuple[list[Observed], bool]:
    """Keep what is news, and what that is; whether all of the message was told before.

    Of what the broker kept since an unknown time, only what nothing was known of is news.
    """
    channels = batch.channels
    fresh: list[Observed] = []
    repeated = bool(item.readings)
    for observed in item.readings:
        state = observed.state
        name = (state.device, state.name)
        known = channels.states.get(name)
        undated = item.kept and not observed.dated
        if (
            known is not None
            and _same(known.value, state.value)
            and (undated or (observed.dated and known.at == state.at))
        ):
            continue
        repeated = False
        if known is None or (known.at <= state.at and not undated):
            channels.states[name] = state
            channels.observed.add(name)
            fresh.append(observed)
    return fresh, repeated


def _same(one: Value, other: Value) -> bool:
    """Whether two values are the same; what PostgreSQL gave back may be a number of another type."""
    if type(one) is type(other):
        return one == other
    if isinstance(one, Decimal | float) or isinstance(other, Decimal | float):
        return Decimal(str(one)) == Decimal(str(other)) if _number(one) and _number(other) else False
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)

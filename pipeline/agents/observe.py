"""Keeps what devices tell of themselves: the newest value of each name, and no row for each reading."""

from decimal import Decimal

from pipeline.agents.batch import Batch
from pipeline.agents.told import Observed
from pipeline.domain.outcomes import Recorded
from pipeline.store.channel_ports import Value
from pipeline.store.ports import Transaction


class Observe:
    """Counts each message of a device that told only readings; one told before by its own clock is a duplicate."""

    async def __call__(self, batch: Batch, tx: Transaction) -> None:  # noqa: ARG002  # every step has this form
        """Decide for the records of many messages."""
        for record in batch.telemetry:
            if record.telemetry is None:
                raise AssertionError(f"{record.source_id} holds no readings")
            repeated = sum(_keep(readings, batch) for readings in record.telemetry.plain)
            record.outcome = Recorded("readings, kept as the state of their devices")
            for alarm in batch.messages if record.telemetry.alarms and not record.telemetry.plain else ():
                if alarm.record is record.record:  # it may hold nothing else, as the record of a dead letter does
                    record.outcome, record.case = alarm.outcome, alarm.case
            batch.plain.append((record, len(record.telemetry.plain) - repeated, repeated))


def _keep(readings: tuple[Observed, ...], batch: Batch) -> bool:
    """Keep what is news; whether all of it was told before."""
    channels = batch.channels
    repeated = bool(readings)
    for observed in readings:
        state = observed.state
        name = (state.device, state.name)
        known = channels.states.get(name)
        if known is not None and observed.dated and known.at == state.at and _same(known.value, state.value):
            continue
        repeated = False
        if known is None or known.at <= state.at:
            channels.states[name] = state
            channels.observed.add(name)
    return repeated


def _same(one: Value, other: Value) -> bool:
    """Whether two values are the same; what PostgreSQL gave back may be a number of another type."""
    if isinstance(one, Decimal | float) or isinstance(other, Decimal | float):
        return Decimal(str(one)) == Decimal(str(other)) if _number(one) and _number(other) else False
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)

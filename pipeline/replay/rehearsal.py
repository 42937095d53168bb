"""Runs a journal through the very intake code, on a database of its own, with a virtual clock."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pipeline import app, topics
from pipeline.agents import batch as agents
from pipeline.agents.casework import Casework
from pipeline.agents.rules import compile_rules
from pipeline.agents.settle import Settler
from pipeline.agents.timers import Timers
from pipeline.config import Config
from pipeline.config.sections import Postgres
from pipeline.errors import Stop
from pipeline.parse.keys import HEADER_LIMIT
from pipeline.replay.payloads import complete
from pipeline.replay.reference import ReferenceData
from pipeline.replay.report import Names, Report, make_report
from pipeline.replay.steps import Arrival, Deed
from pipeline.store.inventory import Inventory
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.store.reference import upsert
from pipeline.wire import Bounds, Partition, Record

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
SHORT = timedelta(seconds=1)

_LIKE_TOKEN = re.compile(rb"\.[0-9a-f]{32}@|\[#|=\?")
_SECRET = "a rehearsal signs with a secret of its own"  # noqa: S105  # it signs what nobody ever gets


async def rehearse(steps: Sequence[Arrival | Deed], config: Config, data: ReferenceData, dsn: str) -> Report:
    """What becomes of the steps on the migrated, empty database at `dsn`.

    The clock is virtual: each step happens at its own time. Raises Stop when intake stopped over unexpected errors.
    """
    config = complete(config).model_copy(update={"postgres": Postgres(dsn=dsn)})
    if not config.desk.secret:
        config = config.model_copy(update={"desk": config.desk.model_copy(update={"secret": (_SECRET,)})})
    if steps:
        await upsert(dsn, data.accounts, data.contacts, data.devices, at=steps[0].at)
    store = PostgresStore(dsn)
    try:
        rules = compile_rules(config)
        casework, timers = app.build_casework(rules, store), app.build_timers(rules, store)
        run = _Run(app.build_settler(config, store), casework, timers, _Log(steps), dsn)
        await run.all(steps)
    finally:
        await store.close()
    async with Inventory.open(dsn) as inventory:
        return await make_report(inventory, Names(run.log.names, rules.tokens, app.event_source(config)))


def _may_bear_token(raw: bytes) -> bool:
    """Whether it looks so; an encoded subject may hide one."""
    return _LIKE_TOKEN.search(raw[:HEADER_LIMIT]) is not None


class _Log:
    """Stands for Kafka: a partition a channel, on which each message has its offset from the start."""

    def __init__(self, steps: Sequence[Arrival | Deed]) -> None:
        self.bounds: dict[Partition, Bounds] = {}
        self.names: dict[tuple[str, int], str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        offsets: Counter[str] = Counter()
        for step in steps:
            if isinstance(step, Arrival):
                topic = topics.inbound(step.envelope.channel)
                self.names[topic, offsets[topic]] = step.id
                self.places[step.id] = (topic, offsets[topic])
                offsets[topic] += 1
        self.bounds = {Partition(topic, 0): Bounds(0, count) for topic, count in offsets.items()}

    def record(self, arrival: Arrival) -> Record:
        """The record that the connector would have published."""
        topic, offset = self.places[arrival.id]
        envelope = arrival.envelope
        return Record(topic, 0, offset, envelope.key.encode(), envelope.raw, tuple(envelope.headers()))


class _Run:
    """A rehearsal under way."""

    def __init__(self, settle: Settler, casework: Casework, timers: Timers, log: _Log, dsn: str) -> None:
        self.log = log
        self._settle = settle
        self._casework = casework
        self._timers = timers
        self._dsn = dsn

    async def all(self, steps: Sequence[Arrival | Deed]) -> None:
        """Settle messages in batches as a worker would, and deeds between them."""
        await PostgresLedger(self._dsn).assign("rehearsal", self.log.bounds)
        async with Inventory.open(self._dsn) as inventory:
            for part in _parts(steps):
                await self._until(part.at if isinstance(part, Deed) else part[0].at)
                if isinstance(part, Deed):
                    await self._do(part, inventory)
                else:
                    settled = await self._settle([self.log.record(arrival) for arrival in part])
                    for partition, reason in settled.stopped.items():
                        raise Stop(f"{partition.topic} stopped at {settled.positions.get(partition)}: {reason}")

    async def _until(self, moment: datetime) -> None:
        """Let each timer fire that is due by then, at its very time; a message of the same moment comes after it."""
        while (due := (await self._timers.look())[1]) is not None and due <= moment:
            while (await self._timers.fire({}, now=due)).more:
                pass

    async def _do(self, deed: Deed, inventory: Inventory) -> None:
        """What an agent does; on a message without a case there is nothing to do it to."""
        if deed.case_of is None or (case := await inventory.case_of(*self.log.places[deed.case_of])) is None:
            return
        by = agents.Deed(deed.at)
        if deed.do == "resolve":
            await self._casework.resolve(case, text=deed.text, by=by)
        elif deed.do == "cancel":
            await self._casework.cancel(case, by=by)
        elif deed.do == "reactivate":
            await self._casework.reactivate(case, by=by)
        elif deed.do == "set":
            await self._casework.set_field(case, deed.field, deed.value, by=by)


def _parts(steps: Sequence[Arrival | Deed]) -> Iterator[list[Arrival] | Deed]:
    """Messages in batches no larger than a worker's, and the deeds between them.

    A batch lasts less than a second, so that no timer that it starts is due before its end. A mail that may bear a
    token of ours begins a batch: where it came from, its case was there before we wrote.
    """
    batch: list[Arrival] = []
    size = 0
    for step in steps:
        grown = size + (len(step.envelope.raw) if isinstance(step, Arrival) else 0)
        full = len(batch) == BATCH or grown > BATCH_BYTES
        if batch and (full or _parted(batch[0], step)):
            yield batch
            batch, grown = [], grown - size
        if isinstance(step, Deed):
            yield step
        else:
            batch.append(step)
        size = grown
    if batch:
        yield batch


def _parted(first: Arrival, step: Arrival | Deed) -> bool:
    """Whether a step cannot be in one batch with what came before it."""
    return isinstance(step, Deed) or step.at - first.at >= SHORT or _may_bear_token(step.envelope.raw)

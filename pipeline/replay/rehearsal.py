"""Runs a journal through the very intake code, on a database of its own, with a virtual clock."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Self
from uuid import UUID

from pipeline import app, topics
from pipeline.agents import batch as agents
from pipeline.agents.casework.casework import Casework
from pipeline.agents.casework.records import RecordWork
from pipeline.agents.people.contacts import Contacts
from pipeline.agents.quarantine import Quarantine
from pipeline.agents.queues.desk import NotGiven, QueueDesk
from pipeline.agents.rules import Rules, compile_rules
from pipeline.agents.settle import Settler
from pipeline.agents.timers import Timers
from pipeline.config import Config
from pipeline.config.sections import Postgres
from pipeline.domain.agents import BePresent, Pick
from pipeline.domain.contacts import MergeContacts, UnmergeContact
from pipeline.domain.importing import Line
from pipeline.domain.orders import Attach, Done, Finish, Merge, OnRecord, Order, Refused, Reply, SetField, Unmerge
from pipeline.domain.quarantine import Drop, Release, Verdict
from pipeline.errors import Stop
from pipeline.parse.keys import HEADER_LIMIT
from pipeline.reference.importing import Importer
from pipeline.replay.payloads import complete
from pipeline.replay.report import DeedDone, Names, Report, make_report
from pipeline.replay.steps import Arrival, Deed
from pipeline.replay.virtual_time import TooFarError, WatchedStore
from pipeline.store.inventory import Inventory, Place
from pipeline.store.ledger import PostgresLedger
from pipeline.store.postgres import PostgresStore
from pipeline.store.reference import PostgresReference
from pipeline.wire import Bounds, Partition, Record

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
FEW = 100
SHORT, LONG = timedelta(seconds=1), timedelta(days=36500)
"""Few messages are settled as an idle worker does, those of one second together; many as one who has to catch up.

Devices are always heard as they speak: how long something lasted is judged by when it was heard.
"""

NO_STAGES = "this version knows no stages that a case could advance through; the clock ran to here"

_LIKE_TOKEN = re.compile(rb"\.[0-9a-f]{32}@|\[#|=\?")
_SECRET = "a rehearsal signs with a secret of its own"  # noqa: S105  # it signs what nobody ever gets


async def rehearse(steps: Sequence[Arrival | Deed], config: Config, data: Sequence[Line], dsn: str) -> Report:
    """What becomes of the steps on the migrated, empty database at `dsn`.

    The clock is virtual: each step happens at its own time. Raises Stop when intake stopped over unexpected errors.
    """
    config = complete(config).model_copy(update={"postgres": Postgres(dsn=dsn)})
    if not config.desk.secret:
        config = config.model_copy(update={"desk": config.desk.model_copy(update={"secret": (_SECRET,)})})
    if steps:
        await Importer(PostgresReference(dsn, config.desk.timezone))(data, at=steps[0].at)
    store = PostgresStore(dsn)
    try:
        rules = compile_rules(config)
        people = _People.of(config, rules, store)
        timers = app.build_timers(rules, store)
        watched = WatchedStore(store)
        settle = app.build_settler(config, watched)
        run = _Run(settle, watched, people, timers, _Log(steps), dsn)
        try:
            await run.all(steps)
        finally:
            await people.quarantine.close()
    finally:
        await store.close()
    async with Inventory.open(dsn) as inventory:
        return await make_report(inventory, _names(run.log, rules, config, steps))


def _names(log: "_Log", rules: Rules, config: Config, steps: Sequence[Arrival | Deed]) -> Names:
    ended = max((step.at for step in steps), default=None)
    source = app.event_source(config)
    return Names(log.names, rules.tokens, source, rules.pledges.terms, ended, log.done, rules.rounding)


def _may_bear_token(raw: bytes) -> bool:
    """Whether it looks so; an encoded subject may hide one."""
    return _LIKE_TOKEN.search(raw[:HEADER_LIMIT]) is not None


class _Log:
    """Stands for Kafka: a partition a channel, on which each message has its offset from the start."""

    def __init__(self, steps: Sequence[Arrival | Deed]) -> None:
        self.bounds: dict[Partition, Bounds] = {}
        self.names: dict[tuple[str, int], str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        self.done: list[DeedDone] = []
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


@dataclass(frozen=True, slots=True)
class _People:
    """What agents and others can do, each through the code that does it on a desk."""

    casework: Casework
    records: RecordWork
    contacts: Contacts
    quarantine: Quarantine
    queues: QueueDesk

    @classmethod
    def of(cls, config: Config, rules: Rules, store: PostgresStore) -> Self:
        """On one store; what judges quarantined messages has a connection of its own."""
        return cls(
            app.build_casework(rules, store),
            app.build_record_work(rules, store),
            app.build_contacts(rules, store),
            app.build_quarantine(config),
            app.build_queue_desk(rules, store),
        )


class _Run:
    """A rehearsal under way."""

    def __init__(  # whatever a desk does
        self,
        settle: Settler,
        watched: WatchedStore,
        people: "_People",
        timers: Timers,
        log: _Log,
        dsn: str,
    ) -> None:
        self.log = log
        self._watched = watched
        self._people = people
        self._settle = settle
        self._timers = timers
        self._dsn = dsn
        self._made: dict[str, UUID] = {}

    async def all(self, steps: Sequence[Arrival | Deed]) -> None:
        """Settle messages in batches as a worker would, and deeds between them."""
        await PostgresLedger(self._dsn).assign("rehearsal", self.log.bounds)
        async with Inventory.open(self._dsn) as inventory:
            arrivals = sum(isinstance(step, Arrival) for step in steps)
            for part in _parts(steps, SHORT if arrivals <= FEW else LONG):
                await self._until(part.at if isinstance(part, Deed) else part[0].at)
                if isinstance(part, Deed):
                    await self._do(part, inventory)
                else:
                    await self._arrive(part)
            if steps:
                await self._until(max(step.at for step in steps))

    async def _arrive(self, arrivals: Sequence[Arrival]) -> None:
        """Settle messages in as few batches as may be: none reaches over the time of a timer that it armed itself."""
        left = list(arrivals)
        while left:
            await self._until(left[0].at)
            first = await self._settle_most(left)
            left = left[len(first) :]

    async def _settle_most(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """All of them, else the first ones: those that came before the timer that one of them armed."""
        self._watched.until = max(arrival.at for arrival in arrivals[1:]) if len(arrivals) > 1 else None
        try:
            await self._settle_now(arrivals)
        except TooFarError as error:
            due = error.due
            first = [*takewhile(lambda arrival: arrival.at < due, arrivals)] or arrivals[:1]
            self._watched.until = None
            await self._settle_now(first)
            return first
        return arrivals

    async def _settle_now(self, arrivals: Sequence[Arrival]) -> None:
        settled = await self._settle([self.log.record(arrival) for arrival in arrivals])
        for partition, reason in settled.stopped.items():
            raise Stop(f"{partition.topic} stopped at {settled.positions.get(partition)}: {reason}")

    async def _until(self, moment: datetime) -> None:
        """Let each timer fire that is due by then, at its very time; a message of the same moment comes after it."""
        while (due := (await self._timers.look())[1]) is not None and due <= moment:
            while (await self._timers.fire({}, now=due)).more:
                pass

    async def _do(self, deed: Deed, inventory: Inventory) -> None:
        """What an agent does; on a message without a case there is nothing to do it to."""
        done = await self._done(deed, inventory)
        if done is None:
            return
        self.log.done.append(DeedDone(deed, done))
        if deed.id is not None and isinstance(done, Done) and done.activity is not None:
            self._made[deed.id] = done.activity

    async def _done(  # noqa: PLR0911  # an arm for each kind of order
        self, deed: Deed, inventory: Inventory
    ) -> Done | Refused | None:
        """What came of it; None when the clock alone was to run."""
        by = agents.Deed(deed.at, actor_id=deed.by)
        match deed.order:
            case None:
                return Refused(NO_STAGES) if deed.case_of is not None else None
            case Release() | Drop():
                return await self._judge(deed.order, deed, inventory)
            case OnRecord():
                return await self._do_to_record(deed.order, deed, inventory)
            case MergeContacts() | UnmergeContact():
                return await self._people.contacts.do(deed.order, by)
            case Pick(agent=agent, queue=queue):
                given = await self._people.queues.pick(agent, replace(by, actor_id=agent), queue)
                return Refused(given.reason) if isinstance(given, NotGiven) else Done(changed=True)
            case BePresent(agent=agent, presence=presence):
                said = await self._people.queues.present(agent, presence, by)
                return Refused(said.reason) if said else Done(changed=True)
        if deed.case_of is None:
            return None
        place = await self._place(deed.case_of, inventory)
        stays = deed.where_it_came or isinstance(deed.order, Unmerge)
        case = (place.came_to if stays else None) or place.case
        order = await self._named(deed.order, deed, inventory)
        if case is None or order is None:
            return Refused(f'"{deed.case_of if case is None else deed.other}" has no case')
        return await self._people.casework.do(case, order, by)

    async def _do_to_record(self, order: OnRecord, deed: Deed, inventory: Inventory) -> Done | Refused:
        """What an agent does to a record that is no case."""
        if isinstance(order.what, Finish):
            place = await self._place(deed.other or "", inventory)
            order = replace(order, what=replace(order.what, activity=place.activity or order.what.activity))
        return await self._people.records.do(order, agents.Deed(deed.at, actor_id=deed.by))

    async def _judge(self, verdict: Verdict, deed: Deed, inventory: Inventory) -> Done | Refused:
        """What a person decides about a message that was put aside."""
        place = await self._place(deed.other or "", inventory)
        if place.message is None:
            return Refused(f'"{deed.other}" is no message that waits')
        by = agents.Deed(deed.at, actor_id=deed.by)
        judged = await self._people.quarantine.do(replace(verdict, message=place.message), by)
        return judged if isinstance(judged, Refused) else Done(changed=judged.changed)

    async def _named(self, order: Order, deed: Deed, inventory: Inventory) -> Order | None:
        """The order with the other case or activity that it names; None where there is none of that name."""
        if deed.other is None:
            return order
        place = await self._place(deed.other, inventory)
        case = (place.came_to if deed.other_where_it_came else None) or place.case
        match order:
            case Merge():
                return replace(order, into=case) if case else None
            case SetField():
                return replace(order, value=case) if case else None
            case Attach() | Finish():
                return replace(order, activity=place.activity) if place.activity else None
            case Reply():
                return replace(order, answers=place.activity) if place.activity else None
        return order

    async def _place(self, name: str, inventory: Inventory) -> Place:
        """Where what the journal calls so lies: a message, or an activity that a deed made."""
        if name in self._made:
            return Place(activity=self._made[name])
        return await inventory.place_of(*self.log.places[name])


def _parts(steps: Sequence[Arrival | Deed], longest: timedelta) -> Iterator[list[Arrival] | Deed]:
    """Messages in batches no larger than a worker's, none of which came later than so long, and the deeds between.

    A mail that may bear a token of ours begins a batch: where it came from, its case was there before we wrote.
    """
    batch: list[Arrival] = []
    size = 0
    for step in steps:
        grown = size + (len(step.envelope.raw) if isinstance(step, Arrival) else 0)
        full = len(batch) == BATCH or grown > BATCH_BYTES
        if batch and (full or _parted(batch[0], step, longest)):
            yield batch
            batch, grown = [], grown - size
        if isinstance(step, Deed):
            yield step
        else:
            batch.append(step)
        size = grown
    if batch:
        yield batch


def _parted(first: Arrival, step: Arrival | Deed, longest: timedelta) -> bool:
    """Whether a step cannot be in one batch with what came before it."""
    if isinstance(step, Deed) or _may_bear_token(step.envelope.raw):
        return True
    heard = "iot" in {first.envelope.channel, step.envelope.channel}
    return step.at - first.at >= (SHORT if heard else longest)

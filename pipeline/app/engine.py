"""Builds what decides: intake, casework, timers, all with the same consequences; the worker, the clock."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.casework.casework import Casework
    from pipeline.agents.casework.records import RecordWork
    from pipeline.agents.clock import Clock
    from pipeline.agents.consequences import Consequences
    from pipeline.agents.deliveries import Deliveries, Opens
    from pipeline.agents.intake import Intake
    from pipeline.agents.people.contacts import Contacts
    from pipeline.agents.people.suggestions import Suggestions
    from pipeline.agents.promises.recount import Recount
    from pipeline.agents.quarantine import Quarantine
    from pipeline.agents.queues.desk import QueueDesk
    from pipeline.agents.reading.turn import Reading
    from pipeline.agents.retrial import Retrial
    from pipeline.agents.rules import Rules
    from pipeline.agents.settle import Settler
    from pipeline.agents.timers import Timers
    from pipeline.reference.importing import Importer
    from pipeline.runtime.worker import Worker
    from pipeline.store.ports import Store, Transaction

Tx = TypeVar("Tx", bound="Transaction")


def build_intake(rules: "Rules") -> "Intake":
    """The steps of intake, in order, and what follows from them."""
    from pipeline.agents.cases import OpenOrAppend
    from pipeline.agents.dedupe import Dedupe
    from pipeline.agents.devices.alarm_cases import RaiseAlarms
    from pipeline.agents.devices.observe import Observe
    from pipeline.agents.intake import Intake
    from pipeline.agents.mail.acknowledge import Acknowledge
    from pipeline.agents.mail.bounces import Bounces
    from pipeline.agents.mail.guesses import Guesses
    from pipeline.agents.mail.speak import Speak
    from pipeline.agents.mail.storms import Storms
    from pipeline.agents.match import Match

    steps = (
        Speak(rules), Dedupe(), Guesses(), Match(rules), Storms(), Observe(rules.alarms), OpenOrAppend(rules),
        RaiseAlarms(rules), Bounces(), Acknowledge(rules),
    )  # fmt: skip
    strict = any(queue.without_entitlement == "quarantine" for queue in rules.queues.values())
    return Intake(steps, build_consequences(rules), may_refuse=strict)


def build_consequences(rules: "Rules") -> "Consequences":
    """What follows when cases opened or changed, whoever did it, in order; at the end, the mail about it."""
    from pipeline.agents.casework.families import Families
    from pipeline.agents.casework.waits import Waits
    from pipeline.agents.consequences import Consequences
    from pipeline.agents.entitlements.entitle import Entitle
    from pipeline.agents.entitlements.marks import Marks
    from pipeline.agents.mail.post import Post
    from pipeline.agents.promises.promise import Promise
    from pipeline.agents.queues.route import Route
    from pipeline.agents.queues.waiting import Queues

    return Consequences(
        (
            Route(rules),
            Entitle(rules),
            Promise(rules),
            Waits(rules),
            Families(),
            Marks(),
            Queues(rules),
            Post(rules),
        ),
    )


def build_casework(rules: "Rules", store: "Store") -> "Casework":
    """What agents do to cases."""
    from pipeline.agents.casework.casework import Casework

    return Casework(store, rules, build_consequences(rules))


def build_deliveries(rules: "Rules", store: "Opens[Tx]") -> "Deliveries[Tx]":
    """What tells what became of what left."""
    from pipeline.agents.deliveries import Deliveries

    return Deliveries(store, build_consequences(rules))


def build_record_work(rules: "Rules", store: "Store") -> "RecordWork":
    """What agents note and plan on records that are no case."""
    from pipeline.agents.casework.records import RecordWork

    return RecordWork(store, build_consequences(rules))


def build_contacts(rules: "Rules", store: "Store") -> "Contacts":
    """What merges contacts, and takes them apart again."""
    from pipeline.agents.people.contacts import Contacts

    return Contacts(store, build_consequences(rules))


def build_suggestions(config: Config) -> "Suggestions":
    """What suggests contacts that may be one person."""
    from pipeline.agents.people.suggestions import Suggestions
    from pipeline.store.contacts import PostgresPeople

    return Suggestions(PostgresPeople(config.postgres.dsn))


def build_queue_desk(rules: "Rules", store: "Store") -> "QueueDesk":
    """What agents take from queues and give back."""
    from pipeline.agents.queues.desk import QueueDesk

    return QueueDesk(rules, store, build_consequences(rules))


@asynccontextmanager
async def open_queue_desk(config: Config) -> "AsyncIterator[QueueDesk]":
    """The same on a connection of its own, given back at the end."""
    from pipeline.agents.rules import compile_rules
    from pipeline.store.postgres import PostgresStore

    store = PostgresStore(config.postgres.dsn)
    try:
        yield build_queue_desk(compile_rules(config), store)
    finally:
        await store.close()


def build_timers(rules: "Rules", store: "Store") -> "Timers":
    """What fires when its time has come, by the kind of timer."""
    from pipeline.agents.casework.families import CHILDREN, FamilyTimers
    from pipeline.agents.casework.waits_timers import KINDS, WaitTimers
    from pipeline.agents.channels.call_activity import CALL_END
    from pipeline.agents.channels.call_end import CallEnd
    from pipeline.agents.devices.alarm_timers import AlarmTimers
    from pipeline.agents.devices.watching import ALARM
    from pipeline.agents.promises.deadlines import FAIL, WARN
    from pipeline.agents.promises.promise import KpiTimers
    from pipeline.agents.queues.timers import Fill, Overflow
    from pipeline.agents.queues.waiting import FILL, OVERFLOW
    from pipeline.agents.timers import TimerHandler, Timers

    promises = KpiTimers(rules)
    handlers: dict[str, TimerHandler] = {
        CALL_END: CallEnd(),
        ALARM: AlarmTimers(rules),
        WARN: promises,
        FAIL: promises,
        FILL: Fill(rules),
        OVERFLOW: Overflow(rules),
        CHILDREN: FamilyTimers(rules),
    }
    handlers |= dict.fromkeys(KINDS, WaitTimers(rules))
    return Timers(store, handlers, build_consequences(rules))


def build_settler(config: Config, store: "Store", reading: "Reading | None" = None) -> "Settler":
    """What settles the records of one channel; it reads them here unless it is told otherwise."""
    from pipeline.agents.reading.record import Reader
    from pipeline.agents.reading.turn import ReadHere
    from pipeline.agents.rules import compile_rules
    from pipeline.agents.settle import Settler

    return Settler(store, reading or ReadHere(Reader.of(config)), build_intake(compile_rules(config)))


def build_worker(config: Config, channels: Sequence[str], slot: str | None) -> "Worker":
    """One consumer group a channel, any number of workers in each; one process reads for all channels of a worker."""
    from pipeline.agents.reading.process import ReadingProcess
    from pipeline.agents.reading.turn import ReadAhead
    from pipeline.runtime.worker import Worker
    from pipeline.store.ledger import PostgresLedger
    from pipeline.store.postgres import PostgresStore

    process = ReadingProcess(config)
    settle_for = {
        channel: build_settler(config, PostgresStore(config.postgres.dsn), ReadAhead(process)) for channel in channels
    }
    return Worker(config.kafka, channels, settle_for, PostgresLedger(config.postgres.dsn), slot)


def build_retrial(config: Config) -> "Retrial":
    """What settles dead letters after all, in place, for the verb that a person calls."""
    from pipeline.agents.reading.record import Reader
    from pipeline.agents.retrial import Retrial
    from pipeline.agents.rules import compile_rules
    from pipeline.store.dead import DeadLetters, LetterStore

    dsn = config.postgres.dsn
    return Retrial(DeadLetters(dsn), LetterStore(dsn), Reader.of(config), build_intake(compile_rules(config)))


def build_quarantine(config: Config) -> "Quarantine":
    """What settles quarantined messages after all, or drops them."""
    from pipeline.agents.quarantine import Quarantine
    from pipeline.agents.reading.record import Reader
    from pipeline.agents.rules import compile_rules
    from pipeline.store.quarantine import QuarantineStore

    rules = compile_rules(config)
    store, reader = QuarantineStore(config.postgres.dsn), Reader.of(config)
    return Quarantine(store, reader, build_intake(rules), build_consequences(rules))


def build_importer(config: Config) -> "Importer":
    """What writes records that other systems tell of."""
    from pipeline.reference.importing import Importer
    from pipeline.store.reference import PostgresReference

    return Importer(PostgresReference(config.postgres.dsn, config.desk.timezone))


def build_recount(config: Config) -> "Recount":
    """What has promises reckoned anew that are configured otherwise than when they were made."""
    from pipeline.agents.promises.agreed import compile_pledges
    from pipeline.agents.promises.recount import Recount

    return Recount(config.postgres.dsn, list(compile_pledges(config).terms.kpis))


def build_clock(config: Config, ready: Callable[[], None]) -> "Clock":
    """What time alone brings about: timers that fire, room for tomorrow's events, an end for what is old."""
    from datetime import timedelta
    from pathlib import Path

    from pipeline.agents.clock import Clock
    from pipeline.agents.rules import compile_rules
    from pipeline.agents.ticker import Ticker
    from pipeline.blobs import BlobStore
    from pipeline.kafka_admin import KafkaJanitor
    from pipeline.store.housekeeping import Housekeeping
    from pipeline.store.ledger import PostgresLedger
    from pipeline.store.postgres import PostgresStore
    from pipeline.watermarks import KafkaWatermarks

    dsn = config.postgres.dsn
    timers = build_timers(compile_rules(config), PostgresStore(dsn))
    ticker = Ticker(timers, KafkaWatermarks(config.kafka, PostgresLedger(dsn)))
    blobs = BlobStore(Path(config.blobs.url))
    reopened_within = timedelta(days=max((queue.reopen_days for queue in config.queue), default=0))
    housekeeping, janitor = Housekeeping(config.postgres.direct), KafkaJanitor(config.kafka)
    return Clock(ticker, housekeeping, janitor, blobs, ready, reopened_within)

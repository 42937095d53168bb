"""Where everything is built and wired: read it as the diagram of the system.

    connectors ──► Kafka inbound.* ──► worker (Faust) ──► Settler: Reading → Intake ─┐
                                                    agents ──► Casework ─────────────┼─► Consequences ──► PostgreSQL
                                                     clock ──► Timers ───────────────┘
    PostgreSQL outbox ──► relay ──► Kafka case.events, case.state      clock: housekeeping too
    PostgreSQL, what is to leave ──► dispatch (procrastinate) ──► other systems

Connectors that are called are smtp and, over HTTP, web, phone, social; those that fetch are imap, calls, mqtt,
mastodon, facebook; commands goes the other way, from rows to devices. Each channel (email, web, phone, social, iot) has
one topic, whichever connectors feed it.

Each process builds one part and imports only what that part needs, so that many processes stay small.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from pipeline.config import Config

if TYPE_CHECKING:
    from fastapi import APIRouter

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
    from pipeline.agents.relay import Relay
    from pipeline.agents.retrial import Retrial
    from pipeline.agents.rules import Rules
    from pipeline.agents.settle import Settler
    from pipeline.agents.subscriptions import Subscriptions
    from pipeline.agents.timers import Timers
    from pipeline.api.auth import Gate
    from pipeline.api.hub import Hub
    from pipeline.connectors.contract import Connector, Publisher
    from pipeline.departures import AllDepartures
    from pipeline.dispatch.dispatch import Dispatch, Way
    from pipeline.dispatch.mail.door import MailDoor
    from pipeline.dispatch.mail.way import MailWay
    from pipeline.dispatch.replies.way import ReplyWay
    from pipeline.dispatch.webhooks.way import Webhooks
    from pipeline.log import Log
    from pipeline.metrics import Healths
    from pipeline.reference.importing import Importer
    from pipeline.runtime.worker import Worker
    from pipeline.store.ports import Store, Transaction


Tx = TypeVar("Tx", bound="Transaction")

GUESSES_PER_MINUTE = 60
"""How often one address may show a token that is none."""

REPLIES_AT_ONCE = 4
"""How many answers leave for platforms at the same time; of one conversation always one."""

CONNECTORS = ("smtp", "imap", "calls", "mqtt", "commands", "mastodon", "facebook")
"""The connectors that run in a process of their own; those of HTTP are served together."""


def wanted_connectors(config: Config) -> list[str]:
    """The connectors that a configuration asks for; mail over SMTP is always taken."""
    pages = {page.platform for page in config.social if page.is_asked}
    asked_for = {
        "smtp": True,
        "imap": any(mailbox.imap for mailbox in config.mailbox),
        "calls": any(phone.directory for phone in config.phone),
        "mqtt": bool(config.device_feed),
        "commands": any(feed.takes_commands for feed in config.device_feed),
        "mastodon": "mastodon" in pages,
        "facebook": bool(pages & {"facebook", "messenger"}),
    }
    return [name for name, wanted in asked_for.items() if wanted]


def wanted_channels(config: Config) -> list[str]:
    """The channels on which a configuration lets something come; mail and forms come in any case."""
    asked_for = {"phone": config.phone, "social": config.social, "iot": config.device_feed}
    return ["email", "web", *(channel for channel, sources in asked_for.items() if sources)]


def build_publisher(config: Config, log: "Log") -> "Publisher":
    """What the connectors of a process publish with."""
    from pathlib import Path

    from pipeline.blobs import BlobStore
    from pipeline.connectors.contract import Publisher
    from pipeline.connectors.space import FreeSpace

    blobs = BlobStore(Path(config.blobs.url))
    return Publisher(log, blobs, FreeSpace(blobs.root, config.blobs.min_free))


def build_connector(  # noqa: PLR0911  # one for each connector
    name: str, config: Config, publisher: "Publisher"
) -> "Connector":
    """The connector of that name. Raises LookupError when there is none."""
    match name:
        case "smtp":
            from pipeline.connectors.email_smtp import SmtpConnector
            from pipeline.connectors.sender_check import SenderCheck

            return SmtpConnector(config, publisher, check=SenderCheck(config.smtp))
        case "imap":
            from pipeline.connectors.email_imap import ImapConnector
            from pipeline.store.bookmarks import PostgresBookmarks

            return ImapConnector(config, publisher, PostgresBookmarks(config.postgres.dsn))
        case "calls":
            from pipeline.connectors.phone_files import CallFilesConnector
            from pipeline.store.bookmarks import PostgresBookmarks

            return CallFilesConnector(config, publisher, PostgresBookmarks(config.postgres.dsn))
        case "mqtt":
            from pipeline.connectors.iot import IotConnector

            return IotConnector(config, publisher)
        case "commands":
            from pipeline.agents.rules import compile_rules
            from pipeline.connectors.command_sender import CommandConnector

            rules = compile_rules(config)
            return CommandConnector(config, lambda store: build_deliveries(rules, store))
        case "mastodon":
            from pipeline.connectors.mastodon import MastodonConnector
            from pipeline.store.bookmarks import PostgresBookmarks

            return MastodonConnector(config, publisher, PostgresBookmarks(config.postgres.dsn))
        case "facebook":
            from pipeline.connectors.facebook_missed import FacebookConnector
            from pipeline.store.bookmarks import PostgresBookmarks

            return FacebookConnector(config, publisher, PostgresBookmarks(config.postgres.dsn))
    raise LookupError(f"there is no connector {name}; there are: {', '.join(CONNECTORS)}")


def build_routes(config: Config, publisher: "Publisher", hub: "Hub | None" = None) -> "list[APIRouter]":
    """What the sources post to over HTTP: the routes of each connector that is called rather than runs."""
    from pipeline.api.schemas_http import SchemaRoutes
    from pipeline.connectors.web import FormConnector
    from pipeline.connectors.web_http import FormRoutes

    forms = FormConnector(config, publisher)
    healths = {"web": forms.health}
    routes = [FormRoutes(forms, config.http).router()]
    if config.phone:
        from pipeline.connectors.phone import PhoneConnector
        from pipeline.connectors.phone_http import PhoneRoutes

        exchanges = PhoneConnector(config, publisher)
        healths["phone"] = exchanges.health
        routes.append(PhoneRoutes(exchanges, config.http).router())
    if config.social:
        from pipeline.connectors.social import SocialConnector
        from pipeline.connectors.social_http import SocialRoutes

        pages = SocialConnector(config, publisher)
        healths["social"] = pages.health
        routes.append(SocialRoutes(pages, config.http).router())
    if config.desk.secret:
        routes.append(build_unsubscribing(config))
    return [*routes, SchemaRoutes().router(), build_monitor(config, lambda: healths, rules_too=True, hub=hub)]


def build_unsubscribing(config: Config) -> "APIRouter":
    """Where customers ask for no more reminders."""
    from datetime import datetime

    from pipeline.dispatch.mail.unsubscribing import UnsubscribeRoutes
    from pipeline.domain.tokens import TokenKeys
    from pipeline.store.letters import suppress

    async def leave(address: str, at: datetime) -> None:
        await suppress(config.postgres.dsn, address, "asked for no more reminders", at, "unsubscribed")

    tokens = TokenKeys(config.desk.domain, config.desk.keys())
    return UnsubscribeRoutes(tokens, leave, config.desk.language).router()


def build_gate(config: Config) -> "Gate":
    """What lets in who shows a token of the API."""
    from pipeline.api.auth import Gate
    from pipeline.connectors.clients import Clients, bucket
    from pipeline.connectors.rate import RateLimit
    from pipeline.store.tokens import PostgresTokens

    clients = Clients(config.http.proxies)
    guesses = RateLimit(GUESSES_PER_MINUTE)
    return Gate(PostgresTokens(config.postgres.dsn), guesses, lambda request: bucket(clients.of(request)))


def build_hub(config: Config) -> "Hub":
    """What reads events for all who listen to them in one process."""
    from pipeline.api.hub import Hub
    from pipeline.store.feed import FeedReader

    return Hub(FeedReader(config.postgres.dsn), event_source(config))


def build_api(config: Config, hub: "Hub") -> "list[APIRouter]":
    """What programs ask of the desk over HTTP, each with a token."""
    from pipeline.api.cases_http import CaseRoutes
    from pipeline.api.events_http import EventRoutes
    from pipeline.api.subscriptions_http import SubscriptionRoutes

    subscriptions = SubscriptionRoutes(build_subscriptions(config))
    return [EventRoutes(hub).router(), CaseRoutes(config.postgres.dsn, hub).router(), subscriptions.router()]


def build_subscriptions(config: Config) -> "Subscriptions":
    """What manages who is told of events by webhook."""
    from pipeline.agents.subscriptions import Subscriptions
    from pipeline.events.schemas import EVENT_TYPES
    from pipeline.store.subscriptions import PostgresSubscriptions

    return Subscriptions(PostgresSubscriptions(config.postgres.dsn), tuple(EVENT_TYPES), config.webhooks.allow)


def build_monitor(
    config: Config,
    healths: "Healths",
    *,
    rules_too: bool = False,
    departures: "AllDepartures | None" = None,
    hub: "Hub | None" = None,
) -> "APIRouter":
    """Where the figures of a process's parts are read; one process tells those of the rules as well."""
    from pipeline.connectors.monitor_http import MonitorRoutes

    failures = None
    if rules_too and config.route and config.postgres.dsn != "embedded":
        from functools import partial

        from pipeline.store.queues import rule_failures

        failures = partial(rule_failures, config.postgres.dsn)
    listeners = (lambda: hub.listeners) if hub is not None else None
    return MonitorRoutes(healths, config.metrics, config.http, failures, departures, listeners).router()


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


def build_mail_door(config: Config) -> "MailDoor":
    """Whoever takes our mail: a smarthost, else a folder."""
    from pathlib import Path

    from pipeline.dispatch.mail.maildir import MaildirDoor
    from pipeline.dispatch.mail.smarthost import Smarthost, SmarthostDoor

    if config.mail.smarthost == "maildir":
        return MaildirDoor(Path(config.mail.maildir))
    return SmarthostDoor(Smarthost.of(config.mail))


def build_mail(config: Config, door: "Callable[[Config], MailDoor]" = build_mail_door) -> "MailWay":
    """What sends mail, over as many connections at once as the configuration says."""
    from pipeline.agents.deliveries import Deliveries
    from pipeline.agents.rules import compile_rules
    from pipeline.dispatch.mail.compose import Composer
    from pipeline.dispatch.mail.signing import BadKeyError
    from pipeline.dispatch.mail.way import QUEUE, Lane, MailWay
    from pipeline.errors import Stop
    from pipeline.store.letters import Held, MailStore, Turns

    dsn, consequences = config.postgres.dsn, build_consequences(compile_rules(config))

    def lane() -> Lane:
        store = MailStore(dsn)
        return Lane(Held(config.postgres.direct), door(config), store, Deliveries(store, consequences))

    turns = Turns(dsn, QUEUE, config.mail.per_domain_a_minute)
    try:
        return MailWay(turns, [lane() for _ in range(config.mail.connections)], Composer.of(config))
    except (LookupError, BadKeyError) as error:
        raise Stop(str(error)) from error


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


def event_source(config: Config) -> str:
    """The CloudEvents source of all that this desk publishes."""
    return f"/casestream/{config.desk.domain}"


def build_relay(config: Config, ready: Callable[[], None]) -> "Relay":
    """The one that publishes events; others of its kind stand by."""
    from pipeline.agents.relay import Relay
    from pipeline.agents.state_feed import StateFeed
    from pipeline.publish.binding import BINDINGS
    from pipeline.publish.events import KafkaPublisher
    from pipeline.publish.states import KafkaStatePublisher

    dsn, source = config.postgres.direct, event_source(config)
    states = StateFeed(dsn, lambda: KafkaStatePublisher(config.kafka, source))
    bound = BINDINGS[config.events.mode]
    return Relay(dsn, lambda: KafkaPublisher(config.kafka, source, bound), states, ready)


def build_dispatch(config: Config, ready: Callable[[], None]) -> "Dispatch":
    """What delivers all that leaves the desk; several share the work."""
    from pipeline.dispatch.dispatch import Dispatch

    return Dispatch(config.postgres.direct, build_ways(config), ready)


def build_ways(config: Config) -> "list[Way]":
    """Every way out of the desk."""
    return [build_webhooks(config), build_mail(config), build_replies(config)]


def build_replies(config: Config) -> "ReplyWay":
    """What answers on social platforms."""
    from pipeline.agents.rules import compile_rules
    from pipeline.dispatch.replies.way import ReplyWay
    from pipeline.store.postgres import PostgresStore
    from pipeline.store.reply_queue import ReplyQueue

    dsn, rules = config.postgres.dsn, compile_rules(config)
    stores = [PostgresStore(dsn) for _ in range(REPLIES_AT_ONCE + 1)]
    return ReplyWay(ReplyQueue(dsn), config.social, stores, lambda store: build_deliveries(rules, store))


def build_webhooks(config: Config) -> "Webhooks":
    """What posts events to those who subscribed to them."""
    from random import random

    from pipeline.agents.rules import compile_rules
    from pipeline.dispatch.webhooks.notice import DisabledNotice
    from pipeline.dispatch.webhooks.sending import Sender
    from pipeline.dispatch.webhooks.way import Webhooks
    from pipeline.events.schemas import EVENT_TYPES
    from pipeline.store.postgres import PostgresStore
    from pipeline.store.webhooks import WebhookQueue

    store = PostgresStore(config.postgres.dsn)
    notice = DisabledNotice(store, build_deliveries(compile_rules(config), store))
    queue = WebhookQueue(config.postgres.direct)
    sender = Sender(config.webhooks.allow)
    return Webhooks(queue, sender, notice, source=event_source(config), types=tuple(EVENT_TYPES), random=random)


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

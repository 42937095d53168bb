"""Builds what leaves the desk by: the relay to Kafka, mail, answers, webhooks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.app.engine import build_deliveries
from pipeline.config import Config

if TYPE_CHECKING:
    from pipeline.agents.relay import Relay
    from pipeline.dispatch.dispatch import Dispatch, Way
    from pipeline.dispatch.mail.door import MailDoor
    from pipeline.dispatch.mail.way import MailWay
    from pipeline.dispatch.replies.way import ReplyWay
    from pipeline.dispatch.webhooks.way import Webhooks

REPLIES_AT_ONCE = 4
"""How many answers leave for platforms at the same time; of one conversation always one."""


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
    from pipeline.agents.rules import compile_rules
    from pipeline.dispatch.mail.compose import Composer
    from pipeline.dispatch.mail.signing import BadKeyError
    from pipeline.dispatch.mail.way import QUEUE, Lane, MailWay
    from pipeline.errors import Stop
    from pipeline.store.letters import Held, MailStore, Turns

    dsn, rules = config.postgres.dsn, compile_rules(config)

    def lane() -> Lane:
        store = MailStore(dsn)
        return Lane(Held(config.postgres.direct), door(config), store, build_deliveries(rules, store))

    turns = Turns(dsn, QUEUE, config.mail.per_domain_a_minute)
    try:
        return MailWay(turns, [lane() for _ in range(config.mail.connections)], Composer.of(config))
    except (LookupError, BadKeyError) as error:
        raise Stop(str(error)) from error


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

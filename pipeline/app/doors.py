"""Builds what messages come in by: the connectors, what they publish with, what watches them."""

from typing import TYPE_CHECKING

from pipeline.app.engine import build_deliveries
from pipeline.config import Config

if TYPE_CHECKING:
    from fastapi import APIRouter

    from pipeline.api.hub import Hub
    from pipeline.connectors.contract import Connector, Publisher
    from pipeline.departures import AllDepartures
    from pipeline.log import Log
    from pipeline.metrics import Healths

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

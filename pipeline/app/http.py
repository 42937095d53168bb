"""Builds the routes of the HTTP application: forms, calls, platforms; events, subscriptions, the gate before them."""

from typing import TYPE_CHECKING

from pipeline.app.doors import build_monitor
from pipeline.app.leaving import event_source
from pipeline.config import Config

if TYPE_CHECKING:
    from fastapi import APIRouter

    from pipeline.agents.subscriptions import Subscriptions
    from pipeline.api.auth import Gate
    from pipeline.api.hub import Hub
    from pipeline.connectors.contract import Publisher

GUESSES_PER_MINUTE = 60
"""How often one address may show a token that is none."""


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

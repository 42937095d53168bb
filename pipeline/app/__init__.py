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

from pipeline.app.doors import (
    CONNECTORS,
    build_connector,
    build_monitor,
    build_publisher,
    wanted_channels,
    wanted_connectors,
)
from pipeline.app.engine import (
    build_casework,
    build_clock,
    build_consequences,
    build_contacts,
    build_deliveries,
    build_importer,
    build_intake,
    build_quarantine,
    build_queue_desk,
    build_record_work,
    build_recount,
    build_retrial,
    build_settler,
    build_suggestions,
    build_timers,
    build_worker,
    open_queue_desk,
)
from pipeline.app.http import (
    build_api,
    build_gate,
    build_hub,
    build_routes,
    build_subscriptions,
    build_unsubscribing,
)
from pipeline.app.leaving import (
    build_dispatch,
    build_mail,
    build_mail_door,
    build_relay,
    build_replies,
    build_ways,
    build_webhooks,
    event_source,
)

__all__ = [
    "CONNECTORS",
    "build_api",
    "build_casework",
    "build_clock",
    "build_connector",
    "build_consequences",
    "build_contacts",
    "build_deliveries",
    "build_dispatch",
    "build_gate",
    "build_hub",
    "build_importer",
    "build_intake",
    "build_mail",
    "build_mail_door",
    "build_monitor",
    "build_publisher",
    "build_quarantine",
    "build_queue_desk",
    "build_record_work",
    "build_recount",
    "build_relay",
    "build_replies",
    "build_retrial",
    "build_routes",
    "build_settler",
    "build_subscriptions",
    "build_suggestions",
    "build_timers",
    "build_unsubscribing",
    "build_ways",
    "build_webhooks",
    "build_worker",
    "event_source",
    "open_queue_desk",
    "wanted_channels",
    "wanted_connectors",
]

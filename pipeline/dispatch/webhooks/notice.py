"""Tells that a subscription is disabled, in the transaction that disables it.

Programs get an event `delivery.failed`, the person whom the default queue's `notify` names gets a mail.
"""

import asyncio
from datetime import datetime

from pipeline.agents.deliveries import Became, Deliveries
from pipeline.dispatch.webhooks.way import Disable
from pipeline.domain.subscriptions import Subscription
from pipeline.store.outbound_ports import NewMail
from pipeline.store.postgres import PostgresStore, PostgresTransaction


class DisabledNotice:
    """Tells it on a connection of its own, one at a time."""

    def __init__(self, store: PostgresStore, deliveries: Deliveries[PostgresTransaction]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._turn = asyncio.Lock()

    async def __call__(
        self, subscription: Subscription, reason: str, attempts: int, at: datetime, disable: Disable
    ) -> bool:
        """Whether it was news, as `disable` says."""
        became = Became(
            kind="webhook", state="failed", target=str(subscription.id), at=at, attempts=attempts, reason=reason,
            key=f"/subscription/{subscription.id}", mail=_mail(subscription, reason, at),
        )  # fmt: skip
        async with self._turn:
            return await self._deliveries.tell(became, lambda tx: disable(tx.connection))

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()


def _mail(subscription: Subscription, reason: str, at: datetime) -> NewMail:
    name = subscription.description or str(subscription.id)
    since = (subscription.failing_since or at).isoformat(timespec="seconds")
    return NewMail(
        to="manager",
        template="webhook_disabled",
        subject=f"Webhook {name} was switched off",
        body=f"Nothing could be delivered to {subscription.url} since {since}: {reason}\n",
        at=at,
        values={"name": name, "url": subscription.url, "since": since, "reason": reason},
    )

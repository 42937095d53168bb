"""Tells everybody that a subscription is disabled: an event `delivery.failed`, in the transaction that disables it."""

import asyncio
from datetime import datetime
from uuid import UUID

from pipeline.agents.deliveries import Became, Deliveries
from pipeline.dispatch.webhooks.way import Disable
from pipeline.store.postgres import PostgresStore, PostgresTransaction


class DisabledNotice:
    """Tells it on a connection of its own, one at a time."""

    def __init__(self, store: PostgresStore, deliveries: Deliveries[PostgresTransaction]) -> None:
        self._store = store
        self._deliveries = deliveries
        self._turn = asyncio.Lock()

    async def __call__(self, subscription: UUID, reason: str, attempts: int, at: datetime, disable: Disable) -> bool:
        """Whether it was news, as `disable` says."""
        became = Became(
            kind="webhook", state="failed", target=str(subscription), at=at, attempts=attempts, reason=reason,
            key=f"/subscription/{subscription}",
        )  # fmt: skip
        async with self._turn:
            return await self._deliveries.tell(became, lambda tx: disable(tx.connection))

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

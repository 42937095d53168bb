"""Mail that leaves as people look at it: what was sent, what was not, what is to be sent anew."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pipeline.store.connection import connected
from pipeline.store.queries import load_queries

_SQL = load_queries("outbound_box.sql")

STATES = ("queued", "sending", "sent", "failed", "bounced", "dropped")


@dataclass(frozen=True, slots=True)
class Left:
    """A mail that left or is to, and how it fared."""

    id: UUID
    state: str
    template: str
    recipient: str
    subject: str
    case: int | None
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    unsure: int
    reason: str | None
    message_id: str


class OutboundBox:
    """Finds mails by state, and lets them be tried anew."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def list(self, states: Collection[str], limit: int) -> Sequence[Left]:
        """The last so many in these states, the newest first."""
        async with connected(self._dsn) as connection:
            rows = await connection.execute(_SQL["list"], {"states": [*states], "limit": limit})
            return [Left(*row) for row in await rows.fetchall()]

    async def find(self, prefix: str) -> UUID:
        """The mail whose id begins so. Raises LookupError when there is none, or more than one."""
        async with connected(self._dsn) as connection:
            rows = await (await connection.execute(_SQL["find"], {"prefix": prefix.lower()})).fetchall()
        if not rows or not prefix:
            raise LookupError(f"there is no mail {prefix}")
        if len(rows) > 1:
            raise LookupError(f"there are several mails that begin with {prefix}; write more of it")
        return UUID(str(rows[0][0]))

    async def failed_since(self, since: datetime) -> Sequence[UUID]:
        """Those that failed of what was written since a time."""
        async with connected(self._dsn) as connection:
            rows = await connection.execute(_SQL["failed_since"], {"since": since})
            return [one for (one,) in await rows.fetchall()]

    async def again(self, mails: Collection[UUID]) -> Collection[UUID]:
        """Let mails be sent anew; those that are sent, or about to be, are left alone."""
        async with connected(self._dsn) as connection:
            rows = await connection.execute(_SQL["again"], {"ids": [*mails]})
            return {one for (one,) in await rows.fetchall()}

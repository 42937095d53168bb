"""A process that fires timers of a kind of its own until it is killed: each firing is an event of its case."""

import asyncio
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from pipeline.agents.batch import Batch, CaseEvent, Deed
from pipeline.agents.consequences import Consequences
from pipeline.agents.ticker import Ticker
from pipeline.agents.timers import Timers
from pipeline.domain.timers import Awaited, Timer
from pipeline.store.ports import Transaction
from pipeline.store.postgres import PostgresStore


class Tell:
    """Tells on the case that the timer fired, and when."""

    def claims(self, timer: Timer) -> Iterable[str]:  # noqa: ARG002  # a handler has this form
        return ()

    async def foresee(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> Collection[UUID]:  # noqa: ARG002  # asks nothing
        return ()

    async def prepare(self, timers: Sequence[Timer], batch: Batch, tx: Transaction) -> None:
        """Nothing more is asked."""

    def fire(self, timer: Timer, batch: Batch, cause: Deed) -> None:
        assert timer.case_id is not None
        case = batch.cases[timer.case_id]
        batch.touch(case)
        fired = {"fired": (timer.key, datetime.now(UTC).isoformat())}
        batch.events.append(CaseEvent("case.updated", cause, case, fired))


class Settled:
    """Nothing waits."""

    async def __call__(self) -> dict[Awaited, datetime]:
        return {}

    async def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    timers = Timers(PostgresStore(sys.argv[1]), {"tell": Tell()}, Consequences(()))
    asyncio.run(Ticker(timers, Settled()).run())

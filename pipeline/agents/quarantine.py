"""Settles a quarantined message after all, through the very steps of intake, or drops it."""

from dataclasses import dataclass, replace
from uuid import UUID

import stamina
import structlog
from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch, Deed, Incoming
from pipeline.agents.consequences import Consequences
from pipeline.agents.intake import Intake
from pipeline.agents.mail.twins import twins_of
from pipeline.agents.reading.record import Reader, Unread
from pipeline.domain.orders import Refused
from pipeline.domain.quarantine import Drop, Release, Verdict
from pipeline.errors import Retry
from pipeline.store.casework_ports import DeedRow
from pipeline.store.quarantine import Held, QuarantineStore, QuarantineTransaction

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a message: its outcome now, and the number of its case if it has one."""

    message: UUID
    outcome: str
    case: int | None
    reason: str
    changed: bool = True


class Quarantine:
    """Each verdict is a transaction of its own; the offset ledger, which counted the message as it came, stays."""

    def __init__(self, store: QuarantineStore, reader: Reader, intake: Intake, consequences: Consequences) -> None:
        self._store = store
        self._reader = reader
        self._intake = intake
        self._consequences = consequences

    async def close(self) -> None:
        """Give the connection back."""
        await self._store.close()

    async def do(self, verdict: Verdict, by: Deed) -> Judged | Refused:
        """Carry it out. Raises LookupError when there is no such message, Retry when the store is away."""
        async for attempt in stamina.retry_context(on=Retry, attempts=5, timeout=30.0, wait_initial=0.05):
            with attempt:
                async with self._store.transaction() as tx:
                    held = await tx.lock_held(verdict.message)
                    if held.outcome != "quarantined":
                        reason = f"it is {held.outcome}, and waits for nobody"
                        return Judged(held.id, held.outcome, None, reason, changed=False)
                    if isinstance(verdict, Drop):
                        return await self._drop(held, verdict, by, tx)
                    return await self._release(held, verdict, by, tx)
        raise AssertionError("the loop above returns or raises")

    async def _drop(self, held: Held, verdict: Drop, by: Deed, tx: QuarantineTransaction) -> Judged:
        if held.waits:
            batch = Batch()
            batch.queues.take("quarantined", held.id)
            batch.work.deeds.append(_deed(verdict, None, by))
            await self._consequences(batch, tx)
        return Judged(held.id, "quarantined", None, "nobody is asked about it any more", changed=held.waits)

    async def _release(self, held: Held, verdict: Release, by: Deed, tx: QuarantineTransaction) -> Judged | Refused:
        if held.channel == "phone":
            return Refused("it tells of a call, which is kept as it was; open a case for its caller instead")
        read = self._reader.read(held.record)
        if isinstance(read, Unread):
            return Refused(f"it cannot be read: {read.dead.reason}")
        message = _same(read, held)
        await tx.forget(held.id)
        await self._intake([message], tx)
        batch = Batch()
        batch.queues.take("quarantined", held.id)
        batch.work.deeds.append(_deed(verdict, message.case.id if message.case else None, by))
        await self._consequences(batch, tx)
        outcome = message.outcome
        if outcome is None:
            raise AssertionError(f"no step decided on {message.source_id}")
        case = message.case.number if message.case else None
        _log.info("released", message=str(held.id), case=case, outcome=outcome.name, by=by.actor_id)
        return Judged(held.id, outcome.name, case, outcome.reason)


def _same(read: Incoming, held: Held) -> Incoming:
    """The message that was put aside: of a mail to several mailboxes the one that waits, and no other."""
    twin = next((one for one in (read, *twins_of(read)) if one.dedupe_key == held.dedupe_key), read)
    mail = replace(twin.mail, twins=()) if twin.mail else None
    return replace(twin, id=held.id, mail=mail, released=True)


def _deed(verdict: Verdict, case: UUID | None, by: Deed) -> DeedRow:
    data = {"message": str(verdict.message)}
    return DeedRow(uuid7(), case, by.at, by.actor, by.actor_id, type(verdict).__name__, data)

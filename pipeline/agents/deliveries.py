"""Tells what became of what left the desk, in the transaction that notes it where it left from."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import stamina

from pipeline.agents.batch import Batch, CaseEvent, Deed, DeliveryTold
from pipeline.agents.consequences import Consequences
from pipeline.agents.mail.from_us import PASSED_ON
from pipeline.domain.answers import answered, taken_back
from pipeline.domain.cases import Case, survivor
from pipeline.domain.deliveries import Kind, State, follows, told_as
from pipeline.errors import Retry
from pipeline.store.delivery_ports import Leaving, NewDelivery
from pipeline.store.outbound_ports import NewMail
from pipeline.store.ports import Transaction

ATTEMPTS = 8
ACTOR = "dispatch"
UNDELIVERED = "answer not delivered"
"""The flag of a case of which an answer did not reach the customer."""

MAX_REASON = 500

Tx = TypeVar("Tx", bound=Transaction)
Tx_co = TypeVar("Tx_co", bound=Transaction, covariant=True)

Row = Callable[[Tx], Awaitable[bool]]
"""Notes the same where it left from, in the same transaction; False when it was noted before."""


class Opens(Protocol[Tx_co]):
    """Whatever opens transactions."""

    def transaction(self) -> AbstractAsyncContextManager[Tx_co]:
        """A transaction that commits at the end of the block. Raises Retry when the store is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """What became of something that left: how far it is now, for whom it was, after how many tries.

    It is known by its `activity`; what has none (an acknowledgement, a warning) by its `case`; what has neither (a
    webhook, a command without a case) by `key`, which its events are ordered by. `answer` is by what the case knows it
    if it is a mail that answers the customer. `mail` is what a person gets about a failure.
    """

    kind: Kind
    state: State
    target: str
    at: datetime
    attempts: int = 1
    reason: str | None = None
    activity: UUID | None = None
    case: UUID | None = None
    key: str | None = None
    platform_id: str | None = None
    answer: str | None = None
    mail: NewMail | None = None


class Deliveries(Generic[Tx]):
    """Sets how far an activity has come, tells `delivery.sent` or `delivery.failed`, takes back an answer that failed.

    Told again, nothing changes: neither the row, nor the activity, nor is there another event.
    """

    def __init__(self, store: Opens[Tx], consequences: Consequences) -> None:
        self._store = store
        self._consequences = consequences

    async def tell(self, became: Became, row: Row[Tx] | None = None) -> bool:
        """Whether it was news. Raises Retry when the store is away for longer than a moment.

        `row` runs under the locks of case and activity; without an activity it is what knows whether this is news.
        """
        if became.activity is None and row is None:
            raise AssertionError("only a row can say whether news of what has no activity was told before")
        async for attempt in _again():
            with attempt:
                async with self._store.transaction() as tx:
                    return await self._tell(became, row, tx)
        raise AssertionError("the loop above returns or raises")

    async def _tell(self, became: Became, row: Row[Tx] | None, tx: Tx) -> bool:
        case, leaving = await _locked(became, tx)
        if row is not None and not await row(tx):
            return False
        old = leaving.state if leaving is not None else None
        reason = became.reason[:MAX_REASON] if became.reason else None
        batch = Batch(cases={case.id: case} if case is not None else {})
        if leaving is not None:
            waits_on = became.state == old == "queued" and reason != leaving.reason
            if not (follows(became.state, old) or waits_on):
                return False
            arrived = became.at if became.state == "delivered" else None
            batch.delivered.append(
                NewDelivery(activity=leaving.activity, state=became.state, reason=reason, at=arrived,
                            platform_id=became.platform_id)
            )  # fmt: skip
        if (event := told_as(became.state, old)) is not None and (leaving is None or follows(became.state, old)):
            _tell_event(batch, case, event, became, reason, old)
            if became.mail is not None and event == "delivery.failed":
                batch.outbound.append(became.mail)
        await self._consequences(batch, tx)
        return True


async def _locked(became: Became, tx: Transaction) -> tuple[Case | None, Leaving | None]:
    """The case and then the activity, locked; an activity that moved meanwhile is another try."""
    known = (await tx.leaving({became.activity})).get(became.activity) if became.activity is not None else None
    wanted = known.case_id if known is not None else became.case
    cases = await tx.lock_cases({wanted} if wanted is not None else ())
    if known is None:
        return (survivor(wanted, cases) if wanted is not None else None), None
    leaving = (await tx.leaving({known.activity}, lock=True)).get(known.activity)
    if leaving is None or leaving.case_id != known.case_id:
        raise Retry("the activity moved to another case before it was locked")
    return (cases.get(wanted) if wanted is not None else None), leaving


def _tell_event(
    batch: Batch, case: Case | None, event: str, became: Became, reason: str | None, old: State | None
) -> None:
    changed: dict[str, tuple[object, object]] = {}
    if case is not None and became.activity is not None and event == "delivery.failed":
        changed |= _not_answered(case, became)
        if became.kind == "social" or became.answer is not None:
            batch.outbound.append(_to_owner(case, became, reason))
    elif case is not None and became.activity is not None and old == "failed" and became.kind == "social":
        changed |= answered(case, became.at, str(became.activity))  # it was there all the time
    elif case is not None and old == "failed" and became.answer is not None:
        changed |= answered(case, became.at, became.answer)  # it was sent anew
    told = DeliveryTold(became.kind, became.target, became.activity, reason, became.attempts, became.key)
    batch.events.append(CaseEvent(event, Deed(became.at, "rule", ACTOR), case, changed, delivery=told))
    if case is not None:
        batch.touch(case)
        if reason is not None and event == "delivery.failed":
            batch.why(case, "delivery", f"{became.kind} to {became.target} failed: {reason}", became.at)


def _not_answered(case: Case, became: Became) -> dict[str, tuple[object, object]]:
    known_by = (became.target, PASSED_ON) if became.kind == "mail" else ()
    changed = {**taken_back(case, str(became.activity), *known_by)}
    if became.kind in {"mail", "social"} and UNDELIVERED not in case.flags:
        changed["flags"] = (case.flags, (*case.flags, UNDELIVERED))
        case.flags += (UNDELIVERED,)
    return changed


def _to_owner(case: Case, became: Became, reason: str | None) -> NewMail:
    """What tells who works on it that the customer did not get the answer."""
    text = f"{case.title}\n\nThe answer to {became.target} was not delivered: {reason or 'nobody said why'}.\n"
    return NewMail(to="owner", template="delivery_failed", subject=case.title, body=text, at=became.at, case=case)


def _again() -> AsyncIterator[stamina.Attempt]:
    """Tries again while others are at the same case."""
    return stamina.retry_context(on=Retry, attempts=ATTEMPTS, wait_initial=0.02, wait_max=1.0, wait_jitter=0.1)

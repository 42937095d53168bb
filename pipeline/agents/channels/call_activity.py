"""Writes into a batch what a call amounts to: its activity, with the call-back it asks for or settles."""

from datetime import datetime
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from pipeline.agents.batch import Batch
from pipeline.agents.channels.told import Ongoing
from pipeline.domain.callbacks import Caller, after_call
from pipeline.domain.calls import LOST, NO_END_AFTER, CallTold, CallView, call_subject
from pipeline.store.channel_ports import ToldActivity

CALL_END = "call end"
CALL_BACK: Final = "call back"

_NO_END = f"no end was told within {NO_END_AFTER.total_seconds() / 3600:.0f} h"


def calls_of(ongoing: Ongoing) -> list[CallTold]:
    """What was told of it as a call."""
    return [told for told in ongoing.told if isinstance(told, CallTold)]


def began_first(ongoing: Ongoing, otherwise: datetime) -> datetime:
    """The earliest moment that anyone told of it."""
    return min((told.began or otherwise for told in calls_of(ongoing) if told.state != LOST), default=otherwise)


def keep_call(ongoing: Ongoing, view: CallView, at: datetime, batch: Batch, queue: str | None) -> None:
    """The call's activity as it stands now; who called in vain is called back from the queue, if one is given."""
    began = began_first(ongoing, at)
    contact_id = ongoing.party.contact.id if ongoing.party and ongoing.party.contact else None
    batch.channels.activities[ongoing.id] = ToldActivity(
        id=ongoing.id,
        case_id=ongoing.case_id,
        kind="phone",
        direction=view.direction,
        state="closed" if view.over else "open",
        result=view.state,
        subject=call_subject(view),
        body="",
        sender=view.caller,
        recipient=view.called,
        agent=view.agent,
        contact_id=contact_id,
        at=began,
        started_at=view.started_at,
        answered_at=view.answered_at,
        ended_at=view.ended_at,
        duration_s=view.duration_s,
        billable_s=view.billable_s,
        told=ongoing.told,
        defects=(_NO_END,) if view.lost else (),
    )
    if view.party is not None:
        _call_back(view, began, batch, ongoing, queue)


def _call_back(view: CallView, began: datetime, batch: Batch, ongoing: Ongoing, queue: str | None) -> None:
    channels = batch.channels
    number = view.party or ""
    before = channels.callers.get(number) or Caller(number)
    seen = ongoing.case_id is not None or queue is None
    after = after_call(before, view, began, has_case=seen, new=uuid7())
    if after == before:
        return
    channels.callers[number] = after
    channels.called.add(number)
    if after.call_back is not None and before.call_back is None:
        contact_id = ongoing.party.contact.id if ongoing.party and ongoing.party.contact else None
        channels.activities[after.call_back] = _waiting(after.call_back, view, began, contact_id, queue)
    elif before.call_back is not None and after.call_back is None:
        channels.closed.append(before.call_back)


def _waiting(id_: UUID, view: CallView, began: datetime, contact_id: UUID | None, queue: str | None) -> ToldActivity:
    return ToldActivity(
        id=id_,
        case_id=None,
        kind=CALL_BACK,
        direction="out",
        state="open",
        result=None,
        subject=f"Call back {view.name} ({view.caller})" if view.name else f"Call back {view.caller}",
        body="",
        sender=None,
        recipient=view.caller,
        agent=None,
        contact_id=contact_id,
        at=began,
        queue=queue,
    )

"""What a parsed call event or call record is: the typed message that `parse phone` prints and intake decides on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Direction = Literal["in", "out", "internal"]
CallEvent = Literal["ring", "answer", "hangup", "record", "other"]
CallState = Literal["ringing", "answered", "completed", "missed", "busy", "failed", "voicemail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as far as one event or record tells of it; several may tell of the same `call_id`.

    Numbers are E.164 where possible, else the digits as they came, None when withheld; `to` is who was reached.
    Times are aware; `duration_s` counts from the start to the end, `billable_s` is talk time alone. `agent` is whom
    the exchange names as ours. `event` is what happened, or a whole `record`; `linked_id` is what all legs of one call
    share where the exchange tells it. What could not be read is None, with the reason in `defects`.
    """

    call_id: str | None = None
    direction: Direction | None = None
    from_: str | None = None
    to: str | None = None
    from_name: str | None = None
    state: CallState | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    billable_s: int | None = None
    agent: str | None = None
    event: CallEvent = "record"
    linked_id: str | None = None
    defects: tuple[str, ...] = ()
